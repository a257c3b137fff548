"""Several processes at once: what is saved together, claimed together, finished together."""

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations.models import EntityChange, Gate, IntegrationObject, Log, Status
from otms.orders.models import Consignment, TransportOrder
from tests import make, plans
from tests.queue.conftest import Pause, Queue, wait_for
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

UPDATES = {"trigger": make.ALL_ACTIONS}


class Beside(threading.Thread):
    """Something that happens at the same time, on a connection of its own."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.work = work
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.work()
        except BaseException as error:  # noqa: BLE001 - told by done()
            self.error = error
        finally:
            connection.close()

    def done(self) -> None:
        self.join(60)
        assert not self.is_alive(), "it hangs"
        if self.error:
            raise self.error


def waits_for_a_lock() -> bool:
    """Does any connection to this database wait for another one's lock?"""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def undone(order: TransportOrder) -> None:
    """An edit that comes to nothing; what it locked is free again."""
    with suppress(InterruptedError), transaction.atomic():
        order.save()
        raise InterruptedError


@pytest.mark.services
@pytest.mark.parametrize("first_of_all", [lambda order: None, undone], ids=["edits", "undone"])
def test_the_last_of_two_edits_of_one_order_has_both(
    queue: Queue, first_of_all: Callable[[TransportOrder], None]
) -> None:
    with transaction.atomic():
        order = queue.save_order()
        parts = [make.ConsignmentFactory(transport_order=order, position=n) for n in range(2)]
    # It has looked at the order for the last time, but has not committed.
    pause = Pause(lambda sql: sql.startswith("INSERT") and EntityChange._meta.db_table in sql)

    def edit(part: Consignment) -> None:
        part.description = "edited"
        part.save()

    def edit_slowly() -> None:
        with connection.execute_wrapper(pause), transaction.atomic():
            first_of_all(order)
            edit(parts[0])

    first = Beside(edit_slowly)
    assert pause.there.wait(10)
    second = Beside(lambda: edit(parts[1]))
    wait_for(lambda: waits_for_a_lock() or not second.is_alive())
    pause.go_on.set()
    first.done()
    second.done()
    *_, last = EntityChange.objects.of(queue.platform).order_by("id")
    edited = [each["description"] for each in last.after["consignments"]]
    assert edited == ["edited", "edited"]


@pytest.mark.services
def test_what_others_do_after_an_edit_was_undone_is_not_ours(queue: Queue) -> None:
    order = queue.save_order()
    with transaction.atomic():
        undone(TransportOrder.objects.of(queue.platform).get(pk=order.pk))
        order.status = "accepted"
        Beside(order.save).done()
    created, updated = EntityChange.objects.of(queue.platform).order_by("id")
    assert (created.action, updated.changed_fields) == ("created", ["status"])


@pytest.mark.services
def test_a_head_that_finishes_while_its_follower_is_put_off_still_wakes_it(queue: Queue) -> None:
    """The claim saw the head in flight; the outcome must have the last word."""
    integration = make.integration(platform=queue.platform)
    lane = uuid4()
    queue.put(integration, lane, lane)
    (head,) = IntegrationObject.objects.claim_due(1).objects
    queue.all.filter(leased=False).update(due_at=now())
    # The follower is put off, but that is not committed.
    pause = Pause(lambda sql: sql.startswith("UPDATE") and Gate._meta.db_table in sql)

    def put_off() -> None:
        with connection.execute_wrapper(pause):
            assert IntegrationObject.objects.claim_due(5).deferred

    claim = Beside(put_off)
    assert pause.there.wait(10)
    finish = Beside(lambda: IntegrationObject.objects.finish([head.succeed("It was there.")]))
    wait_for(lambda: waits_for_a_lock() or not finish.is_alive())
    pause.go_on.set()
    claim.done()
    finish.done()
    assert queue.all.last().due_at <= now()
    assert len(IntegrationObject.objects.claim_due(5).objects) == 1


