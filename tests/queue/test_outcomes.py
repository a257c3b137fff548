"""What becomes of a queued object: every answer of a receiver, and every fault on the way."""

import socket
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from integrations.core import schedule
from integrations.models import (
    DataSource,
    Gate,
    Integration,
    IntegrationObject,
    Log,
    RequestLog,
    Status,
)
from otms.accounts.models import Platform
from tests import make
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

UPDATES = {"trigger": make.ALL_ACTIONS}
MAPPING_THAT_FAILS = "$.transportOrder.goods"  # there is none, and nothing is no document


def lines(obj: IntegrationObject) -> list[tuple[str, str]]:
    """The object's story: level and code of each line."""
    entries = Log.objects.of(obj.platform_id).filter(object=obj).order_by("id")
    return list(entries.values_list("level", "code"))


def requests_of(obj: IntegrationObject) -> list[RequestLog]:
    return list(RequestLog.objects.of(obj.platform_id).filter(object=obj).order_by("id"))


def nowhere() -> str:
    """The URL of a port where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{sock.getsockname()[1]}/"


# Never.


def test_a_refusal_is_final_and_says_what_the_receiver_said(
    queue: Queue, sink: Sink, platform: Platform
) -> None:
    make.integration(sink.url("/echo"), platform=platform)
    # The receiver's words: it says what it got, with a 400.
    source = DataSource.objects.of(platform).get()
    source.settings = {"url": sink.url("/status/400")}
    source.save()
    queue.save_order()
    queue.run()
    obj = queue.only
    assert obj.status == Status.ERROR
    assert obj.due_at is None
    assert lines(obj) == [("error", "target_refused")]
    line = Log.objects.of(platform).get()
    assert "400" in line.message
    assert '{"ok":true}' in line.message  # what it said with it
    queue.run_when_due()
    assert sink.stats()["attempts"] == 1


def test_a_redirect_is_an_error_and_not_followed(queue: Queue, sink: Sink) -> None:
    make.integration(sink.url("/redirect/302/ok"), platform=queue.platform)
    queue.save_order()
    queue.run()
    obj = queue.only
    assert obj.status == Status.ERROR
    assert "Redirects are not followed" in obj.error
    assert [r.path for r in sink.requests] == ["/redirect/302/ok"]


def test_gone_for_good_pauses_the_integration_until_it_is_saved(queue: Queue, sink: Sink) -> None:
    sink.answers("/orders", "/status/410")
    integration = make.integration(sink.url("/orders"), platform=queue.platform)
    queue.save_order()
    queue.run()
    assert queue.only.status == Status.ERROR
    assert "410" in Gate.objects.get(integration=integration).pause_reason
    queue.save_order()
    queue.run()
    assert sink.stats()["attempts"] == 1
    assert queue.all.last().status == Status.QUEUE
    sink.answers("/orders", "/ok")
    integration.save()
    queue.run()
    assert queue.all.last().status == Status.SUCCESS


def test_a_mapping_that_fails_is_an_error_that_names_it(queue: Queue, sink: Sink) -> None:
    make.integration(sink.url(), platform=queue.platform, mapping=MAPPING_THAT_FAILS)
    queue.save_order()
    queue.run()
    obj = queue.only
    assert obj.status == Status.ERROR
    assert lines(obj) == [("error", "mapping_error")]
    assert sink.stats()["attempts"] == 0


# Nothing to send.


def test_without_a_data_source_it_is_skipped(queue: Queue) -> None:
    make.integration(platform=queue.platform)
    queue.save_order()
    queue.run()
    obj = queue.only
    assert obj.status == Status.SKIPPED
    assert "no data source" in obj.reason


def test_a_filter_that_says_no_names_the_value(queue: Queue, sink: Sink) -> None:
    wanted = {"field": "$.transportOrder.status", "operator": "eq", "value": "planned"}
    make.integration(sink.url(), platform=queue.platform, filters=[wanted])
    queue.save_order(status="accepted")
    queue.save_order(status="planned")
    queue.run()
    skipped, sent = queue.all
    assert skipped.status == Status.SKIPPED
    assert "accepted" in skipped.reason
    assert lines(skipped) == [("info", "filter_no_match")]
    assert sent.status == Status.SUCCESS
    assert sink.stats()["attempts"] == 1


def test_a_disabled_integration_gets_nothing_new_and_keeps_what_waits(
    queue: Queue, sink: Sink
) -> None:
    integration = make.integration(sink.url(), platform=queue.platform)
    queue.save_order()
    integration.enabled = False
    integration.save()
    queue.save_order()
    queue.run()
    assert queue.only.status == Status.QUEUE
    assert sink.stats()["attempts"] == 0
    integration.enabled = True
    integration.save()
    queue.run()
    assert queue.only.status == Status.SUCCESS


def test_deleting_an_integration_cancels_what_waits(queue: Queue, sink: Sink) -> None:
    integration = make.integration(sink.url("/status/503"), platform=queue.platform)
    queue.save_order()
    queue.run()
    queue.save_order()
    integration.retire()
    for obj in queue.all:
        assert obj.status == Status.CANCELLED
        assert "deleted" in obj.reason
        assert lines(obj)[-1] == ("info", "cancelled")
    queue.run_when_due()
    assert sink.stats()["attempts"] == 1


def test_what_a_deleted_integration_left_behind_is_cancelled_when_its_turn_comes(
    queue: Queue, sink: Sink
) -> None:
    """A call was in flight when it was deleted, and then failed."""
    integration = make.integration(sink.url(), platform=queue.platform)
    queue.save_order()
    (obj,) = IntegrationObject.objects.claim_due(1).objects
    integration.retire()
    outcome = obj.fail("target_refused", "It is down.", integration.policy, permanent=False)
    IntegrationObject.objects.finish([outcome])
    assert queue.only.status == Status.RETRY
    queue.run_when_due()
    assert queue.only.status == Status.CANCELLED
    assert "deleted" in queue.only.reason
    assert sink.stats()["attempts"] == 0


def test_a_scheduled_integration_sends_at_its_next_tick(queue: Queue, sink: Sink) -> None:
    hourly = {
        "integrationSchedulerScheduleValue": 1,
        "integrationSchedulerScheduleType": "hours",
    }
    make.integration(sink.url(), platform=queue.platform, schedule=hourly, **UPDATES)
    before = datetime.now(UTC)
    order = queue.save_order()
    tick = queue.only.due_at
    assert (
        schedule.next_tick(hourly, before) <= tick <= schedule.next_tick(hourly, datetime.now(UTC))
    )
    queue.run()
    assert sink.stats()["attempts"] == 0
    order.status = "accepted"
    order.save()
    # Only the first is due; that it is done is no reason for the second to come early.
    queue.all.filter(pk=queue.all.first().pk).update(due_at=now())
    queue.run()
    assert [obj.status for obj in queue.all] == [Status.SUCCESS, Status.QUEUE]
    assert queue.all.last().due_at >= tick


# Faults of configuration stay where they are.


@pytest.mark.parametrize(
    ("model", "column", "value"),
    [
        (DataSource, "mapping", '{"a": {"$nonsense": 1}}'),
        (DataSource, "connector", "telegraph"),
        (DataSource, "success", "5"),
        (DataSource, "secrets", "not what we encrypted"),
        (DataSource, "settings", '"http://"'),
        (Integration, "delivery", '{"retry": {"giveUpAfter": "soon"}}'),
        (Integration, "delivery", "7"),
        (Integration, "filters", '[{"operator": "resembles"}]'),
        (Integration, "filters", "7"),
    ],
)
def test_a_broken_plan_fails_only_its_own_objects(
    queue: Queue, sink: Sink, model: Any, column: str, value: str
) -> None:
    broken = make.integration(sink.url("/broken"), platform=queue.platform, name="broken")
    make.integration(sink.url("/ok"), platform=queue.platform, name="sound")
    queue.save_order()
    # Past every check, as an old version or a restored backup would leave it.
    owner = "id" if model is Integration else "integration_id"
    id = broken.pk if connection.vendor == "postgresql" else broken.pk.hex
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {model._meta.db_table} SET {column} = %s WHERE {owner} = %s",
            [value, id],
        )
    queue.run()
    of_broken = queue.all.get(integration=broken)
    sound = queue.all.exclude(integration=broken).get()
    assert sound.status == Status.SUCCESS
    assert of_broken.status in (Status.ERROR, Status.RETRY)
    assert of_broken.error
    assert [r.path for r in sink.requests] == ["/ok"]


def test_a_data_source_removed_during_its_call_does_not_undo_the_delivery(
    queue: Queue, sink: Sink, platform: Platform
) -> None:
    make.integration(sink.url("/slow/300"), platform=platform)
    queue.save_order()
    running = Thread(target=queue.run)
    running.start()
    sink.wait(1, of="attempts")
    DataSource.objects.of(platform).get().delete()
    running.join()
    obj = queue.only
    assert obj.status == Status.SUCCESS
    (log,) = requests_of(obj)
    assert log.response_status == 200
    assert log.data_source_id is None


def test_an_outcome_the_database_refuses_keeps_no_other_waiting(
    queue: Queue, sink: Sink, platform: Platform
) -> None:
    """One of two was erased during its call, with all that belonged to it."""
    erased = make.integration(sink.url("/slow/300"), platform=platform)
    make.integration(sink.url("/slow/300"), platform=platform)
    queue.save_order()
    running = Thread(target=queue.run)
    running.start()
    sink.wait(2, of="attempts")
    erased.delete()
    running.join()
    assert queue.only.status == Status.SUCCESS
    assert queue.only.attempts == 1
    assert not queue.only.leased


def test_an_outcome_that_can_not_be_stored_is_written_down_without_its_texts(queue: Queue) -> None:
    """Else it would be sent again and again."""
    integration = make.integration(platform=queue.platform)
    queue.save_order()
    (obj,) = IntegrationObject.objects.claim_due(1).objects
    refused = obj.fail("target_refused", "half \ud800 a pair", integration.policy, permanent=True)
    with pytest.raises(TypeError, match="surrogates"):
        IntegrationObject.objects.finish([refused])
    reduced = refused.reduced()
    assert reduced
    IntegrationObject.objects.finish([reduced])
    assert queue.only.status == Status.ERROR
    assert lines(obj) == [("error", "not_recorded")]
    assert reduced.reduced() is None


# Steps.


def test_a_second_data_source_follows_the_first_and_fails_alone(
    queue: Queue, sink: Sink, platform: Platform
) -> None:
    integration = make.integration(sink.url("/ok"), platform=platform)
    second = DataSource.objects.create(
        platform=platform,
        integration=integration,
        position=1,
        settings={"url": sink.url("/second")},
    )
    sink.answers("/second", "/status/503")
    queue.save_order()
    queue.run()
    obj = queue.only
    assert (obj.status, obj.step, obj.attempts) == (Status.RETRY, 1, 1)
    sink.answers("/second", "/ok")
    queue.run_when_due()
    assert queue.only.status == Status.SUCCESS
    assert [r.path for r in sink.requests] == ["/ok", "/second", "/second"]
    # To one receiver two steps are two messages, however often each is sent.
    id = str(queue.only.uuid)
    own = f"{id}-{second.pk.hex[-12:]}"
    assert [r.headers["webhook-id"] for r in sink.requests] == [id, own, own]
    assert [code for _, code in lines(obj)] == ["step_delivered", "retry_scheduled", "delivered"]


# By hand.


def test_a_person_puts_back_what_failed_and_it_goes_out_under_the_same_id(
    queue: Queue, sink: Sink
) -> None:
    sink.answers("/orders", "/status/400")
    make.integration(sink.url("/orders"), platform=queue.platform)
    queue.save_order()
    queue.run()
    assert queue.all.requeue() == 1
    obj = queue.only
    assert (obj.status, obj.attempts, obj.error) == (Status.QUEUE, 0, "")
    sink.answers("/orders", "/ok")
    queue.run()
    assert queue.only.status == Status.SUCCESS
    assert {r.headers["webhook-id"] for r in sink.requests} == {str(obj.uuid)}
    assert queue.all.requeue() == 0  # what was delivered is not sent again


def test_what_is_being_sent_is_neither_cancelled_nor_put_back(queue: Queue) -> None:
    make.integration(nowhere(), platform=queue.platform)
    queue.save_order()
    IntegrationObject.objects.claim_due(1)
    assert queue.all.cancel("Not wanted.") == 0
    assert queue.all.requeue() == 0
