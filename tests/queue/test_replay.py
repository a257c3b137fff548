"""What was told is told once more, as a new message: one object, or as many as were chosen."""

import uuid
from typing import Any

import pytest
from django.utils.timezone import now

from integrations.core import origin
from integrations.models import EntityChange, Integration, IntegrationObject, Status
from otms.accounts.audit import AuditEntry
from tests import make
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

NAMED = {"n": "$.transportOrder.name"}


def listening(queue: Queue, sink: Sink, **fields: Any) -> Integration:
    fields = {"mapping": NAMED, "trigger": make.ALL_ACTIONS, **fields}
    return make.integration(sink.url("/ok"), platform=queue.platform, **fields)


def remap(integration: Integration, mapping: Any) -> None:
    source = integration.data_sources.get()
    source.mapping = mapping
    source.save()


def bodies(sink: Sink) -> list[Any]:
    return [each.json() for each in sink.requests]


def ids(sink: Sink) -> list[str]:
    return [each.headers["webhook-id"] for each in sink.requests]


@pytest.mark.parametrize("status", Status)
def test_whatever_became_of_it_a_new_object_tells_it_again(queue: Queue, status: Status) -> None:
    make.integration(platform=queue.platform)
    queue.save_order(name="A")
    (old,) = queue.all
    queue.all.update(status=status, due_at=None, holds_lane=False, attempts=3, version=1)
    (new,) = queue.all.replay("Ann")
    assert queue.all.get(pk=old.pk).status == status
    new = queue.all.get(pk=new.pk)
    assert new.replay_of_id == old.pk
    assert new.uuid != old.uuid
    assert new.pk > old.pk
    assert (new.status, new.attempts, new.step, new.version) == (Status.QUEUE, 0, 0, None)
    assert new.change_id == old.change_id
    assert new.due_at
    assert new.due_at <= now()


def test_a_receiver_gets_another_id_and_a_later_sequence(queue: Queue, sink: Sink) -> None:
    listening(queue, sink)
    queue.save_order(name="A")
    queue.run()
    queue.all.replay()
    queue.run()
    assert bodies(sink) == [{"n": "A"}, {"n": "A"}]
    assert ids(sink) == [str(each.uuid) for each in queue.all]
    first, second = (int(each.headers["x-otms-sequence"]) for each in sink.requests)
    assert second > first


def test_logs_of_both_and_the_trail_say_it(queue: Queue, sink: Sink) -> None:
    listening(queue, sink)
    queue.save_order()
    queue.run()
    (old,) = queue.all
    (new,) = queue.all.replay("Ann")
    assert old.log_entries.get(code="replayed").message == f"Replayed as {new.uuid} by Ann."
    assert new.log_entries.get(code="replay").message == f"A replay of {old.uuid}, by Ann."
    entry = AuditEntry.objects.of(queue.platform).order_by("-id")[0]
    assert (entry.action, entry.entity_id) == ("replay:integration:objects", new.uuid)


def test_it_stands_at_the_end_of_its_lane(queue: Queue, sink: Sink) -> None:
    listening(queue, sink)
    order = queue.save_order(name="A")
    queue.run()
    first = queue.all.get()
    order.name = "B"
    order.save()
    queue.all.filter(pk=first.pk).replay()
    queue.run()
    assert bodies(sink) == [{"n": "A"}, {"n": "B"}, {"n": "A"}]


def test_by_default_it_goes_with_the_mapping_of_now_and_otherwise_with_that_of_then(
    queue: Queue, sink: Sink
) -> None:
    integration = listening(queue, sink)
    queue.save_order(name="A")
    queue.run()
    first = queue.all.filter(pk=queue.only.pk)
    remap(integration, {"now": "$.transportOrder.name"})
    first.replay()
    first.replay(as_it_began=True)
    queue.run()
    assert bodies(sink)[1:] == [{"now": "A"}, {"n": "A"}]


def test_the_record_as_it_is_now_is_told_with_what_it_was_before_that_change(
    queue: Queue, sink: Sink
) -> None:
    integration = listening(queue, sink)
    order = queue.save_order(name="A")
    order.name = "B"
    order.save()
    order.name = "C"
    order.save()
    queue.run()
    second = queue.all[1]
    remap(integration, {"action": "$.action", "was": "$.before.transportOrder.name", **NAMED})
    (new,) = queue.all.filter(pk=second.pk).replay(as_it_is_now=True)
    assert new.change_id != second.change_id
    queue.run()
    assert bodies(sink)[-1] == {"action": "updated", "was": "A", "n": "C"}


def test_a_record_that_is_deleted_has_no_state_of_now(queue: Queue, sink: Sink) -> None:
    listening(queue, sink)
    order = queue.save_order(name="A")
    kept = queue.save_order(name="B")
    queue.run()
    deleted = order.pk
    order.delete()
    queue.run()
    of_deleted = queue.all.filter(entity_id=deleted)
    assert of_deleted.count() == 2
    assert of_deleted.replay(as_it_is_now=True) == []
    assert queue.all.without_record() == len(of_deleted)
    assert [each.reference for each in queue.all.filter(entity_id=kept.pk).replay()] == ["B"]


