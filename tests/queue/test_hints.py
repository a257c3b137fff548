"""Workers hear of what was queued from the database that it is in."""

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import LazySettings
from django.db import connection

from integrations import hints, tasks
from integrations.dispatcher import Dispatcher
from integrations.models import Status
from tests import make
from tests.queue.conftest import Queue, wait_for
from tests.sink import Sink

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]

LISTENING = """
SELECT {} FROM pg_stat_activity
 WHERE datname = current_database() AND query = 'LISTEN otms_queue'
"""


def ask(what: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(LISTENING.format(what))
        return sum(int(number) for (number,) in cursor.fetchall())


@pytest.fixture
def lazy(settings: LazySettings) -> Iterator[Dispatcher]:
    """A dispatcher that looks only when it is told to."""
    settings.OTMS_WAKE_UPS = True
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"  # nobody is there
    running = Dispatcher(poll=0)
    running.start()
    try:
        wait_for(lambda: ask("1") and running.idle < 60)
        yield running
    finally:
        running.stop()


def test_what_is_saved_is_delivered_though_there_is_no_broker(
    queue: Queue, sink: Sink, lazy: Dispatcher
) -> None:
    make.integration(sink.url(), platform=queue.platform)
    queue.save_order()
    assert sink.wait(1)["delivered"] == 1
    wait_for(lambda: queue.only.status == Status.SUCCESS)


def test_a_connection_that_was_lost_is_made_anew(
    queue: Queue, sink: Sink, lazy: Dispatcher
) -> None:
    make.integration(sink.url(), platform=queue.platform)
    lost = ask("pid")
    assert ask("pg_terminate_backend(pid)::int") == 1
    wait_for(lambda: ask("pid") not in (0, lost))
    queue.save_order()
    assert sink.wait(1)["delivered"] == 1


def test_who_may_not_listen_does_not_try_all_the_time(
    queue: Queue, sink: Sink, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each connection is lost as soon as it is there: what is saved is delivered all the same."""
    settings.OTMS_WAKE_UPS = True
    make.integration(sink.url(), platform=queue.platform)
    tries = 0

    def connect(self: hints.Listener) -> Any:
        nonlocal tries
        tries += 1
        made = psycopg.connect(**connection.get_connection_params(), autocommit=True)
        ours = made.info.backend_pid
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [ours])
        return made

    monkeypatch.setattr(hints.Listener, "connect", connect)
    running = Dispatcher(poll=0.2)
    running.start()
    try:
        for _ in range(3):
            queue.save_order()
            time.sleep(1)
        assert sink.wait(3)["delivered"] == 3
    finally:
        running.stop()
    assert 2 <= tries <= 8


def test_nobody_listens_through_a_pooler_that_keeps_no_session(settings: LazySettings) -> None:
    settings.OTMS_NOTIFY = False
    assert not hints.are_told()
    assert not hints.Listener(lambda: None).is_deaf


def test_a_hint_that_finds_no_database_ends_nothing(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> None:
        raise OSError("the database is away")

    monkeypatch.setattr(hints, "tell", away)
    settings.OTMS_WAKE_UPS = True
    waker = tasks._Waker()
    waker._send(tasks.process_queue)
    waker._send(tasks.process_queue)
    assert [record.message for record in caplog.records].count(
        "workers can't be told; they find the queue by themselves within 10 s"
    ) == 1
