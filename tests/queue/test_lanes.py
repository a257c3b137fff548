"""What keeps its order, what waits for what, and what must not wait."""

from collections import defaultdict
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils.timezone import now

from integrations.dispatcher import Dispatcher
from integrations.models import Gate, IntegrationObject, Status
from tests import make
from tests.queue.conftest import Queue, wait_for
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

UPDATES = {"trigger": make.ALL_ACTIONS}


def claim(slots: int) -> list[IntegrationObject]:
    return IntegrationObject.objects.claim_due(slots).objects


def finish(obj: IntegrationObject, status: str = "succeed", **policy: Any) -> None:
    """Write down that it was delivered, or that it failed for good."""
    if status == "succeed":
        outcome = obj.succeed("It was there.")
    else:
        outcome = obj.fail(
            "target_refused", "It was refused.", obj.integration.policy, permanent=status == "error"
        )
    IntegrationObject.objects.finish([outcome])


def test_changes_of_one_order_arrive_in_their_order(queue: Queue, sink: Sink) -> None:
    make.integration(
        sink.url("/slow/20"),
        platform=queue.platform,
        mapping={"order": "$.transportOrder.id", "n": "$.transportOrder.description"},
        **UPDATES,
    )
    orders = [queue.save_order(description="0") for _ in range(4)]
    for n in range(1, 6):
        for order in orders:
            order.description = str(n)
            order.save()
    queue.run()
    arrived = defaultdict(list)
    for received in sink.requests:
        arrived[received.json()["order"]].append(received.json()["n"])
    assert list(arrived.values()) == [["0", "1", "2", "3", "4", "5"]] * 4
    assert not queue.all.filter(leased=True).exists()


def test_without_ordering_nothing_waits(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform, delivery={"ordering": "none"})
    lane = uuid4()
    queue.put(integration, lane, lane, lane)
    assert len(claim(10)) == 3


def test_a_lane_waits_for_its_head_and_the_others_do_not(queue: Queue, sink: Sink) -> None:
    integration = make.integration(platform=queue.platform)
    stuck, free = uuid4(), uuid4()
    queue.put(integration, stuck, stuck, free)
    first, other = claim(10)
    assert (first.entity_id, other.entity_id) == (stuck, free)
    finish(first, "retry")
    finish(other)
    assert claim(10) == []
    follower = queue.all.get(entity_id=stuck, pk__gt=first.pk)
    assert follower.due_at >= queue.all.get(pk=first.pk).due_at
    queue.all.filter(pk=first.pk).update(due_at=now())
    (first,) = claim(10)
    finish(first)
    assert [obj.pk for obj in claim(10)] == [follower.pk]


def test_a_parked_error_lets_its_lane_go_on(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform, delivery={"onPoison": "park"})
    lane = uuid4()
    queue.put(integration, lane, lane)
    (first,) = claim(10)
    finish(first, "error")
    (second,) = claim(10)
    assert second.pk > first.pk
    assert queue.all.get(pk=first.pk).status == Status.ERROR


def test_a_skipped_error_lets_its_lane_go_on(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform, delivery={"onPoison": "skip"})
    lane = uuid4()
    queue.put(integration, lane, lane)
    (first,) = claim(10)
    finish(first, "error")
    skipped = queue.all.get(pk=first.pk)
    assert skipped.status == Status.SKIPPED
    assert "refused" in skipped.reason
    assert len(claim(10)) == 1


def test_a_blocking_error_holds_its_lane_alone_until_it_is_put_back(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform, delivery={"onPoison": "block"})
    blocked, free = uuid4(), uuid4()
    queue.put(integration, blocked, blocked, blocked)
    (first,) = claim(1)
    finish(first, "error")
    queue.put(integration, free)
    assert [obj.entity_id for obj in drain()] == [free]
    queue.time_passes()
    assert drain() == []
    assert not queue.all.filter(due_at__lt=now() + timedelta(days=365)).exists()  # no more looks
    assert queue.all.filter(pk=first.pk).requeue() == 1
    assert [obj.entity_id for obj in drain()] == [blocked] * 3


def test_a_retry_held_by_a_blocking_error_is_not_forgotten(queue: Queue) -> None:
    """The older one was parked, put back, and blocks now: the younger had failed meanwhile."""
    integration = make.integration(platform=queue.platform)
    lane = uuid4()
    queue.put(integration, lane, lane)
    (first,) = claim(1)
    finish(first, "error")
    (second,) = claim(1)
    finish(second, "retry")
    integration.delivery = {"onPoison": "block"}
    integration.save()
    queue.all.filter(pk=first.pk).requeue()
    (again,) = claim(1)
    finish(again, "error")
    queue.all.filter(pk=second.pk).update(due_at=now())
    assert drain() == []
    queue.all.filter(pk=first.pk).requeue()
    assert [obj.pk for obj in drain()] == [first.pk, second.pk]


