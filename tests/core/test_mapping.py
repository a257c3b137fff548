"""A mapping makes the partner's document, and says what it could not make."""

import contextlib
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.core import mapping, operators, scope
from integrations.core.errors import MappingError
from integrations.core.work import MOST
from otms import documents

ORDER = {
    "transportOrder": {
        "id": "123e4567-e89b-12d3-a456-426614174000",
        "customer": {"name": "Acme Corp"},
        "status": "requested",
        "createdAt": "2026-03-20T10:30:00Z",
        "reference": None,
        "goods": [{"kg": Decimal("12.50")}, {"kg": 3}, {}],
    }
}


def apply(expression, document=ORDER, **options):
    return mapping.compile(expression).apply(document, **options)


def problems(expression):
    return [(problem.field, problem.code) for problem in mapping.check(expression)]


def test_the_mapping_of_the_guide_gives_the_document_of_the_guide():
    result = apply(
        {
            "erp_order_id": "$.transportOrder.id",
            "customer_name": "$.transportOrder.customer.name",
            "status": "$.transportOrder.status",
            "created_date": "$.transportOrder.createdAt",
        }
    )
    assert result.value == {
        "erp_order_id": "123e4567-e89b-12d3-a456-426614174000",
        "customer_name": "Acme Corp",
        "status": "requested",
        "created_date": "2026-03-20T10:30:00Z",
    }
    assert result.warnings == []


@pytest.mark.parametrize(
    "constant", ["TMS", "", 5, 0, Decimal("1.50"), True, False, None, "a $.b", "# 5", "#5", "a@b.c"]
)
def test_any_other_scalar_is_a_constant(constant):
    value = apply({"source": constant}).value["source"]
    assert value == constant
    assert type(value) is type(constant)


@pytest.mark.parametrize(
    ("written", "text"),
    [("$$x", "$x"), ("$$", "$"), ("$$$", "$$"), ("@@me", "@me"), ("##", "#"), ("$$5.00", "$5.00")],
)
def test_a_text_that_looks_like_an_expression_is_written_twice(written, text):
    assert apply({"a": written}).value == {"a": text}


def test_objects_and_lists_are_built_as_written():
    expression = {"a": {"b": ["$.transportOrder.status", {"c": 1}, [], {}]}, "x.y": "dot"}
    assert apply(expression).value == {"a": {"b": ["requested", {"c": 1}, [], {}]}, "x.y": "dot"}


def test_a_missing_key_is_left_out():
    result = apply({"a": "$.transportOrder.nothing", "b": 1})
    assert result.value == {"b": 1}
    assert [(warning.target, warning.path) for warning in result.warnings] == [
        ("a", "$.transportOrder.nothing")
    ]


def test_a_missing_item_is_left_out_of_its_list():
    result = apply({"a": [1, "$.nothing", "$.transportOrder.status"]})
    assert result.value == {"a": [1, "requested"]}
    assert result.warnings[0].target == "a[1]"


def test_null_is_not_missing():
    result = apply({"a": "$.transportOrder.reference", "b": "$.transportOrder.reference.more"})
    assert result.value == {"a": None}


def test_a_path_with_many_values_gives_a_list():
    result = apply({"kg": "$.transportOrder.goods[*].kg", "none": "$.transportOrder.stops[*].at"})
    assert result.value == {"kg": [Decimal("12.50"), 3], "none": []}
    assert result.warnings == []


def test_a_decimal_leaves_with_its_digits():
    value = apply({"kg": "$.transportOrder.goods[0].kg"}).value
    assert documents.dumps(value) == b'{"kg":12.50}'


def test_who_asks_hears_which_path_was_meant():
    result = apply({"a": {"b": "$.transportOrder.customer.nam"}}, explain=True)
    assert [warning.message for warning in result.warnings] == [
        "`a.b` was left out: `$.transportOrder.customer.nam` is not in the document. "
        "Did you mean `$.transportOrder.customer.name`?"
    ]


