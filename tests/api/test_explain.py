"""Why was it not sent? Each cause, told in a sentence with the value or the culprit."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import now

from integrations.models import Gate, IntegrationObject
from tests.api.explaining import listener, why
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_filter_said_no(api: Api, queue: Queue, sink: Sink) -> None:
    planned = [{"field": "$.transportOrder.status", "operator": "eq", "value": "planned"}]
    listener(queue, sink.url(), filters=planned)
    queue.save_order(name="4711", status="draft")
    queue.run()
    assert why(api, "4711") == (
        "Nothing was sent, and this is why: "
        '$.transportOrder.status is "draft", the filter wants eq "planned"'
    )


def test_a_newer_change_replaced_it(api: Api, queue: Queue, sink: Sink) -> None:
    listener(queue, sink.url(), delivery={"coalesce": 60})
    order = queue.save_order(name="4711")
    order.status = "accepted"
    order.save()
    old, new = queue.all
    assert str(new.uuid) in old.reason
    assert "for newer changes of the record to replace it" in why(api, "4711")


def test_its_target_is_in_trouble(api: Api, queue: Queue, sink: Sink) -> None:
    integration = listener(queue, sink.url("/status/503"))
    for _ in range(20):
        queue.save_order()
    queue.run()
    queue.save_order(name="4711")
    assert "It waits because webhook failed" in why(api, "4711")
    assert "/status/503 answered 503" in why(api, "4711")
    assert "One call at a time is tried, the next at 20" in why(api, "4711")
    gate = Gate.objects.get(pk=integration.pk)
    gate.troubles = {id: {**each, "works": 2, "until": 0} for id, each in gate.troubles.items()}
    gate.save()
    assert "It works again, so what waits is sent a little at a time." in why(api, "4711")
    health = api.ok("GET", f"integration/{integration.pk}")["integration"]["health"]
    assert (health["state"], health["targets"][0]["heldBack"]) == ("DEGRADED", True)
    assert health["since"] == health["targets"][0]["since"] is not None
    assert health["reason"] == health["targets"][0]["reason"]


def test_the_rate_of_its_target_is_used_up(api: Api, queue: Queue, sink: Sink) -> None:
    listener(queue, sink.url(), delivery={"rate": "2/hour"})
    for name in ("1", "2", "4711"):
        queue.save_order(name=name)
    queue.run()
    assert "It waits for its target's rate (2/hour): more may go at 20" in why(api, "4711")


def test_an_earlier_change_failed_and_blocks_it(api: Api, queue: Queue, sink: Sink) -> None:
    listener(queue, sink.url("/status/404"), delivery={"onPoison": "block"})
    order = queue.save_order(name="4711")
    queue.run()
    order.status = "accepted"
    order.save()
    first, _ = queue.all
    assert f"It waits for an earlier change of the same record (sequence {first.pk}, ERROR)" in why(
        api, "4711"
    )
    until = "until it is put back or cancelled"
    assert f"That one failed and holds the others up {until}: http" in why(api, "4711")
    assert "answered 404" in why(api, "4711")


def test_it_failed_and_is_tried_again(api: Api, queue: Queue, sink: Sink) -> None:
    listener(queue, sink.url("/status/500"))
    queue.save_order(name="4711")
    queue.run()
    assert "1 attempt so far. The next attempt is at 20" in why(api, "4711")
    assert "answered 500" in why(api, "4711")


def test_it_was_refused(api: Api, queue: Queue, sink: Sink) -> None:
    listener(queue, sink.url("/status/422"))
    queue.save_order(name="4711")
    queue.run()
    assert why(api, "4711").startswith("Given up at 20")
    assert "answered 422" in why(api, "4711")


def test_its_mapping_makes_nothing(api: Api, queue: Queue, sink: Sink) -> None:
    listener(
        queue, sink.url(), mapping={"n": {"$path": "$.transportOrder.name", "$type": "decimal"}}
    )
    queue.save_order(name="4711x")
    queue.run()
    assert '"4711x"' in why(api, "4711x")


def test_a_target_that_is_gone_suspended_the_integration(
    api: Api, queue: Queue, sink: Sink
) -> None:
    listener(queue, sink.url("/status/410"))
    queue.save_order()
    queue.run()
    queue.save_order(name="4711")
    assert "the integration is suspended: " in why(api, "4711")
    assert "answered 410: it is gone for good." in why(api, "4711")


def test_it_waits_for_the_schedule(api: Api, queue: Queue, sink: Sink) -> None:
    schedule = {
        "integrationSchedulerScheduleType": "hours",
        "integrationSchedulerScheduleValue": 1,
        "milliseconds": 3_600_000,
    }
    listener(queue, sink.url(), schedule=schedule)
    queue.save_order(name="4711")
    assert "It waits for the schedule of the integration: the next time is 20" in why(api, "4711")


def test_others_are_being_sent_and_no_more_may_be_at_once(
    api: Api, queue: Queue, sink: Sink
) -> None:
    integration = listener(queue, sink.url(), delivery={"concurrency": 2})
    queue.put(integration, uuid4(), uuid4())
    IntegrationObject.objects.claim_due(10)
    queue.save_order(name="4711")
    assert "It is due, and waits while 2 others of the integration, its most" in why(api, "4711")


def test_no_worker_comes(api: Api, queue: Queue, sink: Sink) -> None:
    listener(queue, sink.url())
    queue.save_order(name="4711")
    assert "It is due now; a worker takes it within seconds." in why(api, "4711")
    queue.all.update(due_at=now() - timedelta(minutes=5))
    assert "no worker took it: is one running" in why(api, "4711")
