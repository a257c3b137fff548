"""The search with lists, ranges and parts of texts."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from otms.accounts.models import Platform
from otms.documents import timestamp
from otms.orders import search
from otms.orders.models import TransportOrder
from otms.orders.views import TransportOrderViewSet
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def orders(platform: Platform) -> dict[str, TransportOrder]:
    """Made an hour after each other, changed in the opposite order; `c` is the newest."""
    acme = make.BusinessFactory(platform=platform, name="Acme Corp")
    made = {
        "a": make.OrderFactory(platform=platform, name="a 4711", order_id="SO-1", customer=acme),
        "b": make.OrderFactory(platform=platform, name="b", status="planned", customer=None),
        "c": make.OrderFactory(
            platform=platform, name="c 50% _x", order_id="so-2", type="express", status="accepted"
        ),
    }
    make.OrderFactory(name="a 4711")
    for hours, (name, order) in enumerate(made.items(), 1):
        TransportOrder.objects.of(platform).filter(pk=order.pk).update(
            created_at=now() - (10 - hours) * HOUR, updated_at=now() - hours * HOUR
        )
        made[name].refresh_from_db()
    return made


def found(api: Api, body: Any, page: str = "0/10") -> str:
    rows = api.ok("POST", f"transportOrders:extended/{page}", body)["transportOrders"]
    return "".join(each["name"][0] for each in rows)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, "cba"),
        ({"nonce": "x"}, "cba"),
        ({"name": "a 4711"}, "a"),
        ({"status": "planned"}, "b"),
        ({"status": ["planned", "accepted"]}, "cb"),
        ({"status": ["planned"], "name": "a 4711"}, ""),
        ({"type": ["express", "other"]}, "c"),
        ({"orderId": ["SO-1", "so-2"]}, "ca"),
        ({"name": {"contains": "471"}}, "a"),
        ({"orderId": {"contains": "SO-"}}, "ca"),
        ({"name": {"contains": "50% _"}}, "c"),
        ({"name": {"contains": "%"}}, "c"),
        ({"name": {"contains": "' OR 1=1 --"}}, ""),
        ({"customer": {"name": "Acme Corp"}}, "a"),
        ({"customer": {"name": {"contains": "acme"}}}, "a"),
        ({"customer": {"name": {"contains": "acme"}}, "status": "planned"}, ""),
        ({"customer": {}}, "cba"),
    ],
)
def test_a_search(api: Api, orders: Any, body: Any, names: str) -> None:
    assert found(api, body) == names


def test_a_search_by_ids(api: Api, orders: Any) -> None:
    ids = [str(orders["a"].pk), str(orders["c"].pk)]
    assert found(api, {"id": ids}) == "ca"
    assert found(api, {"id": ids[0]}) == "a"
    customers = [str(orders["a"].customer_id), str(orders["c"].customer_id)]
    assert found(api, {"customer": {"id": customers}}) == "ca"
    assert found(api, {"customer": {"id": customers[0]}}) == "a"


@pytest.mark.parametrize(
    ("field", "since", "until", "names"),
    [
        ("createdAt", "b", None, "cb"),
        ("createdAt", None, "b", "a"),
        ("createdAt", "a", "c", "ba"),
        ("createdAt", "c", "c", ""),
        ("updatedAt", "b", None, "ba"),
        ("updatedAt", None, "b", "c"),
        ("updatedAt", "b", "a", "b"),
    ],
)
def test_a_range_includes_its_beginning_and_not_its_end(
    api: Api, orders: Any, field: str, since: str | None, until: str | None, names: str
) -> None:
    column = {"createdAt": "created_at", "updatedAt": "updated_at"}[field]
    ends = {"since": since, "until": until}
    moments = {end: timestamp(getattr(orders[n], column)) for end, n in ends.items() if n}
    assert found(api, {field: moments}) == names


def test_pages_follow_each_other(api: Api, orders: Any) -> None:
    assert [found(api, {}, f"{n}/1") for n in range(4)] == ["c", "b", "a", ""]
    answer = api.ok("POST", "transportOrders:extended/0/1", {"status": ["planned", "accepted"]})
    assert answer["totalResults"] == 2
    api.refused("POST", "transportOrders:extended/0/501", {})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"consignments": []}, "consignments"),
        ({"customer": "Acme"}, "customer"),
        ({"customer": {"vat": "x"}}, "customer.vat"),
        ({"status": "done"}, "status"),
        ({"status": ["planned", "done"]}, "status[1]"),
        ({"status": []}, "status"),
        ({"status": {"contains": "plan"}}, "status.contains"),
        ({"id": "x"}, "id"),
        ({"id": {"since": "2026-01-01T00:00:00Z"}}, "id.since"),
        ({"name": None}, "name"),
        ({"name": ["a"] * 101}, "name"),
        ({"name": {}}, "name"),
        ({"name": {"contains": ""}}, "name.contains"),
        ({"name": {"contains": "x" * 256}}, "name.contains"),
        ({"name": {"contains": ["x"]}}, "name.contains"),
        ({"name": {"like": "x"}}, "name.like"),
        ({"createdAt": "2026-01-01T00:00:00Z"}, "createdAt"),
        ({"createdAt": {}}, "createdAt"),
        ({"createdAt": {"since": "yesterday"}}, "createdAt.since"),
        ({"updatedAt": {"from": "2026-01-01T00:00:00Z"}}, "updatedAt.from"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(api: Api, body: Any, field: str) -> None:
    errors = api.refused("POST", "transportOrders:extended/0/10", body)["errors"]
    assert [error["field"] for error in errors] == [field]


def test_everything_that_an_example_may_hold_may_be_searched_so_too(
    api: Api, platform: Platform
) -> None:
    for where in TransportOrderViewSet.searchable:
        body: Any = {"id": str(platform.pk), "status": "planned"}.get(where.split(".")[-1], "x")
        for key in reversed(where.split(".")):
            body = {key: body}
        api.ok("POST", "transportOrders:extended/0/10", body)


def test_text_is_looked_for_in_the_newest_orders(
    api: Api, orders: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "LOOKED_THROUGH", 2)
    assert found(api, {"orderId": {"contains": "so"}}) == "c"
    assert found(api, {"orderId": {"contains": "so"}, "status": "requested"}) == "a"


@pytest.mark.parametrize(
    ("body", "index"),
    [
        ({"updatedAt": {"since": "2026-01-01T00:00:00Z"}}, "order_by_update"),
        ({"createdAt": {"until": "2026-01-01T00:00:00Z"}}, "order_newest"),
        ({"status": ["planned", "accepted"]}, "order_by_status"),
        ({"orderId": ["1", "2"]}, "order_by_order_id"),
        ({"name": ["1", "2"]}, "order_by_name"),
    ],
)
def test_an_index_answers(api: Api, platform: Platform, body: Any, index: str) -> None:
    """The count reads no more rows than it counts: there is an index for what was asked."""
    if connection.vendor != "sqlite":
        pytest.skip("on a few rows PostgreSQL reads the table")
    with CaptureQueriesContext(connection) as seen:
        api.ok("POST", "transportOrders:extended/0/10", body)
    (count,) = [each["sql"] for each in seen if "COUNT(" in each["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {count}")
        plan = " ".join(str(row[3]) for row in cursor.fetchall())
    assert index in plan, plan
    assert "SCAN orders" not in plan