@pytest.mark.timeout(30)
def test_a_thousand_misses_are_explained_in_no_time():
    document = {f"key{number}": {"name": number} for number in range(500)}
    expression = {f"target{number}": f"$.kee{number}.naam" for number in range(1_000)}
    warnings = apply(expression, document, explain=True).warnings
    assert len(warnings) == 1_000
    assert "Did you mean `$.key0.name`?" in warnings[0].message


def test_who_does_not_ask_does_not_pay_for_the_search(monkeypatch):
    monkeypatch.delattr("integrations.core.paths.nearest")
    assert apply({"a": "$.nothing"}).warnings[0].message == (
        "`a` was left out: `$.nothing` is not in the document."
    )


@pytest.mark.parametrize(
    "path",
    [
        "$.transportOrder.goods[1].kg",
        "transportOrder.goods[1].kg",
        "['transportOrder'].goods[1].kg",
    ],
)
def test_a_path_may_be_written_as_an_operator_with_or_without_its_dollar(path):
    assert apply({"kg": {"$path": path}}).value == {"kg": 3}


@pytest.mark.parametrize(
    ("default", "value"),
    [
        ("unknown", "unknown"),
        (0, 0),
        (None, None),
        ("$$x", "$x"),
        ("$.transportOrder.status", "requested"),
        ({"a": "$.transportOrder.status"}, {"a": "requested"}),
    ],
)
def test_a_default_stands_for_what_is_missing(default, value):
    result = apply({"a": {"$default": default, "$path": "$.nothing"}})
    assert result.value == {"a": value}
    assert result.warnings == []


def test_a_default_does_not_stand_for_what_is_there():
    expression = {"a": {"$path": "$.transportOrder.reference", "$default": 5}}
    assert apply(expression).value == {"a": None}


def test_a_default_that_is_missing_too_is_left_out():
    result = apply({"a": {"$path": "$.x", "$default": "$.y"}})
    assert result.value == {}
    assert [warning.path for warning in result.warnings] == ["$.y"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$.transportOrder.status", "requested"),
        (["$.transportOrder.status"], ["requested"]),
        ({"$path": "$.transportOrder.customer"}, {"name": "Acme Corp"}),
        ({}, {}),
    ],
)
def test_a_mapping_need_not_be_an_object(expression, value):
    assert apply(expression).value == value


def test_a_whole_document_that_is_missing_is_an_error():
    with pytest.raises(MappingError, match=r"`\$.nothing` is not in the document"):
        apply("$.nothing")


def test_a_mapping_may_be_any_kind_of_object():
    assert apply(MappingProxyType({"a": MappingProxyType({"b": (1,)})})).value == {"a": {"b": [1]}}


def test_every_problem_is_named_with_its_target():
    expression = {
        "erp_id": "$.order[",
        "customer": {"name": "$..a..b", "ok": "$.a"},
        "lines": ["x", "$", "$a", {"no": "#", "item": "@.x"}],
        "price": "$5.00",
        "who": "@support",
    }
    assert problems(expression) == [
        ("erp_id", "invalid_path"),
        ("customer.name", "invalid_path"),
        ("lines[2]", "invalid_path"),
        ("lines[3].no", "outside_loop"),
        ("lines[3].item", "outside_loop"),
        ("price", "invalid_path"),
        ("who", "outside_loop"),
    ]


def test_an_unknown_operator_is_named_beside_those_there_are():
    (problem,) = mapping.check({"customer": {"name": {"$pth": "$.a"}}})
    assert (problem.field, problem.code) == ("customer.name", "unknown_operator")
    assert problem.message.startswith("No operator `$pth`; there are: $path, $text, $first")
    assert problem.message.endswith("Did you mean `$path`?")


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ({"$default": 1}, "no_source"),
        ({"$path": "$.a", "b": 1}, "mixed_keys"),
        ({"$path": "$.a", 5: 1}, "mixed_keys"),
        ({"$path": ""}, "invalid_path"),
        ({"$path": None}, "invalid_path"),
        ({"$path": ["$.a"]}, "invalid_path"),
        ({"$path": "@.a"}, "outside_loop"),
        ({"$path": "$.a", "$default": "$.b["}, "invalid_path"),
        ({"": "$."}, "invalid_path"),
        ({5: "$.a"}, "invalid_key"),
    ],
)
def test_an_expression_without_sense_is_a_problem(expression, code):
    assert [problem.code for problem in mapping.check({"a": expression})] == [code]


