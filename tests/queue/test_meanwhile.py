"""What people do while objects wait and are on their way breaks no promise."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils.timezone import now

from integrations import story
from integrations.models import DataSource, Gate, IntegrationObject, RequestLog, Status, hearing
from integrations.models import integration as integrations
from tests import make
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


def claim(slots: int = 100, **options: Any) -> list[IntegrationObject]:
    return IntegrationObject.objects.claim_due(slots, **options).objects


def refused(obj: IntegrationObject, *, permanent: bool = True) -> None:
    policy = obj.integration.policy
    outcome = obj.fail("target_refused", "No.", policy, permanent=permanent)
    IntegrationObject.objects.finish([outcome])


def one_before_a_retry(queue: Queue) -> tuple[IntegrationObject, IntegrationObject]:
    """Of one lane the first, which was put back, and the second, to be tried again in an hour."""
    retry = {"retry": {"schedule": [3600]}}
    integration = make.integration(platform=queue.platform, delivery=retry)
    lane = uuid4()
    first, second = queue.put(integration, lane, lane)
    refused(*claim())
    refused(*claim(), permanent=False)
    queue.all.filter(pk=first.pk).requeue()
    return first, second


def called(obj: IntegrationObject) -> Any:
    log = RequestLog(
        platform_id=obj.platform_id, integration_id=obj.integration_id, object=obj, attempt=1
    )
    return obj.succeed("It was there.", request=log)


def step(integration: Any, sink: Sink, path: str, position: int) -> DataSource:
    made: DataSource = DataSource.objects.create(
        platform=integration.platform,
        integration=integration,
        position=position,
        name=path.strip("/"),
        settings={"url": sink.url(path)},
        mapping={"step": path},
    )
    return made


def test_what_is_put_back_waits_for_what_of_its_lane_is_on_its_way(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform)
    lane = uuid4()
    first, second, third = queue.put(integration, lane, lane, lane)
    refused(*claim())
    (flying,) = claim()
    assert flying.pk == second.pk
    queue.all.filter(pk=first.pk).requeue()
    assert claim() == []
    told = "It waits while a later change of the same record is being sent."
    assert told in story.in_words(queue.all.get(pk=first.pk))
    IntegrationObject.objects.finish([flying.succeed("It was there.")])
    assert told not in story.in_words(queue.all.get(pk=first.pk))
    (older,) = claim()
    assert older.pk == first.pk
    IntegrationObject.objects.finish([older.succeed("It was there.")])
    assert [obj.pk for obj in claim()] == [third.pk]


def test_who_stands_behind_one_that_is_cancelled_is_woken_though_another_is_on_its_way(
    queue: Queue,
) -> None:
    """The outcome of that one may just be written, by who still sees what is cancelled here."""
    lane = uuid4()
    first, _, third = queue.put(make.integration(platform=queue.platform), lane, lane, lane)
    refused(*claim())
    (flying,) = claim()
    queue.all.filter(pk=first.pk).requeue()
    assert claim() == []
    assert queue.all.get(pk=third.pk).due_at > now()
    queue.all.filter(pk=first.pk).cancel("a person")
    assert queue.all.get(pk=third.pk).due_at <= now()
    assert claim() == []
    IntegrationObject.objects.finish([flying.succeed("It was there.")])
    assert [obj.pk for obj in claim()] == [third.pk]


def test_the_head_of_a_lane_keeps_the_time_of_its_retry(queue: Queue) -> None:
    _, second = one_before_a_retry(queue)
    (again,) = claim()
    IntegrationObject.objects.finish([again.succeed("It was there.")])
    second.refresh_from_db()
    assert second.status == Status.RETRY
    assert second.due_at is not None
    assert second.due_at > now() + HOUR / 2


@pytest.mark.parametrize("older", ["delivered", "cancelled"])
def test_what_is_to_be_tried_again_waits_no_longer_than_for_those_before_it(
    queue: Queue, older: str
) -> None:
    """Its own time is over: it had to wait for one that was put back, and that alone."""
    first, second = one_before_a_retry(queue)
    queue.time_passes()
    (again,) = claim()
    assert again.pk == first.pk
    if older == "delivered":
        IntegrationObject.objects.finish([again.succeed("It was there.")])
    else:
        refused(again, permanent=False)  # again in an hour, and the other behind it
        queue.all.filter(pk=second.pk).update(due_at=now())
        assert claim() == []
        queue.all.filter(pk=first.pk).cancel("Nobody needs it.")
    assert [obj.pk for obj in claim()] == [second.pk]


def test_what_is_to_be_tried_again_waits_for_what_came_later_and_is_on_its_way(
    queue: Queue,
) -> None:
    integration = make.integration(platform=queue.platform)
    lane = uuid4()
    first, second = queue.put(integration, lane, lane)
    refused(*claim())
    (flying,) = claim()
    assert flying.pk == second.pk
    queue.all.filter(pk=first.pk).requeue()
    queue.all.filter(pk=first.pk).update(status=Status.RETRY)
    assert claim() == []
    IntegrationObject.objects.finish([flying.succeed("It was there.")])
    assert [obj.pk for obj in claim()] == [first.pk]


def test_what_waits_for_newer_changes_goes_on_waiting_when_its_head_is_done(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform, delivery={"coalesce": 60})
    lane = uuid4()
    queue.put(integration, lane)
    queue.time_passes()
    (flying,) = claim()
    (newer,) = queue.put(integration, lane)
    IntegrationObject.objects.finish([flying.succeed("It was there.")])
    newer.refresh_from_db()
    assert newer.due_at is not None
    assert newer.due_at > now() + timedelta(seconds=50)


def test_what_is_given_back_is_as_suspect_as_it_was(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform)
    queue.put(integration, uuid4())
    claim()
    queue.time_passes()
    (suspect,) = claim()
    assert suspect.interruptions == 1
    IntegrationObject.objects.finish([suspect.release("The worker is stopping.")])
    (still,) = claim()
    assert still.interruptions == 1
    IntegrationObject.objects.finish([still.succeed("It was there.")])
    assert queue.only.interruptions == 0


def test_suspects_of_one_integration_do_not_keep_back_those_of_another(queue: Queue) -> None:
    many = make.integration(platform=queue.platform)
    queue.put(many, *(uuid4() for _ in range(5)))
    one = make.integration(platform=queue.platform)
    queue.put(one, uuid4())
    claim()
    queue.time_passes()
    turns = []
    for _ in range(3):
        (suspect,) = claim()
        turns.append(suspect.integration_id)
        IntegrationObject.objects.finish([suspect.succeed("It was there.")])
    assert one.pk in turns[:2]


def test_a_rate_that_is_set_counts_what_is_on_its_way(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform, delivery={"concurrency": 10})
    queue.put(integration, *(uuid4() for _ in range(30)))
    flying = claim()
    assert len(flying) == 10
    integration.refresh_from_db()
    integration.delivery = {"concurrency": 10, "rate": "10/min"}
    integration.save()
    IntegrationObject.objects.finish([called(obj) for obj in flying])
    assert claim() == []
    assert sum(n for _, n in Gate.objects.get(pk=integration.pk).called) == 10


def test_acts_of_people_lock_no_more_than_a_portion(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "PORTION", 2)
    integration = make.integration(platform=queue.platform)
    queue.put(integration, *(uuid4() for _ in range(5)))
    assert queue.all.cancel("Not wanted.") == 5
    assert set(queue.all.values_list("status", flat=True)) == {Status.CANCELLED}
    queue.all.update(status=Status.ERROR)
    assert queue.all.requeue() == 5
    assert len(claim()) == 5


def test_a_long_queue_of_a_deleted_integration_is_cancelled_by_the_workers(
    queue: Queue, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrations, "MOST_ENDED", 2)
    integration = make.integration(sink.url(), platform=queue.platform)
    queue.put(integration, *(uuid4() for _ in range(5)))
    integration.retire()
    statuses = list(queue.all.values_list("status", flat=True))
    assert statuses == [Status.CANCELLED] * 2 + [Status.QUEUE] * 3
    queue.run()
    assert set(queue.all.values_list("status", flat=True)) == {Status.CANCELLED}
    assert sink.requests == []


def test_a_step_that_is_put_in_front_changes_nothing_for_what_is_behind_it(
    queue: Queue, sink: Sink
) -> None:
    integration = make.integration(platform=queue.platform, delivery={"retry": {"schedule": [1]}})
    step(integration, sink, "/first", 10)
    step(integration, sink, "/second", 20)
    sink.answers("/first", "/ok")
    sink.answers("/second", "/status/503")
    queue.save_order()
    queue.run()
    step(integration, sink, "/before", 5)
    step(integration, sink, "/behind", 30)
    for path in ("/before", "/second", "/behind"):
        sink.answers(path, "/ok")
    queue.run_when_due()
    assert [each.path for each in sink.requests] == ["/first", "/second", "/second", "/behind"]
    assert queue.only.status == Status.SUCCESS
    ids = [each.headers["webhook-id"] for each in sink.requests]
    assert len(set(ids)) == 3  # each step is a message of its own


def test_a_step_that_is_taken_away_is_passed_over(queue: Queue, sink: Sink) -> None:
    integration = make.integration(platform=queue.platform, delivery={"retry": {"schedule": [1]}})
    step(integration, sink, "/first", 10)
    second = step(integration, sink, "/second", 20)
    step(integration, sink, "/third", 30)
    for path, behaviour in (("/first", "/ok"), ("/second", "/status/503"), ("/third", "/ok")):
        sink.answers(path, behaviour)
    queue.save_order()
    queue.run()
    second.delete()
    queue.run_when_due()
    assert [each.path for each in sink.requests] == ["/first", "/second", "/third"]
    assert queue.only.status == Status.SUCCESS


def blocked(queue: Queue) -> tuple[Any, list[IntegrationObject]]:
    integration = make.integration(platform=queue.platform, delivery={"onPoison": "block"})
    lane = uuid4()
    objects = queue.put(integration, lane, lane, lane)
    refused(*claim())
    assert claim() == []
    return integration, objects


def test_what_blocks_its_record_says_so_and_can_be_cancelled(queue: Queue) -> None:
    _, (first, second, _) = blocked(queue)
    first.refresh_from_db()
    assert story.in_words(first)[-1] == (
        "Until it is put back or cancelled, 2 later changes of the same record wait behind it."
    )
    assert story.may_cancel(first)
    assert queue.all.filter(pk=first.pk).cancel("The data is wrong.") == 1
    assert [obj.pk for obj in claim()] == [second.pk]


def test_a_policy_that_blocks_no_more_lets_the_lanes_go_on(queue: Queue) -> None:
    integration, (first, second, _) = blocked(queue)
    integration.refresh_from_db()
    integration.delivery = {"onPoison": "park"}
    integration.save()
    assert [obj.pk for obj in claim()] == [second.pk]
    first.refresh_from_db()
    assert first.status == Status.ERROR


def test_what_waits_for_the_rate_says_so(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform, delivery={"rate": "1/min"})
    queue.put(integration, uuid4(), uuid4())
    IntegrationObject.objects.finish([called(obj) for obj in claim()])
    assert claim() == []
    waiting = queue.all.get(status=Status.QUEUE)
    assert story.in_words(waiting)[0].startswith("It waits for its target's rate (1/min): more may")


def test_what_was_passed_over_does_not_say_that_nothing_was_sent(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform, delivery={"onPoison": "skip"})
    queue.put(integration, uuid4())
    refused(*claim())
    said = story.in_words(queue.only)
    assert said[0].startswith("Given up at ")
    assert said[1].startswith("Skipped: No.")
