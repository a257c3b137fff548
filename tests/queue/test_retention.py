"""What is old is forgotten, a portion at a time; what waits, and what is kept longer, is not."""

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations import retention, story
from integrations.core import origin
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


@pytest.fixture(autouse=True)
def _from_the_first() -> None:
    cache.delete(retention.WALKED)


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


def test_what_holds_its_lane_up_is_kept_with_what_waits_behind_it(
    queue: Queue, integration: Integration
) -> None:
    row = past(queue, integration, Status.ERROR, 366)
    queue.all.filter(pk=row.pk).update(holds_lane=True)
    assert forget() == {}
    assert queue.only == row


def test_a_change_is_kept_as_long_as_one_waits_that_it_says_something_about(
    queue: Queue, sink: Sink
) -> None:
    """What waits is not replaced when its integration has brought something newer since."""
    integration = make.integration(
        sink.url("/ok"),
        platform=queue.platform,
        trigger=make.ALL_ACTIONS,
        delivery={"coalesce": True},
    )
    order = queue.save_order(name="A")
    queue.run()
    order.name = "B"
    order.save()
    with origin.caused_by(origin.imported(integration.pk, 0)):
        order.name = "C"
        order.save()
    EntityChange.objects.of(queue.platform).update(created_at=now() - 91 * DAY)
    assert forget() == {}
    order.name = "A"
    order.save()
    queue.run()
    assert len(sink.requests) == 3, "as before; the last one tells what it is again"


def test_what_can_not_be_read_is_forgotten_too(queue: Queue, integration: Integration) -> None:
    row = past(queue, integration, Status.SUCCESS, 91)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_entitychange SET after = '{broken' WHERE id = %s", [row.change_id]
        )
        cursor.execute(
            "UPDATE integrations_integrationobject SET answers = '{' WHERE id = %s", [row.pk]
        )
    assert forget()["objects"] == 1
    assert left(EntityChange, queue) == 0


def test_one_that_can_not_be_forgotten_keeps_no_other(
    queue: Queue, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    past(queue, integration, Status.SUCCESS, 91)
    other = make.integration("http://127.0.0.1/", platform=make.PlatformFactory())
    beside = Queue(other.platform, queue.run)
    past(beside, other, Status.SUCCESS, 91)
    really = retention._oldest

    def broken(rows: Any, limit: Any) -> list[int]:
        found = really(rows, limit)
        if queue.all.filter(pk__in=found, integration=integration):
            raise RuntimeError("a fault")
        return found

    monkeypatch.setattr(retention, "_oldest", broken)
    assert forget()["objects"] == 1
    assert queue.only.integration == integration
    assert not beside.all.exists()


def test_those_that_finished_late_do_not_stand_in_the_way(
    queue: Queue, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAGE", 2)
    late = [past(queue, integration, Status.SUCCESS, 300) for _ in range(5)]
    queue.all.filter(pk__in=[row.pk for row in late]).update(finished_at=now())
    for _ in range(3):
        past(queue, integration, Status.SUCCESS, 299)
    assert forget()["objects"] == 3
    assert set(queue.all) == {*late}


def test_a_walk_over_changes_that_stay_goes_on_where_it_ended(
    queue: Queue, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAGE", 2)
    monkeypatch.setattr(retention, "PAGES", 1)
    for _ in range(4):
        past(queue, integration, Status.ERROR, 91)
    queue.save_order()
    IntegrationObject.objects.of(queue.platform).filter(status=Status.QUEUE).delete()
    EntityChange.objects.of(queue.platform).update(created_at=now() - 91 * DAY)
    runs = [forget().get("changes", 0) for _ in range(4)]
    assert runs == [0, 0, 1, 0]


@pytest.mark.services
def test_the_oldest_are_found_by_the_index_of_the_lists(
    queue: Queue, integration: Integration
) -> None:
    with CaptureQueriesContext(connection) as queries:
        forget()
    (look,) = [
        each["sql"] for each in queries if "'SUCCESS'" in each["sql"] and "LIMIT" in each["sql"]
    ]
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off; SET enable_sort = off")
        cursor.execute(f"EXPLAIN {look}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("RESET enable_seqscan; RESET enable_sort")
    assert "queue_by_status" in plan


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
    monkeypatch.setattr(retention, "PAGE", 3)
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


def test_what_is_no_longer_known_is_said(queue: Queue, integration: Integration) -> None:
    row = past(queue, integration, Status.ERROR, 100)
    assert "is no longer known" in story.in_words(queue.only)[-1]
    queue.all.filter(pk=row.pk).update(created_at=now() - 80 * DAY)
    assert "is no longer known" not in story.in_words(queue.only)[-1]


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
    monkeypatch.setenv("OTMS_KEEP_DAYS", "1000000")
    with pytest.raises(ImproperlyConfigured, match="up to 36500"):
        env.days("OTMS_KEEP_DAYS", 90)
    monkeypatch.setenv("OTMS_KEEP_DAYS", "0.5")
    assert env.days("OTMS_KEEP_DAYS", 90) == 0.5