def test_cancelling_in_the_middle_of_a_lane_changes_nothing_for_its_head(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform)
    lane = uuid4()
    queue.put(integration, lane, lane, lane)
    (head,) = claim(1)
    finish(head, "retry")
    due = queue.all.get(pk=head.pk).due_at
    assert queue.all.filter(pk=queue.all[1].pk).cancel("Not wanted.") == 1
    assert queue.all.get(pk=head.pk).due_at == due
    queue.all.filter(pk=head.pk).cancel("Not wanted either.")
    assert len(claim(10)) == 1


def test_a_lease_that_ended_behind_an_older_one_takes_no_room(queue: Queue) -> None:
    """Its worker stopped; meanwhile an older object of its lane was put back."""
    integration = make.integration(platform=queue.platform, delivery={"concurrency": 1})
    lane = uuid4()
    queue.put(integration, lane, lane)
    (first,) = claim(1)
    finish(first, "error")
    (second,) = claim(1)
    queue.all.filter(pk=first.pk).requeue()
    queue.time_passes()
    assert [obj.pk for obj in drain()] == [first.pk, second.pk]


def test_followers_of_waiting_heads_hide_nobody(queue: Queue, sink: Sink) -> None:
    """Hundreds stand behind heads that wait for an hour, and one behind them is due: it leaves.

    Nobody polls and nobody pokes.
    """
    integration = make.integration(sink.url(), platform=queue.platform)
    lanes = [uuid4() for _ in range(60)]
    heads = queue.put(integration, *lanes)
    queue.put(integration, *lanes * 8)
    queue.all.filter(pk__in=[head.pk for head in heads]).update(
        due_at=now() + timedelta(hours=1), status=Status.RETRY
    )
    (newcomer,) = queue.put(integration, uuid4())
    dispatcher = Dispatcher(poll=0)
    dispatcher.start()
    try:
        assert sink.wait(1)["delivered"] == 1
    finally:
        dispatcher.stop()
    (received,) = sink.requests
    assert received.headers["webhook-id"] == str(newcomer.uuid)
    # They were put off until their heads are due: nobody looks at them again.
    assert not queue.all.filter(due_at__lte=now() + timedelta(minutes=50)).exists()


def test_a_full_gate_hides_no_other(queue: Queue) -> None:
    for n in range(20):
        slow = make.integration(platform=queue.platform, delivery={"concurrency": 1}, name=f"{n}")
        queue.put(slow, uuid4(), uuid4())
    assert len([obj for _ in range(5) for obj in claim(20)]) == 20
    quick = make.integration(platform=queue.platform)
    for _ in range(2):  # the second time it is the last in the row
        queue.put(quick, uuid4())
        assert [obj.integration_id for obj in claim(20)] == [quick.pk]


def test_every_integration_has_its_turn(queue: Queue) -> None:
    for _ in range(6):
        integration = make.integration(platform=queue.platform, delivery={"concurrency": 100})
        queue.put(integration, *[uuid4() for _ in range(20)])
    turns = [claim(5)[0].integration_id for _ in range(6)]
    assert len(set(turns)) == 6


def test_no_more_is_in_flight_than_the_cap_allows(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform, delivery={"concurrency": 3})
    queue.put(integration, *[uuid4() for _ in range(10)])
    claimed = claim(10)
    assert len(claimed) == 3
    assert claim(10) == []
    finish(claimed[0])
    assert len(claim(10)) == 1
    integration.delivery = {"concurrency": 5}
    integration.save()
    assert len(claim(10)) == 2
    assert Gate.objects.get(integration=integration).cap == 5


def drain() -> list[IntegrationObject]:
    """Everything that can be delivered, in the order it is claimed."""
    done = []
    while claimed := claim(10):
        done += claimed
        for obj in claimed:
            finish(obj)
    return done


def test_waiting_is_over_when_it_is_over(queue: Queue, sink: Sink) -> None:
    """A retry leaves when it is due, with nobody to tell."""
    policy = {"retry": {"schedule": [1]}}
    make.integration(sink.url("/failfirst/2/503"), platform=queue.platform, delivery=policy)
    queue.save_order()
    dispatcher = Dispatcher(poll=0.05)
    dispatcher.start()
    try:
        wait_for(lambda: queue.only.status == Status.SUCCESS)
    finally:
        dispatcher.stop()
    assert sink.stats()["attempts"] == 3
