"""A part that changes, goes or moves is a change of its order."""

from decimal import Decimal

import pytest
from django.db import transaction

from otms.accounts.models import Platform
from otms.orders.models import Consignment, Goods, TransportOrder
from tests import make
from tests.queue.capturing import Changes, described, goods

pytestmark = pytest.mark.django_db(transaction=True)


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