def test_a_snapshot_for_a_replay_says_that_nothing_changed_it(queue: Queue) -> None:
    make.integration(platform=queue.platform)
    queue.save_order(name="A")
    with origin.caused_by(origin.replayed(2)):
        (new,) = queue.all.replay(as_it_is_now=True)
    change = EntityChange.objects.of(queue.platform).get(pk=new.change_id)
    assert (change.origin, change.hops, change.action) == ("replay", 2, "created")


def test_a_newer_change_does_not_replace_a_replay_nor_a_replay_the_change(
    queue: Queue, sink: Sink
) -> None:
    listening(queue, sink, delivery={"coalesce": True})
    order = queue.save_order(name="A")
    queue.run()
    queue.all.replay()
    order.name = "B"
    order.save()
    queue.all.filter(reference="A", replay_of=None).replay()
    assert queue.all.filter(status=Status.SKIPPED).count() == 0
    queue.run()
    assert bodies(sink) == [{"n": "A"}, {"n": "A"}, {"n": "B"}, {"n": "A"}]


def test_what_replaced_others_is_told_whole_again(queue: Queue, sink: Sink) -> None:
    integration = listening(queue, sink, delivery={"coalesce": True})
    order = queue.save_order(name="A")
    order.name = "B"
    order.save()
    queue.run()
    remap(integration, {"action": "$.action", **NAMED})
    queue.all.filter(status=Status.SUCCESS).replay()
    queue.run()
    assert bodies(sink) == [{"n": "B"}, {"action": "created", "n": "B"}]


def test_a_replay_keeps_to_the_schedule(queue: Queue) -> None:
    ticks = {
        "integrationSchedulerScheduleValue": 1,
        "integrationSchedulerScheduleType": "hours",
        "milliseconds": 3_600_000,
    }
    make.integration(platform=queue.platform, schedule=ticks)
    queue.save_order()
    due = queue.only.due_at
    queue.all.update(status=Status.SUCCESS, due_at=None, holds_lane=False)
    (new,) = queue.all.replay()
    assert queue.all.get(pk=new.pk).due_at == due


def test_what_went_round_is_not_sent_on_by_a_replay(queue: Queue) -> None:
    make.integration(platform=queue.platform)
    queue.save_order()
    EntityChange.objects.of(queue.platform).update(hops=origin.MOST_HOPS)
    (new,) = queue.all.replay()
    new = queue.all.get(pk=new.pk)
    assert (new.status, new.due_at) == (Status.SKIPPED, None)


def test_what_something_newer_was_delivered_after_is_overtaken(queue: Queue, sink: Sink) -> None:
    listening(queue, sink)
    order = queue.save_order(name="A")
    queue.save_order(name="alone")
    order.name = "B"
    order.save()
    assert queue.all.overtaken() == 0
    queue.run()
    overtaken = [each.reference for each in queue.all if queue.all.filter(pk=each.pk).overtaken()]
    assert (overtaken, queue.all.overtaken()) == (["A"], 1)


def test_what_another_integration_was_told_overtakes_nothing(queue: Queue, sink: Sink) -> None:
    first, second = listening(queue, sink), listening(queue, sink)
    order = queue.save_order(name="A")
    queue.run()
    order.name = "B"
    order.save()
    newest = queue.all.order_by("-id")[:2].values_list("pk", flat=True)
    queue.all.filter(pk__in=list(newest), integration=first).update(status=Status.SUCCESS)
    assert queue.all.filter(integration=first).overtaken() == 1
    assert queue.all.filter(integration=second).overtaken() == 0


def test_original_of_what_was_forgotten_is_still_replayed(queue: Queue, sink: Sink) -> None:
    """A replay of a replay, whose first object is gone."""
    listening(queue, sink)
    queue.save_order(name="A")
    queue.run()
    (old,) = queue.all
    (new,) = queue.all.replay()
    IntegrationObject.objects.of(queue.platform).filter(pk=old.pk).delete()
    queue.run()
    assert queue.all.get(pk=new.pk).status == Status.SUCCESS


def test_what_is_newer_is_asked_for_all_at_once(
    queue: Queue, sink: Sink, django_assert_num_queries: Any
) -> None:
    """Row by row, each might be looked for among all that was delivered."""
    record = uuid.uuid4()
    queue.put(listening(queue, sink), *(uuid.uuid4() for _ in range(200)), record, record)
    queue.all.update(status=Status.SUCCESS)
    with django_assert_num_queries(2):
        assert queue.all.overtaken() == 1


def test_more_than_are_asked_for_at_once(
    queue: Queue, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.models.anew.LOOKED_UP", 2)
    record = uuid.uuid4()
    queue.put(listening(queue, sink), record, record, uuid.uuid4(), record)
    queue.all.update(status=Status.SUCCESS)
    assert queue.all.overtaken() == 2
