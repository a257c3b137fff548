"""Why was it not sent? Each cause, told in a sentence with the value or the culprit."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations.core import origin
from integrations.models import EntityChange, Gate, Integration, IntegrationObject
from integrations.models.gate import EVER
from otms.accounts.models import Platform
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def queue(platform: Platform, run_queue: Callable[[], None]) -> Queue:
    return Queue(platform, run_queue)


def why(api: Api, name: str) -> str:
    """What is said of the one integration about the order of this name."""
    (told,) = api.ok("GET", f"integration/explain?q={name}")["explanation"]["integrations"]
    text: str = told["why"]
    return text


def listener(queue: Queue, url: str, **fields: Any) -> Integration:
    return make.integration(url, platform=queue.platform, trigger=make.ALL_ACTIONS, **fields)


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
    assert "That one failed and holds the others up until it is put back: http" in why(api, "4711")
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


def test_there_is_nowhere_to_send_it(api: Api, queue: Queue) -> None:
    listener(queue, "")
    queue.save_order(name="4711")
    queue.run()
    assert "There is no data source to deliver to." in why(api, "4711")


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


# Nothing in the queue.


def test_nobody_listens(api: Api, queue: Queue) -> None:
    queue.save_order(name="4711")
    told = api.ok("GET", "integration/explain?q=4711")["explanation"]
    assert told["why"] == "No integration is about a transport order: nobody was told."
    assert told["integrations"] == []
    assert told["change"]["action"] == "created"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"trigger": {"entity": "transportOrder", "actions": ["updated", "deleted"]}},
            "It listens to records that are updated and deleted; this one was created.",
        ),
        ({"enabled": False}, "It is not enabled: changes are not queued for it."),
    ],
)
def test_one_that_does_not_listen_says_why(
    api: Api, queue: Queue, sink: Sink, fields: dict[str, Any], text: str
) -> None:
    make.integration(sink.url(), platform=queue.platform, **fields)
    queue.save_order(name="4711")
    assert why(api, "4711") == text
    told = api.ok("GET", "integration/explain?q=4711")["explanation"]
    assert told["why"] == (
        "The last change of the transport order was that it was created; no integration has heard "
        "of it."
    )


def test_one_that_was_made_or_changed_later_says_so(api: Api, queue: Queue, sink: Sink) -> None:
    queue.save_order(name="4711")
    integration = listener(queue, sink.url())
    assert "It was made at 20" in why(api, "4711")
    before = now() - timedelta(days=1)
    Integration.objects.of(queue.platform).filter(pk=integration.pk).update(created_at=before)
    assert "It would listen as it is now, but was changed at 20" in why(api, "4711")
    Integration.objects.of(queue.platform).filter(pk=integration.pk).update(updated_at=before)
    assert "was forgotten with its history" in why(api, "4711")


def test_one_is_not_told_what_it_brought_in(api: Api, queue: Queue, sink: Sink) -> None:
    integration = listener(queue, sink.url())
    with origin.caused_by(origin.imported(integration.pk, 0)):
        queue.save_order(name="4711")
    assert "It brought this change in itself, by an import" in why(api, "4711")


def test_what_it_made_of_an_earlier_change_is_told_also_after_a_change_that_is_not_for_it(
    api: Api, queue: Queue, sink: Sink
) -> None:
    make.integration(sink.url("/status/400"), platform=queue.platform)
    order = queue.save_order(name="4711")
    queue.run()
    order.status = "accepted"
    order.save()
    said = why(api, "4711")
    assert said.startswith("Of the change of 20")
    assert "(created): Given up at 20" in said
    assert "answered 400" in said
    assert said.endswith(
        "Of the last one: It listens to records that are created; this one was updated."
    )


# How it is asked.


def test_of_several_that_are_called_so_the_others_are_named(api: Api, queue: Queue) -> None:
    first, last = queue.save_order(name="4711"), queue.save_order(name="4711")
    told = api.ok("GET", "integration/explain?q=4711")["explanation"]
    assert (told["entityId"], told["others"]) == (str(last.pk), [str(first.pk)])


def test_a_record_is_asked_for_by_its_id_or_by_what_people_call_it(api: Api, queue: Queue) -> None:
    order = queue.save_order(name="4711", order_id="A-1")
    for asked in (f"entityId={order.pk}", "q=4711", "q=A-1", "entity=transportOrder&q=4711"):
        told = api.ok("GET", f"integration/explain?{asked}")["explanation"]
        assert told["entityId"] == str(order.pk)
    business = make.BusinessFactory(platform=queue.platform, name="Acme")
    told = api.ok("GET", "integration/explain?entity=business&q=Acme")["explanation"]
    assert told["entityId"] == str(business.pk)


@pytest.mark.parametrize("asked", ["", "entityId=123e4567-e89b-12d3-a456-426614174000&q=4711"])
def test_one_of_them_has_to_be_said(api: Api, asked: str) -> None:
    refused = api.refused("GET", f"integration/explain?{asked}")
    assert refused["errors"][0]["field"] == "entityId"


def test_a_deleted_record_is_found_by_what_was_queued_of_it(
    api: Api, queue: Queue, sink: Sink
) -> None:
    listener(queue, sink.url())
    queue.save_order(name="4711").delete()
    assert api.ok("GET", "integration/explain?q=4711")["explanation"]["change"]["action"] == (
        "deleted"
    )


def test_what_nobody_calls_so_is_not_found_nor_is_what_is_anothers(api: Api) -> None:
    theirs = make.OrderFactory(name="4711")
    api.refused("GET", "integration/explain?q=4711", code=404)
    told = api.ok("GET", f"integration/explain?entityId={theirs.pk}")["explanation"]
    assert (told["change"], told["integrations"]) == (None, [])
    assert "No change of this record is known" in told["why"]


def test_it_costs_the_same_however_much_history_there_is(
    api: Api, queue: Queue, sink: Sink
) -> None:
    listener(queue, sink.url())
    order = queue.save_order(name="4711")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            why(api, "4711")
        return len([each for each in captured if each["sql"].startswith("SELECT")])

    few = queries()
    for place in range(5):
        order.order_id = str(place)
        order.save()
    assert EntityChange.objects.of(queue.platform).count() == 6
    Gate.objects.update(served_at=EVER)
    assert queries() <= few
