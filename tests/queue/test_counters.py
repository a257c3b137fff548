"""What is counted with the outcomes: in each minute, and in all time."""

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations import retention
from integrations.models import Counter, Integration, IntegrationObject, Outcome
from integrations.models.counter import BUCKETS, CALLS, DELAYS
from integrations.models.gate import EVER
from tests import make
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def ever(integration: Integration) -> Counter:
    return Counter.objects.of(integration.platform_id).get(integration=integration, minute=EVER)


def counted(integration: Integration) -> dict[str, int]:
    row = ever(integration)
    names = ("sent", "failed", "retried", "skipped", "cancelled", "interrupted")
    return {name: getattr(row, name) for name in names if getattr(row, name)}


def skipped(*objects: IntegrationObject) -> list[Outcome]:
    return [obj.skip("filter_no_match", "No.") for obj in objects]


def test_each_outcome_is_counted_in_its_minute_and_in_all_time(queue: Queue, sink: Sink) -> None:
    integration = make.integration(sink.url("/orders"), platform=queue.platform)
    for answer in ("/ok", "/ok", "/status/500", "/status/404"):
        sink.answers("/orders", answer)
        queue.save_order()
        queue.run()
    assert counted(integration) == {"sent": 2, "failed": 1, "retried": 1}
    sink.answers("/orders", "/ok")
    queue.run_when_due()
    assert counted(integration) == {"sent": 3, "failed": 1, "retried": 1}
    minutes = Counter.objects.of(queue.platform).filter(integration=integration, minute__gt=EVER)
    assert sum(row.sent for row in minutes) == 3
    assert all(now() - timedelta(minutes=2) < row.minute <= now() for row in minutes)
    assert all(row.minute.second == row.minute.microsecond == 0 for row in minutes)


def test_how_long_targets_took_and_how_late_they_knew_are_counted_in_buckets(
    queue: Queue, sink: Sink
) -> None:
    integration = make.integration(sink.url("/slow/400"), platform=queue.platform)
    queue.save_order()
    queue.all.update(created_at=now() - timedelta(seconds=30))
    queue.run()
    row: Any = ever(integration)
    called = dict(zip(BUCKETS, (getattr(row, name) for name in CALLS), strict=True))
    delayed = dict(zip(BUCKETS, (getattr(row, name) for name in DELAYS), strict=True))
    assert {end: n for end, n in called.items() if n} == {0.5: 1}
    assert {end: n for end, n in delayed.items() if n} == {60: 1}
    assert 400 <= row.calls_ms < 500
    assert 30_000 <= row.delays_ms < 40_000


def test_what_was_not_sent_and_what_was_cut_off_are_counted_too(queue: Queue) -> None:
    integration = make.integration("http://127.0.0.1/", platform=queue.platform)
    queue.put(integration, *(uuid4() for _ in range(3)))
    first, second, third = IntegrationObject.objects.claim_due(10).objects
    IntegrationObject.objects.finish([*skipped(first), second.drop("Deleted."), third.release("")])
    assert counted(integration) == {"skipped": 1, "cancelled": 1}
    assert len(IntegrationObject.objects.claim_due(10).objects) == 1
    queue.time_passes()
    IntegrationObject.objects.claim_due(10)
    assert counted(integration) == {"skipped": 1, "cancelled": 1, "interrupted": 1}


def test_an_outcome_that_came_too_late_is_not_counted(queue: Queue) -> None:
    integration = make.integration("http://127.0.0.1/", platform=queue.platform)
    queue.put(integration, uuid4())
    (obj,) = IntegrationObject.objects.claim_due(10).objects
    IntegrationObject.objects.finish(skipped(obj))
    IntegrationObject.objects.finish(skipped(obj))
    assert counted(integration) == {"skipped": 1}


def test_counting_is_one_statement_for_many_integrations(queue: Queue) -> None:
    for _ in range(5):
        integration = make.integration("http://127.0.0.1/", platform=queue.platform)
        queue.put(integration, *(uuid4() for _ in range(4)))
    objects = IntegrationObject.objects.claim_due(100).objects
    with CaptureQueriesContext(connection) as captured:
        IntegrationObject.objects.finish(skipped(*objects))
    assert sum("integrations_counter" in each["sql"] for each in captured) == 1
    assert Counter.objects.of(queue.platform).filter(minute=EVER).count() == 5


@pytest.mark.services
def test_two_workers_that_count_the_same_lose_nothing(queue: Queue) -> None:
    integrations = [make.integration(platform=queue.platform) for _ in range(4)]
    queue.put(integrations[0], *(uuid4() for _ in range(50)))  # they all listen

    def work() -> None:
        try:
            while objects := IntegrationObject.objects.claim_due(7).objects:
                IntegrationObject.objects.finish(skipped(*objects))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work()
    assert [counted(each) for each in integrations] == [{"skipped": 50}] * 4


def test_minutes_are_forgotten_after_a_while_and_the_sums_stay(queue: Queue) -> None:
    integration = make.integration("http://127.0.0.1/", platform=queue.platform)
    key = (integration.pk, integration.platform_id)
    for days in (40, 15, 13, 0):
        Counter.objects.all().add({key: retention.Counter(sent=1)}, now() - timedelta(days=days))
    assert retention.work_off(pause=0) == {"counters": 2}
    assert ever(integration).sent == 4
    assert retention.work_off(pause=0) == {}
