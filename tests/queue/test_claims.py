"""Claims that end badly, and what a claim costs."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations.dispatcher import Dispatcher
from integrations.models import (
    Gate,
    IntegrationObject,
    RequestLog,
    Status,
)
from integrations.models.lane import FIND_HEADS, FIND_NEXT
from otms.db.text import Text
from tests import make
from tests.queue.conftest import Queue, wait_for
from tests.queue.test_outcomes import lines, nowhere, requests_of
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_late_outcome_changes_nothing_but_keeps_its_request(queue: Queue) -> None:
    integration = make.integration(nowhere(), platform=queue.platform)
    queue.save_order()
    (late,) = IntegrationObject.objects.claim_due(1).objects
    queue.time_passes()
    (current,) = IntegrationObject.objects.claim_due(1).objects
    sent = RequestLog(
        platform=queue.platform,
        integration=integration,
        object=late,
        attempt=1,
        method="POST",
        url="http://erp.example/",
        response_status=200,
    )
    outcome = late.succeed("It was there.", request=sent)
    assert IntegrationObject.objects.finish([outcome]) == []
    obj = queue.only
    assert obj.status == Status.QUEUE
    assert obj.leased
    assert obj.fence == current.fence
    kept = [log.response_status for log in requests_of(obj) if not log.interrupted]
    assert kept == [200]
    assert ("info", "delivered") not in lines(obj)
    IntegrationObject.objects.finish([current.succeed("It was there again.")])
    assert queue.only.status == Status.SUCCESS


def test_an_interrupted_attempt_is_counted_and_told(queue: Queue, sink: Sink) -> None:
    make.integration(sink.url(), platform=queue.platform)
    queue.save_order()
    IntegrationObject.objects.claim_due(1)
    queue.run()
    assert sink.stats()["attempts"] == 0  # the lease stands
    queue.run_when_due()
    obj = queue.only
    assert obj.status == Status.SUCCESS
    assert obj.attempts == 2
    (received,) = sink.requests
    assert received.headers["x-otms-attempt"] == "2"
    interrupted, delivered = requests_of(obj)
    assert interrupted.interrupted
    assert interrupted.attempt == 1
    assert delivered.response_status == 200
    assert [code for _, code in lines(obj)] == ["interrupted", "delivered"]


def test_an_object_that_brings_every_worker_down_is_given_up(queue: Queue, sink: Sink) -> None:
    make.integration(sink.url(), platform=queue.platform)
    queue.save_order()
    IntegrationObject.objects.claim_due(1)
    queue.all.update(queued_at=now() - timedelta(days=4))
    queue.run_when_due()
    obj = queue.only
    assert obj.status == Status.ERROR
    assert "Given up after 2 attempts" in obj.error
    assert sink.stats()["attempts"] == 0


def test_a_released_claim_is_no_attempt(queue: Queue, sink: Sink) -> None:
    make.integration(sink.url(), platform=queue.platform)
    queue.save_order()
    (obj,) = IntegrationObject.objects.claim_due(1).objects
    IntegrationObject.objects.finish([obj.release("The worker is stopping.")])
    queue.run()
    assert queue.only.status == Status.SUCCESS
    assert [r.headers["x-otms-attempt"] for r in sink.requests] == ["1"]


def test_a_lease_that_became_too_short_is_given_back(queue: Queue, sink: Sink) -> None:
    """The integration was saved with a longer timeout between the claim and the call."""
    integration = make.integration(sink.url(), platform=queue.platform, delivery={"timeout": 1})
    queue.save_order()
    integration.delivery = {"timeout": 60}
    integration.save()
    Gate.objects.filter(integration=integration).update(lease_seconds=2)
    dispatcher = Dispatcher(poll=0.05)
    dispatcher.start()
    try:
        wait_for(lambda: ("debug", "released") in lines(queue.only))
        Gate.keep(integration)
        sink.wait(1)
    finally:
        dispatcher.stop()
    assert queue.only.status == Status.SUCCESS
    assert sink.stats()["attempts"] == 1


# Costs.


def test_claims_and_outcomes_cost_the_same_whatever_the_history(queue: Queue) -> None:
    integration = make.integration(nowhere(), platform=queue.platform)

    def cost() -> int:
        queue.save_order()
        with CaptureQueriesContext(connection) as captured:
            (obj,) = IntegrationObject.objects.claim_due(10).objects
            IntegrationObject.objects.finish([obj.succeed("It was there.")])
        return len(captured)

    few = cost()
    queue.put(integration, *[uuid4()] * 2000)
    done = IntegrationObject.objects.of(queue.platform).filter(due_at__isnull=False)
    assert done.cancel("It is history.") == 2000
    assert cost() == few
    assert few <= 20


def test_claiming_many_costs_no_more_statements_than_claiming_one(queue: Queue) -> None:
    make.integration(nowhere(), platform=queue.platform, delivery={"concurrency": 100})

    def cost(n: int) -> int:
        for _ in range(n):
            queue.save_order()
        with CaptureQueriesContext(connection) as captured:
            claimed = IntegrationObject.objects.claim_due(100).objects
            assert len(claimed) == n
            IntegrationObject.objects.finish([obj.succeed("It was there.") for obj in claimed])
        return len(captured)

    assert cost(1) == cost(40)


@pytest.mark.services
@pytest.mark.parametrize("statement", [FIND_HEADS, FIND_NEXT])
def test_a_burst_that_the_database_knows_nothing_of_is_read_by_its_lanes(
    queue: Queue, statement: Text
) -> None:
    """As after an import of thousands, before anything has counted the rows."""
    integration = make.integration("http://127.0.0.1/", platform=queue.platform)
    rows = queue.put(integration, *(uuid4() for _ in range(2500)))
    ids = {"ids": [row.pk for row in rows[-100:]], "gates": [integration.pk]}
    with connection.cursor() as cursor:
        sql, values = statement.asking("default", **ids)
        cursor.execute(f"EXPLAIN {sql}", values)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert plan.count("queue_lane") == 1, plan
