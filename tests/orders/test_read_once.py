"""Who saves a record through the API is shown what is committed, and that is read once."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from integrations.models import EntityChange
from otms.accounts.models import Platform
from otms.db.before_commit import last_read
from otms.orders import wire
from otms.orders.models import TransportOrder
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)

SAVED = [
    ("transportOrder", {"name": "a", "consignments": [{"goods": [{"description": "pallets"}]}]}),
    ("business", {"name": "a"}),
    ("event", {"name": "a", "type": "GeneralEvent", "dateTime": "2026-03-20T10:00:00Z"}),
]
KEYED = {"Idempotency-Key": "4711"}


def reads(queries: Any, table: str) -> int:
    return sum(
        each["sql"].startswith("SELECT") and f'"orders_{table}"."created_at"' in each["sql"]
        for each in queries
    )


def newest(platform: Platform) -> EntityChange:
    return EntityChange.objects.of(platform).latest("id")


@pytest.mark.parametrize("headers", [{}, KEYED], ids=["plain", "keyed"])
@pytest.mark.parametrize(("noun", "body"), SAVED)
def test_what_is_saved_is_read_once_for_the_answer_and_the_change(
    api: Api, platform: Platform, noun: str, body: dict[str, Any], headers: dict[str, str]
) -> None:
    with CaptureQueriesContext(connection) as queries:
        made = api("POST", noun, body, headers=headers).json()[noun]
    assert reads(queries, noun.lower()) == (0 if noun == "transportOrder" else 1)
    assert made == api.ok("GET", f"{noun}/{made['id']}")[noun] == newest(platform).after
    if noun == "event":  # it stays as it is
        return
    changed = api.ok("PUT", noun, {"id": made["id"], "name": "b"})[noun]
    assert changed["name"] == newest(platform).after["name"] == "b"
    assert newest(platform).before == made


def test_an_order_that_comes_with_a_key_takes_few_statements(api: Api, platform: Platform) -> None:
    body = {"customer": {"name": "Acme"}, "consignments": [{"goods": [{"quantity": 1}]}]}
    make.integration(platform=platform)
    api.ok("POST", "transportOrder", body)
    with CaptureQueriesContext(connection) as queries:
        assert api("POST", "transportOrder", body, headers=KEYED).status_code == 200
    asked = [each["sql"] for each in queries]
    assert not [sql for sql in asked if "SAVEPOINT" in sql]
    # SQLite takes an INSERT for each of the three tables.
    most = 8 if connection.vendor == "postgresql" else 10
    assert len([sql for sql in asked if not sql.startswith(("BEGIN", "COMMIT"))]) <= most


WHOLE = {
    "orderId": "SO-1",
    "type": "express",
    "description": " as it is ",
    "externalAttributes": {"a": 1.50, "b": [None, True, "é\u0000"], "c": 10**30},
    "customer": {"name": "Acme", "vat": "NL1", "contactDetails": [{"type": "a", "value": "b"}]},
    "consignments": [
        {"name": "second", "highValueGoods": True, "team": {"name": "R", "e": 1e30}, "goods": []},
        {
            "status": "planned",
            "goods": [
                {"type": "transportEquipment", "quantity": "2.500", "loadMeters": 0},
                {"weight": {"value": "8400.50", "unit": "kg"}, "adr": [1], "quantity": None},
            ],
        },
    ],
}


@pytest.mark.parametrize(
    "body",
    [{}, {"customer": None, "externalAttributes": None}, WHOLE],
    ids=["nothing", "null", "everything"],
)
def test_a_new_order_is_told_as_it_is_stored(
    api: Api, platform: Platform, body: dict[str, Any]
) -> None:
    with CaptureQueriesContext(connection) as queries:
        made = api.ok("POST", "transportOrder", body)["transportOrder"]
    assert reads(queries, "transportorder") == 0
    (stored,) = wire.transport_orders(TransportOrder.objects.of(platform))
    assert newest(platform).after == stored
    assert made == api.ok("GET", f"transportOrder/{made['id']}")["transportOrder"]


def test_a_number_that_may_be_stored_otherwise_is_read(api: Api, platform: Platform) -> None:
    body = {"consignments": [{"goods": [{"quantity": "123456789012.123456"}]}]}
    with CaptureQueriesContext(connection) as queries:
        made = api.ok("POST", "transportOrder", body)["transportOrder"]
    assert reads(queries, "transportorder") == (0 if connection.vendor == "postgresql" else 1)
    assert made == api.ok("GET", f"transportOrder/{made['id']}")["transportOrder"]
    assert [newest(platform).after] == wire.transport_orders(TransportOrder.objects.of(platform))


def test_what_only_the_answer_says_is_not_in_the_change(api: Api, platform: Platform) -> None:
    goods = {"description": "pallets", "nonce": "n-2"}
    body = {"name": "a", "nonce": "n-1", "consignments": [{"goods": [goods]}]}
    made = api.ok("POST", "transportOrder", body)["transportOrder"]
    assert made["nonce"] == "n-1"
    assert made["consignments"][0]["goods"][0]["nonce"] == "n-2"
    assert "nonce" not in newest(platform).after
    assert "nonce" not in newest(platform).after["consignments"][0]["goods"][0]


def test_what_is_written_after_it_was_read_is_in_the_change(platform: Platform) -> None:
    order = make.OrderFactory(platform=platform, name="a", customer__name="Acme")
    orders = TransportOrder.objects.of(platform)
    with transaction.atomic():
        order.name = "b"
        order.save()
        last_read("default")[TransportOrder, order.pk] = wire.transport_orders(orders)[0]
        make.ConsignmentFactory(transport_order=order, name="late")
    assert newest(platform).after["consignments"][0]["name"] == "late"
    with transaction.atomic():
        order.name = "c"
        order.save()
        last_read("default")[TransportOrder, order.pk] = wire.transport_orders(orders)[0]
        order.customer.name = "Apex"
        order.customer.save()
    of_order = EntityChange.objects.of(platform).filter(entity="transportOrder").latest("id")
    assert of_order.after["customer"]["name"] == "Apex"


def test_what_a_savepoint_took_back_is_not_in_the_change(platform: Platform) -> None:
    order = make.OrderFactory(platform=platform, name="a")
    orders = TransportOrder.objects.of(platform)
    with transaction.atomic():
        order.name = "b"
        order.save()
        point = transaction.savepoint()
        order.name = "c"
        order.save()
        last_read("default")[TransportOrder, order.pk] = wire.transport_orders(orders)[0]
        transaction.savepoint_rollback(point)
    assert newest(platform).after["name"] == "b"