def test_a_broken_mapping_is_not_compiled():
    with pytest.raises(MappingError, match="erp_id") as caught:
        mapping.compile({"ok": 1, "erp_id": "$.order["})
    assert caught.value.target == "erp_id"
    assert "$.order[" in caught.value.message


def test_a_path_that_does_not_fit_the_document_names_its_target():
    with pytest.raises(MappingError, match="erp_id") as caught:
        apply({"erp_id": "$.transportOrder.id.`sorted`"})
    error = caught.value
    assert (error.target, error.expression) == ("erp_id", "$.transportOrder.id.`sorted`")


def levels(count):
    expression = 1
    for _ in range(count):
        expression = {"a": expression}
    return expression


def test_a_mapping_of_sixty_four_levels_is_fine_and_one_more_is_a_problem():
    assert apply(levels(64)).value == levels(64)
    assert [problem.code for problem in mapping.check(levels(65))] == ["too_deep"]
    assert [problem.code for problem in mapping.check(levels(50_000))] == ["too_deep"]


def test_a_result_deeper_than_sixty_four_levels_is_an_error():
    expression = {"a": {"b": "$.deep"}}
    assert apply(expression, {"deep": levels(62)}).value
    with pytest.raises(MappingError, match="nested deeper"):
        apply(expression, {"deep": levels(63)})


def test_a_result_of_a_mebibyte_is_fine_and_more_is_an_error():
    fits = "x" * (2**20 - len('{"a":""}'))
    assert apply({"a": "$.text"}, {"text": fits}).value
    for text in (fits + "x", "é" * (2**19)):
        with pytest.raises(MappingError, match="1 MiB"):
            apply({"a": "$.text"}, {"text": text})


def test_a_result_grown_from_many_copies_is_stopped_before_it_is_made(monkeypatch):
    encoded = []
    monkeypatch.setattr(
        scope.documents, "dumps", lambda value: encoded.append(value) or b"x" * 300_000
    )
    with pytest.raises(MappingError, match="1 MiB"):
        apply({f"copy{number}": "$.large" for number in range(1_000)}, {"large": ["x"]})
    assert encoded.count(["x"]) == 4


