"""A mapping makes the partner's document, and says what it could not make."""

import contextlib
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.core import mapping, operators, scope
from integrations.core.errors import MappingError
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
