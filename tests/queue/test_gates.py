"""What a target wants at once and in a time, kept however many workers there are."""

import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import F
from django.utils.timezone import now

from integrations.dispatcher import Dispatcher
from integrations.models import Gate, IntegrationObject, RequestLog, Status
from integrations.models.gate import EVER
from tests import make
from tests.queue.conftest import Queue, wait_for
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def claim(slots: int = 100) -> list[IntegrationObject]:
    return IntegrationObject.objects.claim_due(slots).objects


def delivered(*objects: IntegrationObject) -> None:
    """Written down as calls that were answered."""
    IntegrationObject.objects.finish(
        [
            obj.succeed(
                "It was there.",
                request=RequestLog(
                    platform_id=obj.platform_id,
                    integration_id=obj.integration_id,
                    object=obj,
                    attempt=obj.attempts,
                ),
            )
            for obj in objects
        ]
    )


def limited(queue: Queue, rate: str, n: int, **more: Any) -> Any:
    integration = make.integration(
        platform=queue.platform, delivery={"rate": rate, "concurrency": 100, **more}
    )
    queue.put(integration, *(uuid4() for _ in range(n)))
    return integration


def test_no_more_are_claimed_than_the_rate_leaves(queue: Queue) -> None:
    integration = limited(queue, "5/min", 20)
    first = claim()
    assert len(first) == 5
    assert claim() == []
    delivered(*first)
    assert claim() == []  # they count for a minute yet
    gate = Gate.objects.get(pk=integration.pk)
    assert 58 < gate.full_until.timestamp() - time.time() <= 62
    Gate.objects.filter(pk=integration.pk).update(
        called=[[time.time() - 61, 2], [time.time(), 3]], full_until=EVER
    )
    assert len(claim()) == 2


def test_what_was_not_called_does_not_count(queue: Queue) -> None:
    limited(queue, "5/min", 20)
    IntegrationObject.objects.finish([obj.skip("filter_no_match", "No.") for obj in claim()])
    IntegrationObject.objects.finish([obj.release("The worker is stopping.") for obj in claim()])
    assert len(claim()) == 5


def test_what_is_in_flight_and_comes_to_nothing_closes_no_gate(queue: Queue) -> None:
    """As of a filter that lets little through: there is room again when that is known."""
    integration = limited(queue, "10/hour", 100)
    delivered(*claim(1))
    nine = claim()
    assert len(nine) == 9
    assert claim() == []
    IntegrationObject.objects.finish([obj.skip("filter_no_match", "No.") for obj in nine])
    gate = Gate.objects.get(pk=integration.pk)
    assert gate.full_until.timestamp() - time.time() <= 1
    Gate.objects.filter(pk=integration.pk).update(full_until=EVER)
    assert len(claim()) == 9


def test_what_a_stopped_worker_called_counts(queue: Queue) -> None:
    """Nobody knows when, so it counts from when it is found."""
    integration = limited(queue, "5/min", 20)
    claim()
    queue.all.filter(leased=True).update(due_at=now())
    assert claim() == []
    gate = Gate.objects.get(pk=integration.pk)
    assert [n for _, n in gate.called] == [5]
    Gate.objects.filter(pk=integration.pk).update(called=[], full_until=EVER)
    assert [obj.interrupted for obj in claim()] == [True, False, False, False, False]


def test_without_a_rate_nothing_is_counted(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform)
    queue.put(integration, uuid4())
    delivered(*claim())
    assert Gate.objects.get(pk=integration.pk).called == []


def test_a_new_rate_holds_at_once(queue: Queue) -> None:
    integration = limited(queue, "2/hour", 20)
    delivered(*claim())
    assert claim() == []
    integration.delivery = {"rate": None}
    integration.save()
    assert len(claim()) == 8
    integration.delivery = {"rate": "4/hour"}
    integration.save()
    assert claim() == []


def test_a_full_gate_keeps_no_other_waiting(queue: Queue) -> None:
    for _ in range(12):
        limited(queue, "1/hour", 5)
    for _ in range(3):
        delivered(*claim())
    free = make.integration(platform=queue.platform)
    queue.put(free, uuid4())
    assert [obj.integration_id for obj in claim()] == [free.pk]


@pytest.mark.parametrize("workers", [1, 3])
def test_the_receiver_never_sees_more(queue: Queue, sink: Sink, workers: int) -> None:
    """In any second, at any moment: counted where the calls arrive."""
    integration = make.integration(
        sink.url("/slow/50"),
        platform=queue.platform,
        delivery={"rate": "20/s", "concurrency": 3, "ordering": "none"},
    )
    queue.put(integration, *(uuid4() for _ in range(60)))
    dispatchers = [Dispatcher(poll=0.02) for _ in range(workers)]
    for each in dispatchers:
        each.start()
    try:
        wait_for(lambda: not queue.all.exclude(status=Status.SUCCESS).exists(), 30)
    finally:
        for each in dispatchers:
            each.stop()
    arrived = [each.at for each in sink.requests]
    assert len(arrived) == 60
    assert most_within(1.0, arrived) <= 20
    assert most_at_once(0.05, arrived) <= 3


