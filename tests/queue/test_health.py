"""How an integration does, told from its newest objects."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations import health
from integrations.models import Integration, IntegrationObject
from tests import make
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def told(integration: Integration) -> dict[str, Any]:
    return health.of([Integration.objects.of(integration.platform).get()])[integration.pk]


def test_it_is_degraded_while_the_newest_that_was_tried_is_not_delivered(
    queue: Queue, sink: Sink
) -> None:
    integration = make.integration(sink.url("/orders"), platform=queue.platform)
    sink.answers("/orders", "/ok")
    queue.save_order()
    queue.run()
    assert (told(integration)["state"], told(integration)["reason"]) == ("HEALTHY", "")
    for answer, words in (("/status/500", "answered 500"), ("/status/404", "answered 404")):
        sink.answers("/orders", answer)
        queue.save_order()
        queue.run()
        assert told(integration)["state"] == "DEGRADED"
        assert words in told(integration)["reason"]
    sink.answers("/orders", "/ok")
    queue.save_order()
    queue.run()
    assert (told(integration)["state"], told(integration)["reason"]) == ("HEALTHY", "")
    assert told(integration)["queued"] == 1


def test_what_is_passed_over_because_it_failed_is_no_success(queue: Queue, sink: Sink) -> None:
    integration = make.integration(
        sink.url("/orders"),
        platform=queue.platform,
        delivery={"onPoison": "skip"},
        filters=[{"field": "$.transportOrder.status", "operator": "eq", "value": "draft"}],
    )
    sink.answers("/orders", "/status/400")
    queue.save_order(status="draft")
    queue.run()
    for _ in range(2):
        assert told(integration)["state"] == "DEGRADED"
        assert "answered 400" in told(integration)["reason"]
        queue.save_order(status="accepted")  # filters leave it out: nothing is tried
        queue.run()
    sink.answers("/orders", "/ok")
    queue.save_order(status="draft")
    queue.run()
    assert (told(integration)["state"], told(integration)["reason"]) == ("HEALTHY", "")


def test_what_is_passed_over_because_nobody_can_make_it_is_no_success(
    queue: Queue, sink: Sink
) -> None:
    integration = make.integration(
        sink.url(), platform=queue.platform, delivery={"onPoison": "skip"}
    )
    Integration.objects.of(queue.platform).update(filters=[{"field": "?"}], version=99)
    queue.save_order()
    queue.run()
    assert (queue.only.status, told(integration)["state"]) == ("SKIPPED", "DEGRADED")
    assert told(integration)["reason"] == queue.only.error


def test_what_it_looks_at_does_not_grow_with_history(queue: Queue) -> None:
    integration = make.integration("http://127.0.0.1:1/", platform=queue.platform)

    def work(n: int) -> int:
        """What it takes to tell the health after n more were delivered and n more have failed."""
        objects = queue.put(integration, *(uuid4() for _ in range(2 * n)))
        IntegrationObject.objects.of(queue.platform).filter(id__in=[o.pk for o in objects]).update(
            leased=True
        )
        claims = list(queue.all.filter(leased=True))
        outcomes = [
            obj.succeed("It was there.")
            if place % 2
            else obj.fail("refused", "No.", integration.policy, permanent=True)
            for place, obj in enumerate(claims)
        ]
        IntegrationObject.objects.finish(outcomes)
        with CaptureQueriesContext(connection) as captured:
            assert told(integration)["state"] == "HEALTHY"
        return sum(effort(each["sql"]) for each in captured if "integrationobject" in each["sql"])

    few = work(100)
    assert work(1500) < 1.5 * few


def effort(sql: str) -> int:
    """How much a database does for a query: rows it touches, or steps of SQLite's machine."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE integrations_integrationobject")
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
            return touched(cursor.fetchone()[0][0]["Plan"])
        steps = 0

        def step() -> int:
            nonlocal steps
            steps += 1
            return 0

        connection.connection.set_progress_handler(step, 10)
        cursor.execute(sql)
        cursor.fetchall()
        connection.connection.set_progress_handler(None, 10)
        return steps


def touched(plan: dict[str, Any]) -> int:
    here = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    below = sum(touched(each) for each in plan.get("Plans", ()))
    return int(here * plan["Actual Loops"]) + below