def order(consignments, goods):
    measures = {
        key: {"value": Decimal("1.5"), "unit": "m"} for key in ("length", "width", "weight")
    }
    return {
        "id": "1",
        "status": "planned",
        "consignments": [
            {
                "name": f"C{number}",
                "pickup": {"city": "Utrecht", "at": "2026-03-20T10:30:00Z"},
                "goods": [
                    {
                        "barCode": f"{number}-{place}",
                        "quantity": place,
                        "attributes": {},
                        **measures,
                    }
                    for place in range(goods // consignments)
                ],
            }
            for number in range(consignments)
        ],
    }


def test_a_large_order_with_a_hundred_targets_is_far_below_the_limit(monkeypatch):
    monkeypatch.setattr("integrations.core.work.MOST", MOST // 2)
    document = {
        "transportOrder": order(1_000, 5_000),
        "before": {"transportOrder": order(1_000, 5_000)},
    }
    goods = "$.transportOrder.consignments[*].goods"
    expression = {
        **{f"t{number}": f"$.transportOrder.consignments[{number}].name" for number in range(100)},
        "codes": "$.transportOrder..barCode",
        "again": "$.transportOrder..barCode",
        "cities": "$.transportOrder..city",
        "anywhere": "$..nosuch",
        "kg": f"{goods}[*].weight.value",
        "many": f"{goods}[?(@.quantity > 3)].barCode",
    }
    value = apply(expression, document).value
    assert len(value["codes"]) == len(value["kg"]) == 5_000
    assert len(value["many"]) == 1_000


@pytest.mark.timeout(30)
def test_the_targets_of_a_mapping_share_one_limit_of_work():
    document = {"transportOrder": order(500, 2_500)}
    one = {"a": "$.transportOrder.consignments[*].goods[?(@.weight.value > 2)].barCode"}
    assert apply(one, document).value == {"a": []}
    many = {
        f"t{number}": f"$.transportOrder.consignments[*].goods[?(@.weight.value > {number + 2})]"
        for number in range(100)
    }
    with pytest.raises(
        MappingError, match=r"t\d+: `\$.*` is too much work.*name the whole path"
    ) as e:
        apply(many, document)
    assert e.value.target.startswith("t")
    assert e.value.expression == many[e.value.target]
    with pytest.raises(MappingError) as again:
        apply(many, document)
    assert again.value.target == e.value.target


def test_a_mapping_with_too_many_targets_or_searches_is_a_problem():
    assert problems({f"t{number}": number for number in range(4_999)}) == []
    assert problems({"a": {f"t{number}": number for number in range(100_000)}}) == [
        ("a.t4998", "too_many")
    ]
    (target, code), *more = problems({f"t{number}": f"$..a{number}" for number in range(3_000)})
    assert (target, code) == ("t561", "too_many")
    assert len(more) < 100
    assert problems({f"t{number}": "$..a" for number in range(3_000)}) == []


def test_a_document_of_small_values_is_refused_before_it_is_written(monkeypatch):
    monkeypatch.delattr("otms.documents.dumps")
    with pytest.raises(MappingError, match="1 MiB"):
        apply({"a": "$"}, [Decimal("1.5")] * 600_000)


def test_who_asks_hears_of_a_text_that_is_a_path_without_its_dollar():
    expression = {
        "status": "transportOrder.status",
        "kg": {"$path": "$.nothing", "$default": "transportOrder.goods[*].kg"},
        "source": "example.com",
        "word": "transportOrder",
        "meant": {"$path": "transportOrder.status"},
    }
    result = apply(expression, explain=True)
    assert result.value["status"] == "transportOrder.status"
    assert [(warning.target, warning.message) for warning in result.warnings] == [
        (
            "status",
            "`status` is the text `transportOrder.status`; "
            "write `$.transportOrder.status` for its value.",
        ),
        (
            "kg",
            "`kg` is the text `transportOrder.goods[*].kg`; "
            "write `$.transportOrder.goods[*].kg` for its value.",
        ),
    ]
    assert apply(expression).warnings == []
    assert mapping.texts(expression) == [
        ("status", "$.transportOrder.status"),
        ("kg", "$.transportOrder.goods[*].kg"),
        ("source", "$.example.com"),
    ]


def test_a_constant_is_counted_too():
    with pytest.raises(MappingError, match="1 MiB"):
        apply({"a": "x" * 2**20})


@pytest.mark.parametrize("value", [Decimal("NaN"), object(), {1: 2}])
def test_a_value_that_cannot_be_sent_is_an_error(value):
    for path in ("$.a", "$.b[*]"):
        with pytest.raises(MappingError):
            apply({"a": path}, {"a": value, "b": [value]})


def test_a_compiled_mapping_remembers_nothing_of_a_document():
    compiled = mapping.compile({"a": "$.a"})
    assert compiled.apply({}).warnings
    assert compiled.apply({"a": 1}).value == {"a": 1}
    assert compiled.apply({"a": 1}).warnings == []


def test_a_new_operator_is_one_entry_of_the_table(monkeypatch):
    def upper(builder, place):
        return lambda scope: place.before(scope).upper() + place.expression.get("$suffix", "")

    entry = scope.Operator(upper, companions={"$suffix": {}})
    monkeypatch.setitem(operators.OPERATORS, "$upper", entry)
    expression = {"$upper": True, "$suffix": "!", "$path": "$.transportOrder.status"}
    assert apply({"a": expression}).value == {"a": "REQUESTED!"}
    assert problems({"a": {"$path": "$.a", "$suffix": "!"}}) == [("a", "unknown_operator")]


EXPRESSIONS = st.recursive(
    st.none()
    | st.integers()
    | st.sampled_from(["$.a", "$.a[*]", "$.b.c", "$", "$$x", "#", "@", "text", "$..a", "$.["]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "$path", "$default", "$x", ""]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS, st.sampled_from([{}, {"a": [1, 2]}, {"b": {"c": None}}, [], None, "text"]))
def test_what_passes_the_check_compiles_and_what_does_not_pass_does_not(expression, document):
    if mapping.check(expression):
        with pytest.raises(MappingError):
            mapping.compile(expression)
        return
    compiled = mapping.compile(expression)
    with contextlib.suppress(MappingError):
        documents.dumps(compiled.apply(document).value)


# Texts with places.


def test_a_text_has_places_for_values():
    expression = {
        "text": {"$text": "{{transportOrder.customer.name}}: {{ $.transportOrder.status }}!"}
    }
    assert apply(expression).value == {"text": "Acme Corp: requested!"}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("no place", "no place"),
        ("{{transportOrder.goods[*].kg}}", "12.50, 3"),
        ("<{{transportOrder.reference}}>", "<>"),
        ("}} {{transportOrder.status}} }}", "}} requested }}"),
        ("{ {{transportOrder.status}} }", "{ requested }"),
    ],
)
def test_a_value_stands_in_a_text_as_people_write_it(text, made):
    assert apply({"$text": text}).value == made


