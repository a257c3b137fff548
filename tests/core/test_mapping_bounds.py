"""How large, how deep and how much work a mapping may be."""

from decimal import Decimal

import pytest

from integrations.core import filters, mapping, scope
from integrations.core.errors import MappingError
from integrations.core.work import MOST
from tests.core.test_mapping import apply, problems


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


def test_what_a_person_writes_is_at_most_1_mib():
    text = "x" * (2**20 - 8)
    assert problems({"a": text}) == []
    assert problems({"a": text + "x"}) == [("", "too_large")]
    leaf = {"field": "$.a", "operator": "eq", "value": text}
    (problem,) = filters.check([leaf])
    assert problem.message == "A list of filters is at most 1 MiB; this one has 1,048,612 bytes."


def test_a_document_of_small_values_is_refused_before_it_is_written(monkeypatch):
    compiled = mapping.compile({"a": "$"})
    monkeypatch.delattr("otms.documents.dumps")
    with pytest.raises(MappingError, match="1 MiB"):
        compiled.apply([Decimal("1.5")] * 600_000)


def test_a_constant_is_counted_too():
    with pytest.raises(MappingError, match="1 MiB"):
        apply({"a": "x" * 2**20})
