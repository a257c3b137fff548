"""Each comparison of a filter: on which values it holds, and on which it makes no sense."""

from decimal import Decimal

import pytest

from integrations.core import filters
from tests.core.test_filters import CREATED, ORDER, holds, leaf, verdict


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
