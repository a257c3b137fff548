"""What sends no signals is captured when it is announced, and refused where it is not."""

import io
import json
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from integrations.signals import record_changes
from otms.accounts.models import Platform
from otms.orders.models import Consignment, Goods, TransportOrder
from tests.queue.capturing import Changes

pytestmark = pytest.mark.django_db(transaction=True)


def test_update_and_bulk_create_are_captured_when_they_are_announced(
    order: TransportOrder, changes: Changes
) -> None:
    north = Consignment.objects.of(order.platform).get(name="north")
    with transaction.atomic():
        record_changes("transportOrder", [order.pk])
        TransportOrder.objects.of(order.platform).update(status="accepted")
        new = [Goods(platform=order.platform, consignment=north, description="bulk", position=9)]
        Goods.objects.bulk_create(new)
    (change,) = changes.new()
    assert change.changed_fields == ["status", "consignments[0].goods[2]"]


def test_records_to_come_are_announced_by_their_ids(platform: Platform, changes: Changes) -> None:
    orders = [TransportOrder(platform=platform, name=f"bulk {n}") for n in range(3)]
    with transaction.atomic():
        record_changes("transportOrder", [order.pk for order in orders])
        TransportOrder.objects.bulk_create(orders)
    assert [change.action for change in changes.new()] == ["created"] * 3


def test_an_announcement_outside_a_transaction_is_refused(order: TransportOrder) -> None:
    with pytest.raises(transaction.TransactionManagementError):
        record_changes("transportOrder", [order.pk])
    assert connection.before_commit == {}


def test_overwriting_a_record_that_was_not_read_is_refused_unless_announced(
    order: TransportOrder, changes: Changes
) -> None:
    unread = TransportOrder(
        pk=order.pk, platform=order.platform, name="new", created_at=order.created_at
    )
    with pytest.raises(transaction.TransactionManagementError, match="read it first"):
        unread.save(force_update=True)
    assert changes.new() == []
    with transaction.atomic():
        record_changes("transportOrder", [order.pk])
        unread.save(force_update=True)
    (change,) = changes.new()
    assert (change.action, change.after["name"]) == ("updated", "new")


def test_loaddata_restores_and_changes_nothing(
    order: TransportOrder, changes: Changes, tmp_path: Path
) -> None:
    fields = {
        "platform": str(order.platform_id),
        "name": "restored",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }
    south = Consignment.objects.of(order.platform).get(name="south")
    rows = [
        {"model": "orders.transportorder", "pk": str(order.pk), "fields": fields},
        {"model": "orders.transportorder", "pk": str(uuid4()), "fields": fields},
        {
            "model": "orders.consignment",
            "pk": str(south.pk),
            "fields": {**fields, "transport_order": str(order.pk)},
        },
    ]
    backup = tmp_path / "backup.json"
    backup.write_text(json.dumps(rows))
    call_command("loaddata", str(backup), stdout=io.StringIO())
    assert changes.new() == []
    assert TransportOrder.objects.of(order.platform).filter(name="restored").count() == 2
    assert Consignment.objects.of(order.platform).filter(name="restored").count() == 1