def test_a_place_that_stays_empty_is_told():
    result = apply({"text": {"$text": "Order {{transportOrder.nmae}}."}}, explain=True)
    assert result.value == {"text": "Order ."}
    (warning,) = result.warnings
    assert "`text` has an empty place: `$.transportOrder.nmae`" in warning.message


def test_an_object_does_not_stand_in_a_text():
    with pytest.raises(MappingError, match='name one of its fields: "name"'):
        apply({"text": {"$text": "For {{transportOrder.customer}}"}})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (4, "not_a_text"),
        ("Order {{transportOrder.name", "open_place"),
        ("Order {{}}", "invalid_path"),
        ("Order {{transportOrder..a..b}}", "invalid_path"),
    ],
)
def test_a_text_that_cannot_be_written_is_refused(text, code):
    assert problems({"note": {"$text": text}}) == [("note", code)]


def test_a_text_is_bounded():
    with pytest.raises(MappingError, match="larger than 1 MiB"):
        apply({"$text": "{{a}}" * 1_000}, {"a": "x" * 2_000})


def test_the_paths_of_a_text_are_known():
    assert mapping.fields({"note": {"$text": "{{transportOrder.name}}"}}) == [
        ("note", "$.transportOrder.name")
    ]


def test_places_in_texts_are_counted_as_targets() -> None:
    places = "".join(f"{{{{a.t{number}}}}}" for number in range(6_000))
    assert problems({"text": {"$text": places}}) == [("text", "too_many")]


@pytest.mark.parametrize(
    "written",
    [
        {"$sum": "$.transportOrder.goods[*].kgg"},
        {"$each": "$.transportOrder.good[*]", "$do": "@.kg"},
        {"$path": "$.transportOrder.customer.nmae", "$default": "-"},
        {"$if": {"field": "$.transportOrder.staus", "operator": "exists"}, "$then": 1},
    ],
)
def test_who_asks_hears_of_misspelt_paths_that_leave_nothing_out(written):
    result = apply({"x": written}, explain=True)
    warning = result.warnings[0]
    assert "finds nothing in this document. Did you mean `$.transportOrder." in warning.message
    assert apply({"x": written}).warnings == []


def test_what_is_expected_to_be_missing_is_no_misspelling():
    written = {"x": {"$path": "$.transportOrder.customer.vat", "$default": "-"}}
    assert apply(written, explain=True).warnings == []
