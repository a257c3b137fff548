"""Filters decide, and can say which of them said no and on which value."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.core import filters
from integrations.core.comparisons import OPERATORS
from integrations.core.errors import FilterError
from integrations.core.work import MOST
from otms import documents

STATUS = "$.transportOrder.status"
ORDER = {
    "transportOrder": {
        "status": "planned",
        "number": 10,
        "weight": Decimal("12.50"),
        "code": "007",
        "createdAt": "2026-03-20T10:30:00Z",
        "pickup": "2026-03-21",
        "adr": True,
        "note": None,
        "tags": ["urgent", 5],
        "customer": {"name": "Acme Corp"},
        "lines": [{"type": "pallet", "kg": 5}, {"type": "box", "kg": "12"}],
    },
    "before": {"transportOrder": {"status": "requested", "number": 10, "adr": 1, "weight": 12.5}},
}
CREATED = {"transportOrder": ORDER["transportOrder"], "before": None}


def leaf(field, operator, *value):
    entry = {"field": f"$.transportOrder.{field}", "operator": operator}
    return {**entry, "value": value[0]} if value else entry


def verdict(*entries, document=ORDER):
    assert filters.check(list(entries)) == []
    return filters.evaluate(list(entries), document)


def holds(field, operator, *value, document=ORDER):
    return verdict(leaf(field, operator, *value), document=document).matched


def problems(*entries):
    return [(problem.field, problem.code) for problem in filters.check(list(entries))]


YES, NO = leaf("status", "eq", "planned"), leaf("status", "eq", "requested")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], True),
        ([YES], True),
        ([YES, NO], False),
        ([{"any": [NO, YES]}], True),
        ([{"any": [NO, NO]}], False),
        ([{"all": [YES, YES]}], True),
        ([{"all": [YES, NO]}], False),
        ([{"not": NO}], True),
        ([{"not": YES}], False),
        ([{"not": {"any": [NO, {"not": YES}]}}], True),
        ([{"any": [{"all": [YES, NO]}, {"not": NO}]}, YES], True),
        ([YES, {"any": [{"all": [YES, NO]}, {"not": YES}]}], False),
    ],
)
def test_groups_nest(entries, expected):
    assert verdict(*entries).matched is expected


def test_without_filters_everything_matches():
    assert filters.evaluate([], ORDER) == filters.Verdict(True, [], "There are no filters.")
    assert filters.check(None) == []


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([NO], f'{STATUS} is "planned", the filter wants eq "requested"'),
        ([YES, NO], f'{STATUS} is "planned", the filter wants eq "requested"'),
        ([{"not": YES}], f'{STATUS} is "planned", the filter wants not eq "planned"'),
        ([{"not": {"not": NO}}], f'{STATUS} is "planned", the filter wants eq "requested"'),
        ([leaf("status", "missing")], f'{STATUS} is "planned", the filter wants missing'),
        (
            [leaf("nothing", "gt", 5)],
            "$.transportOrder.nothing finds nothing, the filter wants gt 5",
        ),
        (
            [leaf("number", "changed")],
            "$.transportOrder.number is 10, the filter wants changed (before: 10)",
        ),
        (
            [{"any": [NO, leaf("number", "gt", 20)]}],
            f'none of these holds: {STATUS} is "planned", the filter wants eq "requested"; '
            "$.transportOrder.number is 10, the filter wants gt 20",
        ),
        (
            [{"not": {"any": [NO, YES]}}],
            f'{STATUS} is "planned", the filter wants not eq "planned"',
        ),
    ],
)
def test_the_reason_names_the_filter_that_said_no_and_its_value(entries, reason):
    assert verdict(*entries).reason == reason


def test_the_trace_has_every_comparison_with_what_it_saw():
    trace = verdict(NO, {"any": [YES, leaf("number", "gt", "x")]}).trace
    assert trace == [
        {
            "field": STATUS,
            "operator": "eq",
            "value": "requested",
            "seen": "planned",
            "matched": False,
        },
        {"field": STATUS, "operator": "eq", "value": "planned", "seen": "planned", "matched": True},
        {
            "field": "$.transportOrder.number",
            "operator": "gt",
            "value": "x",
            "seen": 10,
            "matched": False,
            "note": 'a number cannot be compared so with a text ("x")',
        },
    ]


def test_a_large_value_is_kept_short_in_trace_and_reason():
    document = {"transportOrder": {"status": "x" * 100_000, "lines": list(range(10_000))}}
    entries = [
        leaf("status", "eq", "a" * 10_000),
        leaf("lines[*]", "eq", -1),
        leaf("lines", "eq", 1),
    ]
    for entry in entries:
        judged = filters.evaluate([entry], document)
        assert len(judged.reason) <= 500
        assert len(documents.dumps(judged.trace[0]["seen"])) <= 90


def test_a_long_reason_is_cut():
    assert len(verdict({"any": [NO] * 100}).reason) == 500


def test_the_field_may_be_written_without_its_dollar():
    entry = {"field": "transportOrder.status", "operator": "eq", "value": "planned"}
    judged = verdict(entry)
    assert judged.matched
    assert judged.trace[0]["field"] == STATUS


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"field": "$.a", "operator": "is", "value": 1}, [("[0].operator", "unknown_operator")]),
        ({"field": STATUS, "value": 1}, [("[0].operator", "required")]),
        ({"field": STATUS, "operator": ["eq"], "value": 1}, [("[0].operator", "unknown_operator")]),
        ({"operator": "exists"}, [("[0].field", "required")]),
        ({"field": 5, "operator": "exists"}, [("[0].field", "required")]),
        ({"field": "$.a[", "operator": "exists"}, [("[0].field", "invalid_path")]),
        ({"field": "@.a", "operator": "exists"}, [("[0].field", "invalid_path")]),
        ({"field": "$..a..b", "operator": "exists"}, [("[0].field", "invalid_path")]),
        ({"field": "$.before.a", "operator": "changed"}, [("[0].field", "invalid_path")]),
        ({"field": "$.a", "operator": "eq"}, [("[0].value", "required")]),
        ({"field": "$.a", "operator": "exists", "value": False}, [("[0].value", "invalid_value")]),
        ({"field": "$.a", "operator": "in", "value": "a"}, [("[0].value", "invalid_value")]),
        ({"field": "$.a", "operator": "gt", "value": True}, [("[0].value", "invalid_value")]),
        ({"field": "$.a", "operator": "gt", "value": None}, [("[0].value", "invalid_value")]),
        ({"field": "$.a", "operator": "like", "value": 5}, [("[0].value", "invalid_value")]),
        ({"field": "a", "operator": "like", "value": "*" * 600}, [("[0].value", "invalid_value")]),
        ({"field": "$.a", "operator": "contains", "value": []}, [("[0].value", "invalid_value")]),
        ({**YES, "feld": "$.a"}, [("[0].feld", "unknown_field")]),
        ({"any": []}, [("[0].any", "invalid_group")]),
        ({"all": {}}, [("[0].all", "invalid_group")]),
        ({"not": [YES]}, [("[0].not", "invalid_filter")]),
        ({"any": [YES], "all": [YES]}, [("[0]", "mixed_keys")]),
        ({"any": [YES], "field": "$.a"}, [("[0]", "mixed_keys")]),
        ({"all": [YES, {"not": {"any": [3]}}]}, [("[0].all[1].not.any[0]", "invalid_filter")]),
        (None, [("[0]", "invalid_filter")]),
        ({}, [("[0].field", "required"), ("[0].operator", "required")]),
    ],
)  # fmt: skip
def test_a_broken_filter_is_a_problem_with_its_place(entry, expected):
    assert problems(entry) == expected


def test_all_problems_are_reported_at_once():
    assert problems(YES, {"any": [{"field": "", "operator": "nah"}]}, 5) == [
        ("[1].any[0].field", "required"),
        ("[1].any[0].operator", "unknown_operator"),
        ("[2]", "invalid_filter"),
    ]


def test_a_misspelt_word_is_suggested():
    messages = [p.message for p in filters.check([{"feld": 1, "operator": "notin", "value": []}])]
    assert messages[0].endswith("Did you mean `field`?")
    assert messages[2].endswith("Did you mean `notIn`?")


@pytest.mark.parametrize("entries", [{}, "[]", 5, {"field": "$.a"}])
def test_filters_that_are_no_list_are_a_problem(entries):
    assert [problem.code for problem in filters.check(entries)] == ["invalid_filters"]


def test_groups_nest_sixty_four_deep_and_no_deeper():
    entry = YES
    for _ in range(63):
        entry = {"not": entry}
    assert not verdict(entry).matched
    for _ in range(50_000):
        entry = {"not": entry}
    assert [problem.code for problem in filters.check([entry])] == ["too_deep"]
    with pytest.raises(FilterError):
        filters.evaluate([entry], ORDER)


@pytest.mark.parametrize(
    "entry",
    [
        {"field": "$.a", "operator": "gone", "value": 1},
        {"field": "$.a[", "operator": "eq"},
        {"field": "$.a", "operator": "in", "value": 5},
        {"field": "$.`parent`", "operator": "exists"},
        {},
        5,
    ],
)
def test_a_broken_filter_that_was_never_checked_is_an_error_not_a_no(entry):
    with pytest.raises(FilterError, match=r"\[0\]"):
        filters.evaluate([entry], {"a": 1})


@pytest.mark.timeout(30)
def test_a_hostile_pattern_does_not_hang():
    document = {"transportOrder": {"status": "a" * 5_000}}
    assert not holds("status", "like", "*a" * 200 + "b", document=document)


LONG = {"transportOrder": {"texts": ["a" * 100_000] * 100, "numbers": list(range(5_000))}}


@pytest.mark.parametrize(
    "entries",
    [
        [leaf("texts[*]", "like", "*" + "a" * 400 + f"b{n}*") for n in range(100)],
        [leaf("texts[0]", "like", "*a" * 250 + f"b{n}") for n in range(500)],
        [leaf("texts[*]", "contains", "a" * 98 + f"b{n}") for n in range(900)],
        [leaf("numbers[*]", "in", list(range(10_000, 12_000)))],
        [leaf("numbers", "contains", -1)] * 900,
        [leaf("numbers[*]", "eq", -1)] * 900,
        [leaf("numbers[*]", "gt", "2026-03-20")] * 900,
        [leaf("numbers", "changed")] * 900,
        [leaf("numbers[*]", "changedFrom", 7)] * 900,
    ],
)
@pytest.mark.timeout(30)
def test_what_is_too_much_work_is_stopped_in_time(entries):
    compiled = filters.compile(entries)
    document = {**LONG, "before": {"transportOrder": {"numbers": list(range(1, 5_001))}}}
    with pytest.raises(FilterError, match="too much work") as caught:
        compiled.evaluate(document)
    assert entries[0]["operator"] in str(caught.value)
    assert caught.value.target.startswith("[")


def test_sensible_filters_on_a_large_order_are_far_below_the_limit(monkeypatch):
    monkeypatch.setattr("integrations.core.work.MOST", MOST // 4)
    document = {**LONG, "before": LONG}
    entries = [
        leaf("texts[0]", "like", "*Acme*"),
        leaf("texts[0]", "contains", "Acme"),
        leaf("numbers[*]", "gt", 4_000),
        leaf("texts[0]", "in", [f"{code}" for code in range(2_000)]),
        leaf("numbers", "changed"),
        *[leaf("status", "ne", number) for number in range(100)],
    ]
    assert len(verdict(*entries, document=document).trace) == 105


def test_too_many_filters_or_searches_are_a_problem():
    assert problems(*[YES] * 1_000) == []
    assert problems({"any": [YES] * 1_000}) == [("", "too_many")]
    assert problems({"any": [5] * 1_000_000}) == [("", "too_many")]
    searches = [{"field": f"$..a{number}", "operator": "exists"} for number in range(600)]
    assert problems(*searches) == [("", "too_many")]
    assert problems(*searches[:500]) == []


def test_compiled_filters_judge_any_number_of_documents():
    compiled = filters.compile([YES])
    assert compiled.evaluate(ORDER).matched
    assert not compiled.evaluate({"transportOrder": {"status": "requested"}}).matched
    assert compiled.evaluate(ORDER) == filters.evaluate([YES], ORDER)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(["2026-03-20", "2026-03-20T10:30:00Z", "10", "1e5", "-", "9999-12-31T23:59"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(VALUES, st.sampled_from(sorted(OPERATORS)), VALUES, VALUES)
def test_no_checked_filter_breaks_on_any_value(seen, operator, value, before):
    entry = {"field": "$.a", "operator": operator, "value": value}
    if not filters.check([entry]):
        verdict = filters.evaluate([entry], {"a": seen, "before": {"a": before}})
        assert verdict.matched is verdict.trace[0]["matched"]


def test_an_error_names_the_place_of_its_filter():
    broken = {"field": "$.a[*]", "operator": "eq", "value": 1}
    with pytest.raises(FilterError) as caught:
        filters.evaluate([{"any": [broken]}], {"a": [1] * 10_001})
    assert caught.value.target == "[0].any[0]"
