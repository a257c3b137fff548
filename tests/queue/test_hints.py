"""Workers hear of what was queued from the database that it is in."""

from collections.abc import Iterator

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
