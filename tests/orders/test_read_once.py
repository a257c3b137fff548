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
    assert reads(queries, noun.lower()) == 1
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
    assert len([sql for sql in asked if not sql.startswith(("BEGIN", "COMMIT"))]) <= 16


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
