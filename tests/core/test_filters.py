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


@pytest.mark.parametrize(
    ("field", "operator", "value"),
    [
        ("status", "eq", "planned"),
        ("number", "eq", 10),
        ("number", "eq", "10"),
        ("number", "eq", Decimal("10.0")),
        ("weight", "eq", "12.5"),
        ("weight", "eq", 12.5),
        ("createdAt", "eq", "2026-03-20T11:30:00+01:00"),
        ("createdAt", "eq", "2026-03-20T10:30:00"),
        ("createdAt", "eq", "2026-03-20"),
        ("adr", "eq", True),
        ("note", "eq", None),
        ("tags", "eq", ["urgent", Decimal("5")]),
        ("customer", "eq", {"name": "Acme Corp"}),
        ("status", "ne", "requested"),
        ("status", "ne", None),
        ("adr", "ne", 1),
        ("nothing", "ne", "planned"),
        ("status", "in", ["requested", "planned"]),
        ("number", "in", ["9", "10"]),
        ("note", "in", [None]),
        ("status", "notIn", ["requested"]),
        ("status", "notIn", []),
        ("nothing", "notIn", ["a"]),
        ("number", "gt", 9),
        ("number", "gt", "9"),
        ("number", "gte", 10),
        ("weight", "lt", Decimal("12.51")),
        ("weight", "lte", 12.5),
        ("lines[1].kg", "gt", 9),
        ("lines[1].kg", "gt", "9"),
        ("code", "gt", 6),
        ("status", "gt", "accepted"),
        ("createdAt", "gt", "2026-03-20T12:00:00+02:00"),
        ("createdAt", "lt", "2026-03-20T10:30:01"),
        ("createdAt", "lte", "2026-03-20"),
        ("createdAt", "gte", "2026-03-20"),
        ("pickup", "gt", "2026-03-20T23:59:59Z"),
        ("status", "contains", "lann"),
        ("tags", "contains", "urgent"),
        ("tags", "contains", "5"),
        ("customer.name", "startsWith", "Acme"),
        ("customer.name", "endsWith", "Corp"),
        ("customer.name", "like", "Ac?e *"),
        ("customer.name", "like", "[AB]cme*"),
    ],
)
def test_a_comparison_holds(field, operator, value):
    assert holds(field, operator, value)


@pytest.mark.parametrize(
    ("field", "operator", "value"),
    [
        ("status", "eq", "Planned"),
        ("code", "eq", "7"),
        ("adr", "eq", 1),
        ("adr", "eq", "true"),
        ("number", "eq", True),
        ("note", "eq", ""),
        ("nothing", "eq", None),
        ("nothing", "eq", "planned"),
        ("tags", "eq", "urgent"),
        ("tags", "eq", ["urgent", True]),
        ("status", "ne", "planned"),
        ("number", "ne", "10.0"),
        ("status", "in", []),
        ("adr", "in", [1, "true"]),
        ("status", "notIn", ["planned"]),
        ("number", "gt", 10),
        ("number", "lt", 10),
        ("nothing", "lt", 10),
        ("createdAt", "gt", "2026-03-20"),
        ("createdAt", "lt", "2026-03-20"),
        ("status", "contains", "PLAN"),
        ("tags", "contains", "urg"),
        ("customer.name", "like", "acme*"),
        ("customer.name", "like", "Acme"),
        ("customer.name", "like", "^Acme.*$"),
        ("customer.name", "startsWith", "Corp"),
    ],
)
def test_a_comparison_does_not_hold(field, operator, value):
    assert not holds(field, operator, value)


@pytest.mark.parametrize(
    ("field", "operator", "value"),
    [
        ("status", "gt", 5),
        ("number", "gt", "many"),
        ("adr", "gt", 0),
        ("note", "lt", 5),
        ("tags", "gt", 1),
        ("customer", "lt", "z"),
        ("createdAt", "gt", "soon"),
        ("createdAt", "gt", 20260101),
        ("createdAt", "lt", "2026-99-99"),
        ("code", "lt", "many"),
        ("status", "eq", 5),
        ("adr", "eq", "yes"),
        ("tags", "eq", "urgent"),
        ("number", "contains", "1"),
        ("number", "startsWith", "1"),
        ("customer", "like", "*"),
        ("note", "endsWith", ""),
    ],
)
def test_a_comparison_without_sense_does_not_hold_and_says_so(field, operator, value):
    (entry,) = verdict(leaf(field, operator, value)).trace
    assert entry["matched"] is False
    assert "cannot be compared" in entry["note"]


@pytest.mark.parametrize("order", ["gt", "gte", "lt", "lte"])
@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_at_the_edge_of_time_breaks_nothing(order, moment):
    verdict(leaf("at", order, "2026-03-20"), document={"transportOrder": {"at": moment}})


@pytest.mark.parametrize(
    ("field", "exists"), [("status", True), ("note", True), ("nothing", False), ("a.b[0]", False)]
)
def test_a_path_exists_when_it_finds_something_even_null(field, exists):
    assert holds(field, "exists") is exists
    assert holds(field, "missing") is not exists


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("eq", "box", True),
        ("eq", "crate", False),
        ("ne", "box", True),
        ("like", "p*", True),
        ("in", ["crate", "box"], True),
        ("notIn", ["pallet", "box"], False),
        ("gt", "c", True),
    ],
)
def test_a_path_with_many_values_holds_if_any_value_does(operator, value, expected):
    assert holds("lines[*].type", operator, value) is expected


def test_a_path_with_many_values_shows_them_all():
    (entry,) = verdict(leaf("lines[*].kg", "gt", 20)).trace
    assert entry["seen"] == [5, "12"]


def test_a_changed_field_is_noticed():
    assert holds("status", "changed")
    assert holds("status", "changedFrom", "requested")
    assert holds("status", "changedTo", "planned")
    assert holds("pickup", "changed")
    assert holds("adr", "changed")


def test_a_field_that_kept_its_value_has_not_changed():
    assert not holds("number", "changed")
    assert not holds("weight", "changed")
    assert not holds("nothing", "changed")
    assert not holds("number", "changedTo", 10)
    assert not holds("number", "changedFrom", 10)


def test_a_change_of_another_kind_is_not_the_one_wanted():
    assert not holds("status", "changedFrom", "planned")
    assert not holds("status", "changedTo", "requested")


def test_a_field_that_went_away_has_changed():
    document = {"transportOrder": {}, "before": {"transportOrder": {"status": "planned"}}}
    assert holds("status", "changed", document=document)
    assert holds("status", "changedFrom", "planned", document=document)
    assert not holds("status", "changedTo", None, document=document)


def test_on_a_new_record_every_field_counts_as_changed():
    assert holds("status", "changed", document=CREATED)
    assert holds("note", "changed", document=CREATED)
    assert holds("status", "changedTo", "planned", document=CREATED)
    assert not holds("status", "changedTo", "requested", document=CREATED)
    assert not holds("status", "changedFrom", "requested", document=CREATED)


def test_the_earlier_snapshot_can_be_handed_over_or_be_in_the_document():
    document = {"transportOrder": {"status": "planned"}}
    entries = [leaf("status", "changedFrom", "requested")]
    before = filters.ChangeView(ORDER["before"])
    assert filters.evaluate(entries, document, before).matched
    assert not filters.evaluate(entries, document).matched


def test_the_earlier_snapshot_can_be_compared_by_its_path():
    entry = {"field": "$.before.transportOrder.status", "operator": "eq", "value": "requested"}
    assert verdict(entry).matched
    assert not verdict(entry, document=CREATED).matched


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
