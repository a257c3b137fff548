"""The total of a list is exact until counting would cost too much."""

from typing import Any

import pytest
from django.db import connection

from otms.accounts.models import Platform
from otms.api import paging
from otms.orders.models import TransportOrder
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda number: monkeypatch.setattr(paging, "COUNTED", number)


def total(api: Api) -> Any:
    found = api.ok("GET", "transportOrders/0/1")
    return found["totalResults"], found.get("totalIsEstimate")


def test_up_to_the_limit_the_total_is_exact(api: Api, platform: Platform, counted: Any) -> None:
    make.OrderFactory.create_batch(3, platform=platform)
    counted(3)
    assert total(api) == (3, None)


def test_a_search_is_counted_by_itself(api: Api, platform: Platform) -> None:
    make.OrderFactory.create_batch(2, platform=platform)
    make.OrderFactory(platform=platform, name="x")
    assert api.ok("POST", "transportOrders/0/1", {"name": "x"})["totalResults"] == 1


def test_sqlite_counts_on(api: Api, platform: Platform, counted: Any) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("needs SQLite")
    make.OrderFactory.create_batch(3, platform=platform)
    counted(1)
    assert total(api) == (3, None)


@pytest.mark.services
def test_beyond_the_limit_the_planner_is_asked(api: Api, platform: Platform, counted: Any) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    make.OrderFactory.create_batch(200, platform=platform)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {TransportOrder._meta.db_table}")
    counted(10)
    estimate, is_estimate = total(api)
    assert is_estimate is True
    assert 100 < estimate < 400
    counted(1000)
    assert total(api) == (200, None)


def test_the_estimate_is_that_of_the_top_node() -> None:
    plan = '[{"Plan": {"Plan Rows": 7, "Plans": [{"Plan Rows": 900}]}}]'
    assert paging.expected_rows(plan) == 7
