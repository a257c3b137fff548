"""The thread that delivers: it stops cleanly, outlives what breaks, and does nothing when idle."""

import logging
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created
from django.utils.timezone import now

from integrations import dispatcher as module
from integrations import pipeline, worker
from integrations.dispatcher import Dispatcher
from integrations.models import Gate, IntegrationObject, Status
from integrations.models.claim import Claims
from integrations.models.queue import IntegrationObjectQuerySet
from integrations.plan import Plan, Plans
from otms.accounts.models import Platform
from tests import make
from tests.conftest import Lines
from tests.queue.conftest import Pause, Queue, wait_for
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    """One that runs beside the test."""
    made = Dispatcher(poll=0.05)
    made.start()
    yield made
    made.stop()


class Statements:
    """How many statements the dispatcher's connections made."""

    def __init__(self) -> None:
        self.count = 0

    def listen(self, connection: Any, **_: Any) -> None:
        connection.execute_wrappers.append(self)

    def __call__(self, execute: Any, *args: Any) -> Any:
        self.count += 1
        return execute(*args)


@pytest.fixture
def statements() -> Iterator[Statements]:
    found = Statements()
    connection_created.connect(found.listen)
    yield found
    connection_created.disconnect(found.listen)


def hardly_looks(statements: Statements) -> bool:
    """Does a dispatcher that polls five times a second do no more than that?"""
    idle = Dispatcher(poll=0.2)
    idle.start()
    wait_for(lambda: statements.count)
    before, cpu = statements.count, time.process_time()
    time.sleep(1)
    made, used = statements.count - before, time.process_time() - cpu
    idle.stop()
    return 0 < made <= 100 and used < 0.5  # a spin makes thousands


def test_an_idle_dispatcher_hardly_looks(queue: Queue, statements: Statements) -> None:
    assert hardly_looks(statements)


def test_without_polling_an_idle_dispatcher_does_nothing(statements: Statements) -> None:
    idle = Dispatcher(poll=0)
    idle.start()
    wait_for(lambda: statements.count)
    time.sleep(0.3)
    before = statements.count
    time.sleep(0.5)
    assert statements.count == before
    idle.stop()


def test_a_dispatcher_does_not_spin_on_what_it_may_not_have(
    queue: Queue, statements: Statements
) -> None:
    """The cap is used up by another worker, and more is due."""
    make.integration(platform=queue.platform, delivery={"concurrency": 1})
    queue.save_order()
    queue.save_order()
    assert len(IntegrationObject.objects.claim_due(10).objects) == 1
    assert hardly_looks(statements)
    assert queue.all.filter(leased=True).count() == 1


def test_a_poke_is_enough(queue: Queue, sink: Sink) -> None:
    lazy = Dispatcher(poll=0)
    lazy.start()
    try:
        make.integration(sink.url(), platform=queue.platform)
        queue.save_order()
        lazy.poke()
        assert sink.wait(1)["delivered"] == 1
    finally:
        lazy.stop()


