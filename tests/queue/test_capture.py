"""A record changes: each transaction writes one change down, with the final state, or none."""

import pytest
from django.db import transaction

from integrations.models import EntityChange, IntegrationObject
from otms.accounts.models import Platform
from otms.orders.models import Business, Consignment, TransportOrder
from tests import make
from tests.conftest import Api
from tests.queue.capturing import Changes, described, goods

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_an_order_saved_again_as_it_was_is_no_change(
    order: TransportOrder, changes: Changes
) -> None:
    order.save()
    goods(order, "first").save()
    assert changes.new() == []


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
