"""What is old is forgotten, a portion at a time; what waits, and what is kept longer, is not."""

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations import retention
from integrations.models import (
    EntityChange,
    Integration,
    IntegrationObject,
    Level,
    Log,
    RequestLog,
    Status,
)
from integrations.tasks import forget_history
from otms import env
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.queue.test_concurrency import Beside
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
FINISHED = (*retention.WENT_WELL, Status.ERROR)


@pytest.fixture
def integration(queue: Queue) -> Integration:
    return make.integration("http://127.0.0.1/", platform=queue.platform)


def past(queue: Queue, integration: Integration, status: Status, days: float) -> IntegrationObject:
    """An object of so many days ago with its change and its logs."""
    (row,) = queue.put(integration, uuid4())
    waits = status in (Status.QUEUE, Status.RETRY)
    at = now() - days * DAY
    queue.all.filter(pk=row.pk).update(
        status=status,
        holds_lane=waits,
        due_at=now() + DAY if waits else None,
        finished_at=None if waits else at,
        created_at=at,
    )
    EntityChange.objects.of(queue.platform).filter(pk=row.change_id).update(created_at=at)
    RequestLog.objects.create(
        platform=queue.platform, integration=integration, object=row, attempt=1
    )
    row.line(Level.INFO, "delivered", "x").save()
    return row


def forget() -> dict[str, int]:
    return retention.work_off(pause=0)


def left(model: Any, queue: Queue) -> int:
    count: int = model.objects.of(queue.platform).count()
    return count


@pytest.mark.parametrize("status", FINISHED)
def test_what_is_old_is_forgotten_with_all_that_hangs_on_it(
    queue: Queue, integration: Integration, settings: LazySettings, status: Status
) -> None:
    limit = 365 if status == Status.ERROR else 90
    old = past(queue, integration, status, limit + 1)
    young = past(queue, integration, status, limit - 1)
    again = past(queue, integration, Status.QUEUE, 1)
    queue.all.filter(pk=again.pk).update(replay_of=old)
    assert forget() == {"objects": 1, "logs": 1, "requestLogs": 1, "changes": 1}
    assert set(queue.all) == {young, again}
    assert queue.all.get(pk=again.pk).replay_of is None
    for model in (EntityChange, Log, RequestLog):
        assert left(model, queue) == 2
    assert forget() == {}


@pytest.mark.parametrize("status", [Status.QUEUE, Status.RETRY])
def test_what_waits_is_never_forgotten(
    queue: Queue, integration: Integration, status: Status
) -> None:
    past(queue, integration, status, 10_000)
    assert forget() == {}
    assert left(RequestLog, queue) == 1


def test_for_ever_is_for_ever(
    queue: Queue, integration: Integration, settings: LazySettings
) -> None:
    for status in FINISHED:
        past(queue, integration, status, 10_000)
    settings.OTMS_KEEP_DAYS = settings.OTMS_KEEP_FAILED_DAYS = 0
    assert forget() == {}
    settings.OTMS_KEEP_FAILED_DAYS = 9_000
    assert forget()["objects"] == 1
    settings.OTMS_KEEP_DAYS = 9_000
    assert forget()["objects"] == 3
    assert left(EntityChange, queue) == 0


@pytest.mark.services
def test_what_somebody_puts_back_at_this_moment_stays(
    queue: Queue, integration: Integration
) -> None:
    row = past(queue, integration, Status.ERROR, 366)
    holds, go_on = threading.Event(), threading.Event()

    def put_back() -> None:
        with transaction.atomic():
            queue.all.filter(pk=row.pk).requeue()
            holds.set()
            assert go_on.wait(20)

    beside = Beside(put_back)
    assert holds.wait(20)
    assert forget() == {}
    go_on.set()
    beside.done()
    assert queue.only.status == Status.QUEUE
    assert left(RequestLog, queue) == 1


def test_a_change_stays_as_long_as_an_object_is_about_it(
    queue: Queue, integration: Integration
) -> None:
    old = past(queue, integration, Status.SUCCESS, 91)
    failed = past(queue, integration, Status.ERROR, 91)
    newer = past(queue, integration, Status.QUEUE, 1)
    queue.all.filter(pk=failed.pk).update(change=old.change_id)
    queue.all.filter(pk=newer.pk).update(since=failed.change_id)
    assert forget() == {"objects": 1, "logs": 1, "requestLogs": 1}
    assert left(EntityChange, queue) == 3


def test_a_change_that_nobody_listened_to_goes_too(queue: Queue) -> None:
    for _ in range(3):
        queue.save_order()
    changes = EntityChange.objects.of(queue.platform)
    changes.filter(pk__in=changes.values("pk")[:2]).update(created_at=now() - 91 * DAY)
    assert forget() == {"changes": 2}


def test_many_are_forgotten_in_portions_and_past_what_is_kept(
    queue: Queue, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PORTION", 3)
    for _ in range(4):
        past(queue, integration, Status.ERROR, 91)
    for _ in range(7):
        past(queue, integration, Status.SUCCESS, 91)
    for _ in range(5):
        queue.save_order()
    IntegrationObject.objects.of(queue.platform).filter(status=Status.QUEUE).delete()
    EntityChange.objects.of(queue.platform).update(created_at=now() - 91 * DAY)
    assert forget() == {"objects": 7, "logs": 7, "requestLogs": 7, "changes": 12}
    assert left(EntityChange, queue) == 4


def test_a_run_ends_in_time_and_the_next_goes_on(
    queue: Queue, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PORTION", 1)
    for _ in range(3):
        past(queue, integration, Status.SUCCESS, 91)
    assert retention.work_off(seconds=-1, pause=0)["objects"] == 1
    assert forget()["objects"] == 2


def test_the_calls_of_a_test_are_forgotten(queue: Queue, api: Api, sink: Sink) -> None:
    integration = make.integration(sink.url("/ok"), platform=queue.platform)
    for _ in range(2):
        api.ok("POST", f"integration/{integration.pk}/test")
    first = RequestLog.objects.of(queue.platform).order_by("pk").first()
    assert first
    RequestLog.objects.of(queue.platform).filter(pk=first.pk).update(created_at=now() - 91 * DAY)
    assert forget() == {"requestLogs": 1}


def test_what_is_young_costs_the_same_however_much_it_is(
    queue: Queue, integration: Integration
) -> None:
    def looks() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert forget() == {}
        return len(queries)

    past(queue, integration, Status.SUCCESS, 1)
    few = looks()
    for _ in range(20):
        past(queue, integration, Status.SUCCESS, 1)
    assert looks() == few


def test_the_scheduler_forgets(
    queue: Queue, integration: Integration, settings: LazySettings
) -> None:
    due = settings.CELERY_BEAT_SCHEDULE["forget old history"]
    assert due["task"] == forget_history.name
    past(queue, integration, Status.SUCCESS, 91)
    forget_history()
    assert left(IntegrationObject, queue) == 0


def test_a_number_of_days_is_none_below_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTMS_KEEP_DAYS", "-1")
    with pytest.raises(ImproperlyConfigured, match="0 for ever"):
        env.days("OTMS_KEEP_DAYS", 90)
    monkeypatch.setenv("OTMS_KEEP_DAYS", "0.5")
    assert env.days("OTMS_KEEP_DAYS", 90) == 0.5
