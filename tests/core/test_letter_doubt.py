"""What can be read of a letter in two ways, and what was not used of it."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from integrations.core import letter
from tests.core.letters import SHORT, kg, read, unread, values


@pytest.mark.parametrize(
    ("body", "path", "value", "others"),
    [
        ("12.400 kg", "G.weight", kg(12400), [kg(Decimal("12.400"))]),
        ("20 pallets, 12.400 kg", "G.weight", kg(12400), [kg(Decimal("12.400"))]),
        ("2 pallets, 1,250 t", "G.weight", {"value": Decimal("1.250"), "unit": "t"},
         [{"value": 1250, "unit": "t"}]),
        ("on 05/04", "X.date", "2026-04-05", ["2026-05-04"]),
        ("Friday 05/04", "X.date", "2026-04-05", ["2026-05-04"]),  # neither is one
        ("20-22 pallets", "G.quantity", 22, [20]),
        ("24-26 March", "X.date", "2026-03-24", ["2026-03-26"]),
        ("Friday", "X.date", "2026-03-27", ["2026-03-20"]),
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_marked(
    body: str, path: str, value: Any, others: list[Any]
) -> None:
    found = read(body)
    whole = path.replace(path[0], SHORT[path[0]], 1)
    field = found.fields[whole]
    assert (field.value, [other for other, _ in field.alternatives]) == (value, others)
    assert field.confidence < 0.9
    assert [(each.field, each.code) for each in found.problems] == [(whole, "ambiguous")]


@pytest.mark.parametrize(
    ("body", "day"),
    [
        ("5-12-2026", "2026-12-05"),  # and not May, which is over
        ("12/5/2026", "2026-12-05"),
        ("woensdag 2/12", "2026-12-02"),
        ("Wednesday, 12/2", "2026-12-02"),
        ("wo. 2/12", "2026-12-02"),
        ("2/12 (Wednesday)", "2026-12-02"),
        ("Friday 2/12", "2027-02-12"),
        ("Wed the 2/12/2026", "2026-12-02"),
        ("10/11/2026 (Tuesday)", "2026-11-10"),  # it is over, but it is the one
        ("23-25 November", "2026-11-25"),
    ],
)
def test_a_weekday_or_the_past_decides_between_two_days(body: str, day: str) -> None:
    found = letter.read(body, "", date(2026, 11, 24))
    assert found.fields["consignments[0].externalAttributes.date"].value == day
    assert found.problems == []


def test_a_second_place_of_pickup_is_told() -> None:
    found = read("Pickup: 3011 AA Rotterdam\nPickup: 1012 AB Amsterdam\nDelivery: 75001 Paris")
    assert [each.code for each in found.problems] == ["several_places", "unread"]
    assert values(found)["P.city"] == "Rotterdam"


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("10 IBC 10.800 kg; 4 EPAL 1.920,5 kg; Gesamt 12.720,5 kg", ["12.720,5 kg"]),
        ("10 | IBC | 10.800 kg\n4 | EPAL | 900 kg", ["10 | IBC", "4 | EPAL", "900 kg"]),
        ("IBC\t10\t10.800 kg", ["IBC\t10"]),
        ("5 colli, 3 m3, 4 m³, 2 ldm, Lademeter: 3", ["4 m³", "Lademeter: 3"]),
        ("5 colli, 80 kg, 120x80x150 cm, 2-8 °C, total 80 kg", []),
        ("Pickup: 3011 AA Rotterdam\nVia 1012 AB Amsterdam.", ["1012 AB Amsterdam"]),
        ("Pickup: 3011 AA Rotterdam\nAgain 3011 AA Rotterdam, 2 to 3 pallets", []),
        ("Pickup: Gent\n\nRegards, Jan\n3000 AB Delft", []),  # who writes
        ("0 pallets", []),
    ],
)
def test_what_was_seen_and_not_used_is_told(body: str, left: list[str]) -> None:
    assert unread(read(body), body) == left


def test_a_subject_that_says_something_else_is_told() -> None:
    body, subject = "12 pallets", "20 pallets, 12 pallets to 1012 AB Amsterdam"
    assert unread(read(body, subject), body, subject) == ["20 pallets"]


def test_what_was_not_used_takes_from_the_score() -> None:
    scores = [read(body).score for body in ("2 ldm", "2 ldm, 3 ldm", "2 ldm, 3 ldm, 4 ldm")]
    assert scores == [0.24, 0.21, 0.19]
