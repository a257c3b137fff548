"""What a value in an example says of its field: a date in its format, a kind."""

from typing import Any

import pytest

import otms.urls  # noqa: F401  the entities are known by their routes
from integrations.core.suggestion.samples import date_format, kind
from tests.core.suggesting import ORDER, suggested


@pytest.mark.parametrize(
    ("sample", "format", "sure"),
    [
        ("2026-03-24", "%Y-%m-%d", True),
        ("24-03-2026", "%d-%m-%Y", True),
        ("03/24/2026", "%m/%d/%Y", True),
        ("03/04/2026", "%d/%m/%Y", False),
        ("3.4.2026", "%d.%m.%Y", True),
        ("24.03.26", "%d.%m.%y", True),
        ("2026/03/24", "%Y/%m/%d", True),
        ("20260324", "%Y%m%d", True),
        ("24.03.2026 08:15", "%d.%m.%Y %H:%M", True),
        ("2026-03-24 08:15:00", "%Y-%m-%d %H:%M:%S", True),
        ("2026-03-24T08:15:00", "%Y-%m-%dT%H:%M:%S", True),
        ("2026-03-24T08:15:00Z", "%Y-%m-%dT%H:%M:%SZ", True),
    ],
)
def test_dates_in_many_formats(sample: str, format: str, sure: bool) -> None:
    assert date_format(sample) == (format, sure)


@pytest.mark.parametrize("sample", ["32-03-2026", "4711", "1.2.3", "", None, 20260324, "9" * 99])
def test_what_is_no_date(sample: Any) -> None:
    assert date_format(sample) is None


def test_a_date_that_can_be_read_in_two_ways_is_left_to_a_person() -> None:
    assert suggested({"order_date": "03/04/2026"}).mapping == {}
    assert suggested({"order_date": "03/24/2026"}).mapping == {
        "order_date": {"$path": ORDER + "createdAt", "$date": "%m/%d/%Y"}
    }


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        *((True, "boolean"), ("nein", "boolean"), (1.5, "number"), ("612,50", "number")),
        *(("1.250,50", "number"), ("08:00", "time"), ("a@b.example", "mail"), (None, "nothing")),
        *(("SO-1", "code"), ("Ulm", "text"), ("x" * 2000, "text"), ("https://a.example", "url")),
        ("123e4567-e89b-12d3-a456-426614174000", "uuid"),
    ],
)
def test_the_kind_of_a_value(sample: Any, said: str) -> None:
    assert kind(sample) == said
