"""When a delivery is tried again, and when no more."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from integrations.models import (
    Status,
)
from tests import make
from tests.queue.conftest import Queue
from tests.queue.test_outcomes import lines, nowhere, requests_of
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_receiver_that_is_down_gets_it_when_it_is_back(queue: Queue, sink: Sink) -> None:
    make.integration(sink.url("/failfirst/3/503"), platform=queue.platform)
    queue.save_order(name="4711")
    queue.run()
    waits = []
    for _ in range(3):
        obj = queue.only
        assert obj.status == Status.RETRY
        assert "503" in obj.error
        assert not obj.leased
        waits.append((obj.due_at - now()).total_seconds())
        queue.run_when_due()
    assert 0 < waits[0] < waits[1] < waits[2]
    obj = queue.only
    assert obj.status == Status.SUCCESS
    assert obj.error == ""
    assert obj.due_at is None
    received = sink.requests
    assert {r.headers["webhook-id"] for r in received} == {str(obj.uuid)}
    assert [r.headers["x-otms-attempt"] for r in received] == ["1", "2", "3", "4"]
    assert len({r.body for r in received}) == 1
    assert [code for _, code in lines(obj)] == ["retry_scheduled"] * 3 + ["delivered"]
    assert [log.response_status for log in requests_of(obj)] == [503, 503, 503, 200]


@pytest.mark.parametrize("path", ["/close", "/reset", "/truncate"])
def test_a_connection_that_breaks_is_tried_again(queue: Queue, sink: Sink, path: str) -> None:
    make.integration(sink.url(path), platform=queue.platform)
    queue.save_order()
    queue.run()
    assert queue.only.status == Status.RETRY
    assert sink.stats()["attempts"] == 1


def test_a_refused_connection_is_tried_again(queue: Queue) -> None:
    make.integration(nowhere(), platform=queue.platform)
    queue.save_order()
    queue.run()
    obj = queue.only
    assert obj.status == Status.RETRY
    assert "Connection refused" in obj.error
    (log,) = requests_of(obj)
    assert log.response_status is None
    assert "Connection refused" in log.error


def test_a_drip_of_bytes_ends_at_the_deadline_and_is_tried_again(queue: Queue, sink: Sink) -> None:
    make.integration(sink.url("/drip/1000"), platform=queue.platform, delivery={"timeout": 1})
    queue.save_order()
    queue.run()
    obj = queue.only
    assert obj.status == Status.RETRY
    assert "within 1 s" in obj.error
    (log,) = requests_of(obj)
    assert 900 < (log.duration_ms or 0) < 5000  # the whole drip takes 20 s


@pytest.mark.parametrize("path", ["/retry/429/120", "/retrydate/503/120"])
def test_the_receiver_says_when_to_come_back(queue: Queue, sink: Sink, path: str) -> None:
    make.integration(sink.url(path), platform=queue.platform)
    queue.save_order()
    queue.run()
    obj = queue.only
    assert obj.status == Status.RETRY
    wait = obj.due_at - now()
    assert timedelta(seconds=100) < wait <= timedelta(seconds=120)


def test_one_that_asks_for_more_than_there_is_left_gets_one_last_attempt_at_the_end(
    queue: Queue, sink: Sink
) -> None:
    policy = {"retry": {"giveUpAfter": "PT1H"}}
    make.integration(sink.url("/retry/503/9999999999"), platform=queue.platform, delivery=policy)
    queue.save_order()
    queue.run()
    obj = queue.only
    assert obj.status == Status.RETRY
    assert abs(obj.due_at - obj.queued_at - timedelta(hours=1)) < timedelta(seconds=5)
    queue.all.update(queued_at=now() - timedelta(hours=1))
    queue.run_when_due()
    assert queue.only.status == Status.ERROR
    assert "Given up after 2 attempts" in queue.only.error


def test_a_schedule_of_its_own_sets_the_waits(queue: Queue, sink: Sink) -> None:
    policy = {"retry": {"schedule": [1000, 2000]}}
    make.integration(sink.url("/status/500"), platform=queue.platform, delivery=policy)
    queue.save_order()
    queue.run()
    for least in (1000, 2000, 2000):
        wait = (queue.only.due_at - now()).total_seconds()
        assert least - 10 < wait <= least * 1.1
        queue.run_when_due()


def test_when_the_time_for_retries_is_over_it_is_an_error(queue: Queue, sink: Sink) -> None:
    policy = {"retry": {"giveUpAfter": "PT1H"}}
    make.integration(sink.url("/status/503"), platform=queue.platform, delivery=policy)
    queue.save_order()
    queue.run()
    assert queue.only.status == Status.RETRY
    queue.all.update(queued_at=now() - timedelta(hours=2))
    queue.run_when_due()
    obj = queue.only
    assert obj.status == Status.ERROR
    assert "Given up after 2 attempts" in obj.error
    assert lines(obj)[-1] == ("error", "target_refused")


def test_the_time_for_retries_begins_with_the_first_attempt(queue: Queue, sink: Sink) -> None:
    """What waited while the integration was off, or behind others, has all of it."""
    policy = {"retry": {"giveUpAfter": "PT1H"}}
    make.integration(sink.url("/status/503"), platform=queue.platform, delivery=policy)
    queue.save_order()
    queue.all.update(queued_at=now() - timedelta(days=7))
    queue.run()
    assert queue.only.status == Status.RETRY