def most_within(seconds: float, moments: list[float]) -> int:
    moments = sorted(moments)
    return max(sum(at <= other < at + seconds for other in moments) for at in moments)


def most_at_once(seconds: float, moments: list[float]) -> int:
    """When each takes so long."""
    return most_within(seconds, moments)


# What was interrupted.


def interrupted(queue: Queue, n: int, **delivery: Any) -> list[int]:
    integration = make.integration(
        platform=queue.platform, delivery={"concurrency": 100, **delivery}
    )
    queue.put(integration, *(uuid4() for _ in range(n)))
    leased = claim()
    queue.all.filter(leased=True).update(due_at=now())
    return [obj.pk for obj in leased]


def test_what_was_interrupted_is_claimed_one_at_a_time(queue: Queue) -> None:
    first, *_ = ids = interrupted(queue, 10)
    integration = queue.all.first().integration
    fresh = {obj.pk for obj in queue.put(integration, uuid4(), uuid4())}
    again = claim()
    assert {obj.pk for obj in again} == {first, *fresh}
    assert [obj.interruptions for obj in again if obj.interrupted] == [1]
    assert IntegrationObject.objects.claim_due(10, suspect=False).objects == []
    assert queue.all.get(pk=ids[1]).interruptions == 1
    assert queue.all.get(pk=ids[1]).attempts == 1  # nothing of its budget was spent meanwhile
    assert [obj.pk for obj in claim()] == [ids[1]]


@pytest.mark.parametrize("ahead", [0, 60], ids=["one clock", "a web server's clock is ahead"])
def test_what_was_interrupted_is_the_first_again_in_a_deep_backlog(
    queue: Queue, ahead: int
) -> None:
    """All of it due in the same moment, as after one large import."""
    integration = make.integration(platform=queue.platform, delivery={"concurrency": 100})
    first = [obj.pk for obj in queue.put(integration, *(uuid4() for _ in range(500)))][:3]
    queue.all.update(created_at=F("created_at") + timedelta(seconds=ahead))
    assert [obj.pk for obj in claim(3)] == first
    queue.all.filter(leased=True).update(due_at=now())
    for expected in first:
        (obj,) = claim(1)
        assert (obj.pk, obj.interruptions) == (expected, 1)
        delivered(obj)
    (obj,) = claim(1)
    assert obj.interruptions == 0


def test_nor_does_it_wait_for_what_is_older_and_came_back_later(queue: Queue) -> None:
    """As after an outage: hundreds that were tried before are due again while it is called."""
    integration = make.integration(platform=queue.platform, delivery={"concurrency": 100})
    older = queue.put(integration, *(uuid4() for _ in range(500)))
    queue.all.update(
        created_at=now() - timedelta(days=1), due_at=now() + timedelta(hours=1), attempts=1
    )
    (new,) = queue.put(integration, uuid4())
    assert [obj.pk for obj in claim(1)] == [new.pk]
    queue.all.filter(pk__in=[obj.pk for obj in older]).update(due_at=now())
    queue.all.filter(leased=True).update(due_at=now())
    assert [obj.pk for obj in claim(1)] == [new.pk]


def test_many_suspects_hide_nothing_that_was_never_interrupted(queue: Queue) -> None:
    """As after two crashes in a row, while one of them hangs in a call."""
    interrupted(queue, 150)
    IntegrationObject.objects.claim_due(100, suspect=False)
    queue.all.filter(leased=True).update(due_at=now())
    integration = queue.all.first().integration
    fresh = {obj.pk for obj in queue.put(integration, *(uuid4() for _ in range(8)))}
    found = IntegrationObject.objects.claim_due(8, suspect=False).objects
    assert queue.all.filter(interruptions__gt=0).count() == 150
    assert {obj.pk for obj in found} == fresh


def test_an_outcome_clears_the_suspicion(queue: Queue) -> None:
    interrupted(queue, 1)
    (obj,) = claim()
    assert obj.interrupted
    failed = obj.fail("target_refused", "Later.", obj.integration.policy, permanent=False)
    IntegrationObject.objects.finish([failed])
    queue.time_passes()
    (obj,) = claim()
    assert (obj.interrupted, obj.attempts) == (False, 3)


def test_what_brings_its_worker_down_every_time_is_an_error(queue: Queue, sink: Sink) -> None:
    make.integration(sink.url(), platform=queue.platform)
    queue.save_order()
    for _ in range(5):
        claim()
        queue.all.filter(leased=True).update(due_at=now())
    queue.run()
    obj = queue.only
    assert (obj.status, sink.requests) == (Status.ERROR, [])
    assert obj.error == "The worker stopped in the middle of 5 attempts in a row."
    queue.all.requeue()
    queue.run()
    assert queue.only.status == Status.SUCCESS


def test_a_dispatcher_has_one_suspect_in_flight(queue: Queue, sink: Sink) -> None:
    make.integration(sink.url("/slow/100"), platform=queue.platform, delivery={"concurrency": 10})
    for _ in range(6):
        queue.save_order()
    claim()
    queue.all.filter(leased=True).update(due_at=now())
    queue.run()
    arrived = sorted(each.at for each in sink.requests)
    assert len(arrived) == 6
    assert most_within(0.1, arrived) == 1
