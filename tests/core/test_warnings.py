"""What a mapping left out, and what was probably meant: told to who asks."""

import pytest

from integrations.core import mapping
from tests.core.test_mapping import apply


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


def test_idle_loops_do_not_take_the_place_of_what_is_misspelt():
    loops = {f"l{n}": {"$each": f"$.list{n}", "$do": "@.x"} for n in range(30)}
    written = {**loops, "a": {"$path": "$.transportOrder.customer.nmae", "$default": 1}}
    order = {"transportOrder": {"customer": {"name": "x"}}}
    document = {**order, **{f"list{n}": [] for n in range(30)}}
    told = mapping.compile(written).apply(document, explain=True).warnings
    assert [each.meant for each in told if each.meant] == ["$.transportOrder.customer.name"]
    assert sum("has no item" in each.message for each in told) == mapping.EXPLAINED