@pytest.mark.services
@pytest.mark.parametrize("put_back", [False, True], ids=["newer", "older"])
def test_what_comes_while_an_outcome_is_written_down_does_not_wait_for_the_lease(
    queue: Queue, put_back: bool
) -> None:
    """The outcome has looked for who is next, and is not committed; a claim sees the lease."""
    integration = make.integration(platform=queue.platform)
    lane = uuid4()
    queue.put(integration, *[lane] * (1 + put_back))
    (head,) = IntegrationObject.objects.claim_due(1).objects
    if put_back:  # the first is done and will be put back; the second is on its way
        IntegrationObject.objects.finish([head.skip("filtered", "Not wanted.")])
        (head,) = IntegrationObject.objects.claim_due(1).objects
    pause = Pause(lambda sql: "INSERT" in sql and Log._meta.db_table in sql)

    def finish() -> None:
        with connection.execute_wrapper(pause):
            IntegrationObject.objects.finish([head.succeed("It was there.")])

    outcome = Beside(finish)
    assert pause.there.wait(10)
    if put_back:
        queue.all.filter(status=Status.SKIPPED).requeue()
    else:
        queue.put(integration, lane)
    assert not IntegrationObject.objects.claim_due(5).objects
    pause.go_on.set()
    outcome.done()
    assert len(IntegrationObject.objects.claim_due(5).objects) == 1


@pytest.mark.services
def test_what_is_cancelled_while_it_is_claimed_is_one_or_the_other(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform)
    queue.put(integration, uuid4())
    pause = Pause(lambda sql: sql.startswith("UPDATE") and "claimed_at" in sql)

    def lease() -> None:
        with connection.execute_wrapper(pause):
            IntegrationObject.objects.claim_due(5)

    claim = Beside(lease)
    assert pause.there.wait(10)
    cancel = Beside(lambda: queue.all.cancel("Not wanted."))
    wait_for(lambda: waits_for_a_lock() or not cancel.is_alive())
    pause.go_on.set()
    claim.done()
    cancel.done()
    obj = queue.only
    assert (obj.status, obj.leased) in [(Status.QUEUE, True), (Status.CANCELLED, False)]


@pytest.mark.services
def test_a_claim_counts_what_others_claimed_while_it_looked_for_gates(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform, delivery={"concurrency": 1})
    queue.put(integration, uuid4(), uuid4())
    pause = Pause(lambda sql: "FOR UPDATE" in sql)
    claimed: list[Any] = []

    def look() -> None:
        with connection.execute_wrapper(pause):
            claimed.extend(IntegrationObject.objects.claim_due(5).objects)

    slow = Beside(look)
    assert pause.there.wait(10)
    assert len(IntegrationObject.objects.claim_due(5).objects) == 1
    pause.go_on.set()
    slow.done()
    assert claimed == []


@pytest.mark.services
def test_workers_and_producers_at_once_keep_caps_and_order(queue: Queue) -> None:
    integrations = [
        make.integration(
            platform=queue.platform, delivery={"concurrency": 3}, name=f"{n}", **UPDATES
        )
        for n in range(3)
    ]
    caps = {each.pk: 3 for each in integrations}
    orders = [queue.save_order(description="0") for _ in range(12)]
    saved = 12 * 20
    guard = threading.Lock()
    in_flight: Counter[Any] = Counter()
    seen: dict[Any, list[int]] = defaultdict(list)
    broken: list[str] = []

    def produce(mine: list[TransportOrder]) -> None:
        for n in range(1, 20):
            for order in mine:
                order.description = str(n)
                order.save()

    def work() -> None:
        while sum(map(len, seen.values())) < saved * len(caps):
            claims = IntegrationObject.objects.claim_due(4)
            with guard:
                for obj in claims.objects:
                    in_flight[obj.integration_id] += 1
                    if in_flight[obj.integration_id] > caps[obj.integration_id]:
                        broken.append(f"over the cap: {in_flight}")
                    if obj.fence != 1:
                        broken.append(f"leased twice: {obj.pk}")
                    seen[obj.integration_id, obj.lane].append(obj.pk)
            time.sleep(random.random() / 100)  # the call
            with guard:
                for obj in claims.objects:
                    in_flight[obj.integration_id] -= 1
            IntegrationObject.objects.finish([o.succeed("It was there.") for o in claims.objects])

    threads = [Beside(lambda half=half: produce(half)) for half in (orders[::2], orders[1::2])]
    threads += [Beside(work) for _ in range(4)]
    for thread in threads:
        thread.done()
    assert broken == []
    assert sum(map(len, seen.values())) == saved * len(caps)
    for ids in seen.values():
        assert ids == sorted(ids)
    assert set(queue.all.values_list("status", flat=True)) == {Status.SUCCESS}


