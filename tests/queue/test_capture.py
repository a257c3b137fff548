"""A record changes: each transaction writes one change down, with the final state, or none."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from integrations.entities import load
from integrations.models import EntityChange, IntegrationObject
from integrations.signals import record_changes
from otms.accounts.models import Platform
from otms.orders.models import Business, Consignment, Goods, TransportOrder
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)


class Changes:
    """What was captured of transport orders since the last look."""

    def __init__(self, platform: Platform) -> None:
        self.of_orders = EntityChange.objects.of(platform).filter(entity="transportOrder")
        self.last = 0

    def new(self) -> list[EntityChange]:
        found = list(self.of_orders.filter(id__gt=self.last).order_by("id"))
        self.last = max([self.last, *(change.pk for change in found)])
        return found


@pytest.fixture
def changes(platform: Platform) -> Changes:
    return Changes(platform)


@pytest.fixture
def order(platform: Platform, changes: Changes) -> TransportOrder:
    """A stored order with two consignments and three goods; its creation is not looked at."""
    with transaction.atomic():
        order = make.OrderFactory(platform=platform, name="4711")
        north = make.ConsignmentFactory(transport_order=order, name="north")
        south = make.ConsignmentFactory(transport_order=order, name="south", position=1)
        make.GoodsFactory(consignment=north, description="first")
        make.GoodsFactory(consignment=north, description="second", position=1)
        make.GoodsFactory(consignment=south, description="third")
    changes.new()
    return order


def goods(order: TransportOrder, description: str) -> Goods:
    return Goods.objects.of(order.platform).get(description=description)


@contextmanager
def rolled_back() -> Iterator[None]:
    """A block of work that comes to nothing."""
    with suppress(InterruptedError), transaction.atomic():
        yield
        raise InterruptedError


def described(snapshot: dict[str, Any]) -> list[str]:
    """The goods of a snapshot, in order."""
    return [g["description"] for c in snapshot["consignments"] for g in c["goods"]]


# Once, and final.


def test_an_order_posted_with_its_parts_is_one_change(api: Api, changes: Changes) -> None:
    parts = [
        {"name": "north", "goods": [{"description": "first"}, {"description": "second"}]},
        {"name": "south", "goods": [{"description": "third"}]},
    ]
    api.ok("POST", "transportOrder", {"name": "4711", "consignments": parts})
    (change,) = changes.new()
    assert change.action == "created"
    assert change.reference == "4711"
    assert change.before is None
    assert described(change.after) == ["first", "second", "third"]


def test_an_order_put_with_other_parts_is_one_change(
    api: Api, order: TransportOrder, changes: Changes
) -> None:
    parts = [{"name": "west", "goods": [{"description": "fourth"}]}]
    body = {"id": str(order.pk), "status": "accepted", "consignments": parts}
    api.ok("PUT", "transportOrder", body)
    (change,) = changes.new()
    assert change.action == "updated"
    assert described(change.before) == ["first", "second", "third"]
    assert described(change.after) == ["fourth"]


def test_parts_saved_one_by_one_in_a_transaction_are_one_change(
    platform: Platform, changes: Changes
) -> None:
    with transaction.atomic():
        order = TransportOrder(platform=platform, name="4711")
        order.save()
        consignment = Consignment(platform=platform, transport_order=order, name="north")
        consignment.save()
        for description in ("first", "second", "third"):
            Goods(platform=platform, consignment=consignment, description=description).save()
        order.status = "accepted"
        order.save()
    (change,) = changes.new()
    assert change.action == "created"
    assert change.after["status"] == "accepted"
    assert sorted(described(change.after)) == ["first", "second", "third"]


def test_without_a_transaction_each_save_is_a_change(platform: Platform, changes: Changes) -> None:
    order = TransportOrder(platform=platform, name="4711")
    order.save()
    (created,) = changes.new()
    assert created.action == "created"
    Consignment.objects.create(platform=platform, transport_order=order, name="north")
    (updated,) = changes.new()
    assert updated.action == "updated"
    assert updated.changed_fields == ["consignments[0]"]


def test_every_change_is_queued_once_for_each_that_listens(
    platform: Platform, order: TransportOrder
) -> None:
    listens = make.integration(platform=platform, trigger=make.ALL_ACTIONS)
    make.integration(
        platform=platform, trigger={"entity": "transportOrder", "actions": ["created"]}
    )
    make.integration(platform=platform, trigger={"entity": "business", "actions": ["updated"]})
    make.integration(trigger=make.ALL_ACTIONS)  # of another platform
    order.status = "accepted"
    order.save()
    (obj,) = IntegrationObject.objects.across_platforms()
    assert obj.integration_id == listens.pk
    assert obj.reference == "4711"
    assert obj.entity_id == order.pk


def test_a_part_that_changes_is_one_change_of_its_order(
    order: TransportOrder, changes: Changes
) -> None:
    third = goods(order, "third")
    third.quantity = Decimal("2.5")
    third.save()
    (change,) = changes.new()
    assert change.action == "updated"
    assert change.entity_id == order.pk
    assert change.changed_fields == ["consignments[1].goods[0].quantity"]
    assert change.before["consignments"][1]["goods"][0]["quantity"] == 1
    assert change.after["consignments"][1]["goods"][0]["quantity"] == Decimal("2.5")


def test_changed_fields_name_what_differs_and_nothing_else(
    order: TransportOrder, changes: Changes
) -> None:
    with transaction.atomic():
        order.status = "accepted"
        order.external_attributes = {"erp": {"number": 7}}
        order.save()
        goods(order, "first").delete()
    (change,) = changes.new()
    assert {"status", "externalAttributes", "consignments[0].goods[1]"} < set(change.changed_fields)
    first = "consignments[0].goods[0]."  # the second has moved up
    others = [f for f in change.changed_fields if not f.startswith(first)]
    assert sorted(others) == ["consignments[0].goods[1]", "externalAttributes", "status"]
    assert not any("updatedAt" in field for field in change.changed_fields)


# Nothing happened.


def test_an_order_saved_again_as_it_was_is_no_change(
    order: TransportOrder, changes: Changes
) -> None:
    order.save()
    goods(order, "first").save()
    assert changes.new() == []


def test_a_change_that_is_taken_back_is_no_change(order: TransportOrder, changes: Changes) -> None:
    with transaction.atomic():
        order.status = "accepted"
        order.save()
        order.status = "requested"
        order.save()
    assert changes.new() == []


def test_an_order_created_and_deleted_at_once_is_no_change(
    platform: Platform, changes: Changes
) -> None:
    with transaction.atomic():
        order = make.OrderFactory(platform=platform, customer=None)
        make.ConsignmentFactory(transport_order=order)
        order.delete()
    assert changes.new() == []


def test_a_rolled_back_savepoint_is_as_if_it_never_was(
    order: TransportOrder, platform: Platform, changes: Changes
) -> None:
    with transaction.atomic():
        order.status = "accepted"
        order.save()
        with rolled_back():
            order.name = "renamed"
            order.save()
            make.OrderFactory(platform=platform, customer=None, name="phantom")
            goods(order, "first").delete()
    (change,) = changes.new()
    assert change.changed_fields == ["status"]
    assert described(change.after) == ["first", "second", "third"]


def test_a_savepoint_that_did_everything_and_rolled_back_leaves_nothing(
    order: TransportOrder, changes: Changes
) -> None:
    with transaction.atomic(), rolled_back():
        order.delete()
    assert changes.new() == []


def test_a_rolled_back_transaction_leaves_nothing_to_the_next(
    order: TransportOrder, platform: Platform, changes: Changes
) -> None:
    with rolled_back():
        order.status = "accepted"
        order.save()
    assert connection.before_commit == {}
    make.OrderFactory(platform=platform, customer=None, name="next")
    (change,) = changes.new()
    assert change.reference == "next"


def test_a_savepoint_inside_a_savepoint_is_captured_at_the_outer_commit(
    order: TransportOrder, changes: Changes
) -> None:
    with transaction.atomic():
        with transaction.atomic():
            with transaction.atomic():
                order.status = "accepted"
                order.save()
            goods(order, "third").delete()
        assert changes.new() == []
    (change,) = changes.new()
    assert change.after["status"] == "accepted"
    assert described(change.after) == ["first", "second"]


# Deleted.


def test_a_deleted_order_keeps_how_it_was(order: TransportOrder, changes: Changes) -> None:
    id = order.pk
    order.delete()
    (change,) = changes.new()
    assert change.action == "deleted"
    assert change.entity_id == id
    assert change.after is None
    assert described(change.before) == ["first", "second", "third"]
    assert change.document["transportOrder"] == change.document["before"]["transportOrder"]


def test_orders_deleted_by_a_queryset_are_a_change_each(
    order: TransportOrder, platform: Platform, changes: Changes
) -> None:
    other = make.OrderFactory(platform=platform, customer=None)
    changes.new()
    TransportOrder.objects.of(platform).delete()
    found = changes.new()
    assert {change.entity_id for change in found} == {order.pk, other.pk}
    assert {change.action for change in found} == {"deleted"}


def test_goods_deleted_by_a_queryset_are_one_change_of_their_order(
    order: TransportOrder, changes: Changes
) -> None:
    Goods.objects.of(order.platform).filter(description__in=["first", "third"]).delete()
    (change,) = changes.new()
    assert change.action == "updated"
    assert described(change.after) == ["second"]


def test_a_consignment_that_moves_changes_both_orders(
    order: TransportOrder, platform: Platform, changes: Changes
) -> None:
    target = make.OrderFactory(platform=platform, customer=None, name="target")
    changes.new()
    south = Consignment.objects.of(platform).get(name="south")
    south.transport_order = target
    south.save()
    found = {change.entity_id: change for change in changes.new()}
    assert set(found) == {order.pk, target.pk}
    assert described(found[order.pk].after) == ["first", "second"]
    assert described(found[target.pk].after) == ["third"]


def test_goods_that_move_change_both_orders(
    order: TransportOrder, platform: Platform, changes: Changes
) -> None:
    target = make.OrderFactory(platform=platform, customer=None)
    consignment = make.ConsignmentFactory(transport_order=target)
    changes.new()
    third = goods(order, "third")
    third.consignment = consignment
    third.save()
    assert {change.entity_id for change in changes.new()} == {order.pk, target.pk}


# What sends no signal.


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


# What may go wrong.


def test_a_snapshot_that_fails_fails_the_save_and_nothing_else(
    order: TransportOrder, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any) -> Any:
        raise ZeroDivisionError

    order.status = "accepted"
    with monkeypatch.context() as broken:
        # At the commit, after the row was written: the first look is fine.
        broken.setattr(load("transportOrder"), "reference", breaks)
        with pytest.raises(ZeroDivisionError):
            order.save()
    stored = TransportOrder.objects.of(order.platform).get(pk=order.pk)
    assert stored.status == "requested"
    assert changes.new() == []
    assert not connection.in_atomic_block
    assert connection.get_autocommit()
    order.save()
    (change,) = changes.new()
    assert change.after["status"] == "accepted"


def test_a_database_error_at_the_commit_leaves_the_connection_usable(
    order: TransportOrder, changes: Changes
) -> None:
    def clashes(*_: Any) -> None:
        Platform.objects.create(pk=order.platform_id, name="the same id again")

    order.status = "accepted"
    with pytest.raises(IntegrityError), transaction.atomic():  # noqa: PT012 - it is its end
        order.save()
        connection.before_commit[clashes] = {}
    assert changes.new() == []
    order.save()
    assert len(changes.new()) == 1


def test_what_the_caller_does_on_commit_still_happens_once_and_after_the_change(
    order: TransportOrder, changes: Changes
) -> None:
    seen = []
    with transaction.atomic():
        transaction.on_commit(lambda: seen.append(len(changes.new())))
        order.status = "accepted"
        order.save()
        assert seen == []
    assert seen == [1]


def test_what_is_saved_on_commit_is_a_change_of_its_own(
    order: TransportOrder, changes: Changes
) -> None:
    def note() -> None:
        order.description = "told"
        order.save()

    with transaction.atomic():
        transaction.on_commit(note)
        order.status = "accepted"
        order.save()
    assert [change.changed_fields for change in changes.new()] == [["status"], ["description"]]


def test_a_caller_that_commits_by_hand_is_captured_too(
    order: TransportOrder, changes: Changes
) -> None:
    transaction.set_autocommit(False)
    try:
        order.status = "accepted"
        order.save()
        transaction.rollback()
        order.status = "planned"
        order.save()
        transaction.commit()
    finally:
        transaction.set_autocommit(True)
    (change,) = changes.new()
    assert change.after["status"] == "planned"


def test_a_renamed_customer_is_no_change_of_its_orders(
    order: TransportOrder, changes: Changes
) -> None:
    customer = order.customer
    assert customer
    customer.name = "Acme Corp"
    customer.save()
    assert changes.new() == []
    of_businesses = EntityChange.objects.of(order.platform).filter(entity="business")
    assert [change.action for change in of_businesses.order_by("id")] == ["created", "updated"]
    assert Business.objects.of(order.platform).get().name == "Acme Corp"