def test_each_line_of_a_delivery_says_what_it_is_about(
    queue: Queue, sink: Sink, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that something below the dispatcher writes, in another thread."""
    prepare = pipeline.prepare

    def talkative(obj: IntegrationObject, plan: Plan) -> Any:
        logging.getLogger("integrations.core").warning("on the way")
        return prepare(obj, plan)

    monkeypatch.setattr(pipeline, "prepare", talkative)
    make.integration(sink.url("/ok"), platform=queue.platform)
    queue.save_order()
    queue.run()
    about = {(each.get("object"), each.get("change")) for each in lines.said}
    assert about == {(str(queue.only.uuid), queue.only.change_id)}
    assert "on the way" in {each["message"] for each in lines.said}


def test_calls_in_flight_finish_when_it_stops(queue: Queue, sink: Sink) -> None:
    make.integration(sink.url("/slow/500"), platform=queue.platform, delivery={"concurrency": 2})
    for _ in range(4):
        queue.save_order()
    running = Dispatcher(poll=0.05)
    running.start()
    sink.wait(2, of="attempts")
    running.stop()
    statuses = [obj.status for obj in queue.all]
    assert sorted(statuses) == [Status.QUEUE, Status.QUEUE, Status.SUCCESS, Status.SUCCESS]
    assert not queue.all.filter(leased=True).exists()
    assert sink.stats()["attempts"] == 2


def test_what_is_claimed_while_it_stops_is_given_back(queue: Queue, sink: Sink) -> None:
    make.integration(sink.url(), platform=queue.platform)
    queue.save_order()
    pause = Pause(lambda sql: sql.startswith("UPDATE") and Gate._meta.db_table in sql)

    def hold(connection: Any, **_: Any) -> None:
        connection.execute_wrappers.append(pause)

    connection_created.connect(hold)
    running = Dispatcher(poll=0)
    running.start()
    try:
        assert pause.there.wait(10)
        running.stop(timeout=0)
    finally:
        pause.go_on.set()
        running.stop()
        connection_created.disconnect(hold)
    obj = queue.only
    assert (obj.status, obj.leased, obj.attempts) == (Status.QUEUE, False, 0)
    assert sink.stats()["attempts"] == 0


def test_a_hint_that_comes_too_late_starts_nothing(
    queue: Queue, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the process began to stop: what is leased now would be interrupted."""
    monkeypatch.setattr(worker, "_current", None)
    worker.poke()
    worker.stop()
    make.integration(sink.url(), platform=queue.platform)
    queue.save_order()
    worker.poke()
    time.sleep(0.3)
    assert not queue.only.leased
    assert queue.only.attempts == 0


def test_it_outlives_a_queue_that_can_not_be_read(
    queue: Queue,
    sink: Sink,
    dispatcher: Dispatcher,
    platform: Platform,
    caplog: pytest.LogCaptureFixture,
) -> None:
    make.integration(sink.url(), platform=platform)
    table = Gate._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
    try:
        wait_for(lambda: "the queue can't be read" in caplog.text)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE elsewhere RENAME TO {table}")
    queue.save_order()
    assert sink.wait(1)["delivered"] == 1


def test_an_outcome_waits_for_a_database_that_is_away(
    queue: Queue,
    sink: Sink,
    dispatcher: Dispatcher,
    platform: Platform,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It was delivered: it must be written down, and not be sent again."""
    make.integration(sink.url("/slow/300"), platform=platform)
    queue.save_order()
    sink.wait(1, of="attempts")
    table = IntegrationObject._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
    try:
        wait_for(lambda: "outcomes can't be written" in caplog.text)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE elsewhere RENAME TO {table}")
    wait_for(lambda: queue.only.status == Status.SUCCESS)
    assert sink.stats()["attempts"] == 1


def test_a_slow_mapping_has_no_more_than_its_turn(
    queue: Queue, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = make.integration(sink.url("/ok"), platform=queue.platform, delivery={"concurrency": 20})
    quick = make.integration(sink.url("/status/204"), platform=queue.platform)
    queue.put(slow, *(uuid4() for _ in range(20)))
    queue.put(quick, uuid4())
    IntegrationObject.objects.of(queue.platform).filter(integration=quick).exclude(
        pk=queue.all.filter(integration=quick).latest("id").pk
    ).cancel("One is enough.")
    prepare = pipeline.prepare

    def taking_its_time(obj: IntegrationObject, plan: Plan) -> Any:
        if obj.integration_id == slow.pk:
            time.sleep(0.02)
        return prepare(obj, plan)

    monkeypatch.setattr(pipeline, "prepare", taking_its_time)
    queue.run()
    paths = [request.path for request in sink.requests]
    assert paths.count("/status/204") == 1
    assert paths.index("/status/204") < 5


def test_what_was_claimed_before_the_database_broke_is_given_back(
    queue: Queue, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it is leased by nobody, and later tried again as if it had been interrupted."""
    make.integration(sink.url(), platform=queue.platform)
    for _ in range(3):
        queue.save_order()
    refresh, failed = Plans.refresh, []

    def cut_once(*args: Any) -> None:
        if not failed:
            failed.append(1)
            raise OperationalError("cut")
        refresh(*args)

    monkeypatch.setattr(module, "BROKEN_SECONDS", 0.01)
    monkeypatch.setattr(Plans, "refresh", cut_once)
    queue.run()
    assert failed
    assert [(obj.status, obj.attempts) for obj in queue.all] == [(Status.SUCCESS, 1)] * 3


@pytest.mark.parametrize("why", ["one that hangs", "nine that hang", "nine suspects"])
def test_what_can_have_no_more_is_not_looked_at_again_and_again(
    queue: Queue, sink: Sink, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """Neither one nor more than a look can see: each look is the work of a database."""
    for _ in range(1 if why == "one that hangs" else 9):
        integration = make.integration(sink.url("/slow/2000"), platform=queue.platform)
    if why == "nine suspects":
        queue.save_order()
        while IntegrationObject.objects.claim_due(9).objects:
            pass
        queue.all.filter(leased=True).update(due_at=now())
    else:
        integration.delivery = {"concurrency": 100}
        integration.save()
        queue.put(integration, *(uuid4() for _ in range(30)))
    looks, claim_due = [], IntegrationObjectQuerySet.claim_due

    def counted(*args: Any, **options: Any) -> Any:
        looks.append(1)
        return claim_due(*args, **options)

    monkeypatch.setattr(IntegrationObjectQuerySet, "claim_due", counted)
    dispatcher = Dispatcher(window=30)
    dispatcher.start()
    time.sleep(1.5)
    seen = len(looks)
    dispatcher.stop()
    assert seen < 20


def test_a_head_that_somebody_holds_is_not_looked_for_without_a_rest(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its followers are put off again and again, as long as that transaction takes."""
    looks: list[int] = []

    def followers(*args: Any, **options: Any) -> Claims:
        looks.append(1)
        return Claims(deferred=True)

    monkeypatch.setattr(IntegrationObjectQuerySet, "claim_due", followers)
    dispatcher = Dispatcher()
    dispatcher.start()
    time.sleep(1)
    seen = len(looks)
    dispatcher.stop()
    assert 0 < seen <= 1 / module.BUSY_SECONDS + 1