@pytest.mark.services
@pytest.mark.long
def test_a_thousand_deep_lanes_are_worked_off(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform, delivery={"concurrency": 100})
    lanes = [uuid4() for _ in range(1000)]
    heads = queue.put(integration, *lanes)
    queue.put(integration, *lanes * 4)
    # The worst order: all followers come before all heads.
    queue.all.filter(pk__in=[h.pk for h in heads]).update(due_at=now() + timedelta(milliseconds=50))
    left = threading.Event()

    def work() -> None:
        while not left.is_set():
            claims = IntegrationObject.objects.claim_due(50)
            outcomes = [obj.succeed("It was there.") for obj in claims.objects]
            IntegrationObject.objects.finish(outcomes)
            if not claims.objects and not queue.all.filter(due_at__isnull=False).exists():
                left.set()

    for thread in [Beside(work) for _ in range(4)]:
        thread.done()
    assert set(queue.all.values_list("status", "fence")) == {(Status.SUCCESS, 1)}


@pytest.mark.services
def test_a_head_that_is_done_in_the_middle_of_a_claim_wakes_its_follower(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform)
    lane = uuid4()
    first, second = queue.put(integration, lane, lane)
    (head,) = IntegrationObject.objects.claim_due(1).objects
    assert head.pk == first.pk
    queue.all.filter(pk=second.pk).update(due_at=now() - timedelta(seconds=1))
    # It has seen what is on its way, and not yet locked what is due.
    pause = Pause(lambda sql: "interruptions <=" in sql and sql.startswith("SELECT id"))
    claimed: list[Any] = []

    def look() -> None:
        with connection.execute_wrapper(pause):
            claimed.extend(IntegrationObject.objects.claim_due(10).objects)

    beside = Beside(look)
    assert pause.there.wait(10)
    IntegrationObject.objects.finish([head.succeed("It was there.")])
    # As if that had begun before the claim, and was committed only now.
    queue.all.filter(pk=second.pk).update(due_at=now() - timedelta(seconds=1))
    pause.go_on.set()
    beside.done()
    assert [obj.pk for obj in claimed] == [second.pk]


@pytest.mark.services
def test_a_claim_reads_only_what_waits(queue: Queue) -> None:
    """A hundred thousand finished rows, and a few that are due."""
    integration = make.integration(platform=queue.platform)
    (done,) = queue.put(integration, uuid4())
    IntegrationObject.objects.claim_due(1)
    IntegrationObject.objects.finish([queue.only.succeed("It was there.")])
    names = [f.column for f in IntegrationObject._meta.fields if f.column not in ("id", "uuid")]
    columns, table = ", ".join(names), IntegrationObject._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (uuid, {columns}) SELECT gen_random_uuid(), {columns}"
            f" FROM {table}, generate_series(1, 100000) WHERE id = {done.pk}"
        )
        cursor.execute(f"ANALYZE {table}")
    lane = uuid4()
    queue.put(integration, lane, lane, *[uuid4() for _ in range(5)])
    with CaptureQueriesContext(connection) as asked:
        claimed = IntegrationObject.objects.claim_due(50).objects
        IntegrationObject.objects.finish([obj.succeed("It was there.") for obj in claimed])
    assert len(claimed) == 6
    for _ in range(5):  # often enough for their plans to be kept
        queue.put(integration, uuid4(), uuid4())
        claimed = IntegrationObject.objects.claim_due(50).objects
        IntegrationObject.objects.finish([obj.succeed("It was there.") for obj in claimed])
    with_values, kept = list(plans.explained(asked, table)), list(plans.kept(table))
    assert len(with_values) >= 6
    assert len(kept) >= 4
    assert any("queue_due" in plan for plan in with_values)
    assert any("queue_due" in plan for plan in kept)
    for plan in with_values + kept:
        assert f"Seq Scan on {table}" not in plan


def test_saving_and_delivering_at_once_loses_and_refuses_nothing(queue: Queue, sink: Sink) -> None:
    """On SQLite too, where all of it goes through one lock."""
    make.integration(sink.url(), platform=queue.platform, **UPDATES)
    finished = threading.Event()

    def save() -> None:
        for n in range(10):
            order = queue.save_order(name=str(n))
            order.description = "edited"
            order.save()

    def deliver() -> None:
        while not finished.is_set():
            queue.run()

    savers = [Beside(save) for _ in range(3)]
    workers = [Beside(deliver) for _ in range(2)]
    for saver in savers:
        saver.done()
    stats = sink.wait(60, timeout=20)
    finished.set()
    for worker in workers:
        worker.done()
    assert (stats["delivered"], stats["duplicates"]) == (60, 0)
    assert set(queue.all.values_list("status", flat=True)) == {Status.SUCCESS}
