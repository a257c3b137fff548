"""A newer change of a record replaces the one that still waits, where that is wanted."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils.timezone import now

from integrations.core.origin import caused_by, imported
from integrations.models import EntityChange, IntegrationObject, Log, Status
from tests import make
from tests.admin.conftest import Browser
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

MAPPING = {"name": "$.transportOrder.name", "was": "$.before.transportOrder.name"}


def listening(queue: Queue, sink: Sink, **more: Any) -> Any:
    delivery = {"coalesce": True, **more.pop("delivery", {})}
    return make.integration(
        sink.url(),
        platform=queue.platform,
        trigger=make.ALL_ACTIONS,
        mapping=MAPPING,
        delivery=delivery,
        **more,
    )


def renamed(order: Any, *names: str) -> None:
    for name in names:
        order.name = name
        order.save()


def test_only_the_newest_is_sent_and_the_others_say_by_what_they_were_replaced(
    queue: Queue, sink: Sink
) -> None:
    listening(queue, sink)
    order, other = queue.save_order(name="one"), queue.save_order(name="other")
    renamed(order, "two", "three")
    first, beside, second, third = queue.all
    assert [each.status for each in (first, second, third)] == ["SKIPPED", "SKIPPED", "QUEUE"]
    assert first.reason == f"Replaced by {second.uuid}: it changed again before this was sent."
    assert second.reason == f"Replaced by {third.uuid}: it changed again before this was sent."
    assert (first.holds_lane, first.due_at, first.finished_at is None) == (False, None, False)
    assert list(Log.objects.of(queue.platform).values_list("code", flat=True)) == ["replaced"] * 2
    queue.run()
    told = sorted(each.json()["name"] for each in sink.requests)
    assert told == ["other", "three"]
    assert queue.all.get(pk=beside.pk).status == Status.SUCCESS
    assert other.name == "other"


def test_what_stands_for_several_changes_tells_them_as_one(queue: Queue, sink: Sink) -> None:
    listening(queue, sink)
    order = queue.save_order(name="one", description="a")
    queue.run()
    renamed(order, "two")
    order.description = "b"
    order.save()
    obj = queue.all.last()
    assert obj.whole.action == "updated"
    assert obj.whole.changed_fields == ["name", "description"]
    queue.run()
    assert sink.requests[-1].json() == {"name": "two", "was": "one"}


def test_a_filter_sees_what_changed_since_the_first_of_them(queue: Queue, sink: Sink) -> None:
    """Else the change that mattered would be lost with the one that was replaced."""
    renaming = {"field": "$.transportOrder.name", "operator": "changed"}
    listening(queue, sink, filters=[renaming])
    order = queue.save_order(name="one")
    queue.run()
    renamed(order, "two")
    order.description = "later"
    order.save()
    queue.run()
    assert sink.requests[-1].json() == {"name": "two", "was": "one"}


def test_created_and_changed_is_created(queue: Queue, sink: Sink) -> None:
    listening(queue, sink)
    renamed(queue.save_order(name="one"), "two")
    assert queue.all.last().whole.action == "created"
    assert queue.all.last().whole.before is None
    address = reverse("admin:integrations_integrationobject_change", args=[queue.all.last().pk])
    page = Browser(make.UserFactory(platform=queue.platform, is_staff=True)).html(address)
    assert re.search(r"</a>\s+created, for", page)
    assert "Changed fields" not in page


@pytest.mark.parametrize("ends", ["renamed back", "deleted again"])
def test_what_is_undone_again_is_not_told(queue: Queue, sink: Sink, ends: str) -> None:
    listening(queue, sink)
    order = queue.save_order(name="one")
    if ends == "renamed back":
        queue.run()
        renamed(order, "two", "one")
    else:
        order.delete()
    told = len(sink.requests)
    queue.run()
    assert len(sink.requests) == told
    obj = queue.all.last()
    assert (obj.status, obj.reason[:14]) == ("SKIPPED", "It was undone ")


def test_changed_and_deleted_is_deleted(queue: Queue, sink: Sink) -> None:
    listening(queue, sink)
    order = queue.save_order(name="one")
    queue.run()
    renamed(order, "two")
    order.delete()
    obj = queue.all.last()
    assert (obj.whole.action, obj.whole.before["name"]) == ("deleted", "one")


def test_what_was_tried_or_is_being_sent_is_not_replaced(queue: Queue, sink: Sink) -> None:
    listening(queue, sink)
    order = queue.save_order(name="one")
    (leased,) = IntegrationObject.objects.claim_due(1).objects
    renamed(order, "two")
    assert queue.all.get(pk=leased.pk).status == Status.QUEUE
    policy = leased.integration.policy
    outcome = leased.fail("target_refused", "Later.", policy, permanent=False)
    IntegrationObject.objects.finish([outcome])
    renamed(order, "three")
    assert [each.status for each in queue.all] == ["RETRY", "SKIPPED", "QUEUE"]
    queue.run_when_due()
    queue.run_when_due()
    assert [each.json()["name"] for each in sink.requests] == ["one", "three"]


def test_what_was_claimed_and_given_back_is_replaced(queue: Queue, sink: Sink) -> None:
    """Its target was in trouble, or the worker stopped: nothing of it was sent."""
    integration = listening(queue, sink)
    order = queue.save_order(name="one")
    for name in ("two", "three"):
        (leased,) = IntegrationObject.objects.claim_due(1).objects
        until = now() + timedelta(minutes=5)
        source = integration.data_sources.get()
        outcomes = [leased.stand_by(source, until), leased.release("The worker is stopping.")]
        IntegrationObject.objects.finish([outcomes[name == "three"]])
        renamed(order, name)
    assert [each.status for each in queue.all] == ["SKIPPED", "SKIPPED", "QUEUE"]
    queue.run()
    assert [each.json() for each in sink.requests] == [{"name": "three"}]


def test_what_is_replayed_or_put_back_is_not_replaced_after_it_waited_for_its_target(
    queue: Queue, sink: Sink
) -> None:
    integration = listening(queue, sink)
    order = queue.save_order(name="one")
    queue.run()
    queue.all.update(status=Status.ERROR)
    queue.all.requeue()
    queue.all.replay()
    while claimed := IntegrationObject.objects.claim_due(9).objects:
        IntegrationObject.objects.finish(
            each.stand_by(integration.data_sources.get(), now() + timedelta(hours=1))
            for each in claimed
        )
    renamed(order, "two")
    assert [each.status for each in queue.all] == ["QUEUE", "QUEUE", "QUEUE"]


def test_each_change_waits_a_while_for_newer_ones_and_no_longer(queue: Queue, sink: Sink) -> None:
    """Counted from the first, or a record that never rests would never be sent."""
    listening(queue, sink, delivery={"coalesce": 60})
    order = queue.save_order(name="one")
    due = queue.only.due_at
    assert timedelta(seconds=55) < due - now() <= timedelta(seconds=60)
    EntityChange.objects.of(queue.platform).update(created_at=now() - timedelta(seconds=40))
    renamed(order, "two")
    assert timedelta(seconds=15) < queue.all.last().due_at - now() <= timedelta(seconds=20)
    queue.run()
    assert sink.requests == []
    EntityChange.objects.of(queue.platform).update(created_at=now() - timedelta(seconds=70))
    renamed(order, "three")
    queue.run()
    assert [each.json()["name"] for each in sink.requests] == ["three"]


def test_what_was_put_back_is_not_replaced(queue: Queue, sink: Sink) -> None:
    """It may be older than what was delivered: undone from there is news to the receiver."""
    listening(queue, sink)
    order = queue.save_order(name="one")
    queue.run()
    renamed(order, "two", "three")
    queue.run()
    queue.all.filter(status=Status.SKIPPED).requeue()
    renamed(order, "one")
    queue.run()
    assert [each.json()["name"] for each in sink.requests] == ["one", "three", "two", "one"]
    assert sink.requests[-1].json()["was"] == "three"


def test_what_the_receiver_brought_in_meanwhile_is_told_as_it_became(
    queue: Queue, sink: Sink
) -> None:
    """It has what it brought in; what was before the first of ours is news to it."""
    integration = listening(queue, sink)
    order = queue.save_order(name="one")
    queue.run()
    renamed(order, "two")
    with caused_by(imported(integration.pk, 0)):
        renamed(order, "theirs")
    renamed(order, "one")
    queue.run()
    assert [each.json()["name"] for each in sink.requests] == ["one", "two", "one"]
    assert sink.requests[-1].json()["was"] == "theirs"


HOURLY = {"integrationSchedulerScheduleValue": 1, "integrationSchedulerScheduleType": "hours"}


@pytest.mark.parametrize("schedule", [None, HOURLY], ids=["as it comes", "every hour"])
def test_the_newest_has_the_place_of_what_it_replaces(
    queue: Queue, sink: Sink, schedule: Any
) -> None:
    """Behind all others, a record that never rests would never be sent."""
    listening(queue, sink, schedule=schedule)
    order = queue.save_order(name="one")
    queue.all.update(due_at=now() - timedelta(hours=1))
    queue.save_order(name="other")
    renamed(order, "two", "three")
    (first,) = IntegrationObject.objects.claim_due(1).objects
    assert first.reference == "three"


def test_a_rolled_back_change_replaces_nothing(queue: Queue, sink: Sink) -> None:
    listening(queue, sink)
    order = queue.save_order(name="one")
    with transaction.atomic():
        renamed(order, "two")
        transaction.set_rollback(True)
    assert queue.only.status == Status.QUEUE


def test_where_it_is_not_wanted_every_change_is_sent(queue: Queue, sink: Sink) -> None:
    listening(queue, sink, delivery={"coalesce": False})
    renamed(queue.save_order(name="one"), "two")
    queue.run()
    assert [each.json()["name"] for each in sink.requests] == ["one", "two"]


def test_an_integration_replaces_its_own_alone(queue: Queue, sink: Sink) -> None:
    wanting = listening(queue, sink)
    every = listening(queue, sink, delivery={"coalesce": False})
    renamed(queue.save_order(name="one"), "two")
    assert queue.all.filter(integration=wanting, status=Status.SKIPPED).count() == 1
    assert queue.all.filter(integration=every, status=Status.QUEUE).count() == 2


def test_a_lane_behind_a_blocked_head_is_one_deep(queue: Queue, sink: Sink) -> None:
    integration = listening(queue, sink, delivery={"onPoison": "block"})
    lane = uuid4()
    queue.put(integration, lane)
    (head,) = IntegrationObject.objects.claim_due(1).objects
    policy = integration.policy
    refused = head.fail("target_refused", "Never.", policy, permanent=True)
    IntegrationObject.objects.finish([refused])
    for _ in range(5):
        queue.put(integration, lane)
        IntegrationObject.objects.claim_due(10)
    waiting = queue.all.filter(status=Status.QUEUE)
    assert waiting.count() == 1
    assert waiting.get().pk == queue.all.last().pk
    assert queue.all.filter(status=Status.SUCCESS).count() == 0
