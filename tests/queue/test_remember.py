"""What the target calls a record is remembered: created there once, then updated, then deleted."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.connectors.webhook import ID
from integrations.models import (
    IntegrationObject,
    Remembered,
    RemoteRecord,
    Status,
)
from tests.queue.conftest import Queue
from tests.queue.remembering import calls, erp, remembered, remembering
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_record_is_created_once_then_updated_then_deleted(queue: Queue, sink: Sink) -> None:
    remembering(queue, erp(sink))
    order = queue.save_order(name="a")
    queue.run()
    assert remembered(queue.platform) == ["4711/a b"]
    assert queue.only.external_id == "4711/a b"
    order.name = "b"
    order.save()
    queue.run()
    order.delete()
    queue.run()
    there = "/echo/4711%2Fa%20b"
    assert calls(sink) == [("POST", "/echo"), ("PUT", there), ("DELETE", there)]
    assert sink.requests[1].json() == {"id": "4711/a b", "name": "b"}
    assert sink.requests[2].body == b""
    assert remembered(queue.platform) == []
    assert {each.status for each in queue.all} == {Status.SUCCESS}


def test_changes_that_wait_in_one_lane_create_it_once(queue: Queue, sink: Sink) -> None:
    remembering(queue, erp(sink))
    order = queue.save_order(name="0")
    for name in "123":
        order.name = name
        order.save()
    queue.run()
    assert [method for method, _ in calls(sink)] == ["POST", "PUT", "PUT", "PUT"]


def test_what_was_never_told_is_not_deleted_there(queue: Queue, sink: Sink) -> None:
    remembering(queue, erp(sink), trigger={"entity": "transportOrder", "actions": ["deleted"]})
    queue.save_order().delete()
    queue.run()
    assert calls(sink) == []
    assert queue.only.status == Status.SKIPPED
    assert queue.only.reason == "ERP was left out: the target was never told of it"


def test_what_is_gone_there_already_is_deleted(queue: Queue, sink: Sink) -> None:
    away = {"delete": {"url": sink.url(f"/status/404?{ID}")}}
    remembering(queue, erp(sink, settings=away))
    order = queue.save_order()
    order.delete()
    queue.run()
    assert [each.status for each in queue.all] == [Status.SUCCESS, Status.SUCCESS]
    assert remembered(queue.platform) == []


def test_it_is_known_to_filters_and_mappings_of_every_step(queue: Queue, sink: Sink) -> None:
    known = [{"field": "$.remote.ERP", "operator": "exists"}]
    second = {
        "name": "CRM",
        "settings": {"url": sink.url("/ok")},
        "filters": known,
        "mapping": {"erp": "$.remote.ERP"},
    }
    remembering(queue, erp(sink), second)
    order = queue.save_order(name="a")
    queue.run()
    # What the first step was answered a moment ago, the second knows.
    assert sink.requests[-1].json() == {"erp": "4711/a b"}
    order.name = "b"
    order.save()
    queue.run()
    assert len(sink.requests) == 4


def test_many_answers_are_remembered_by_one_statement(queue: Queue, sink: Sink) -> None:
    integration = remembering(queue, erp(sink))
    source = integration.data_sources.get()
    queue.put(integration, *(uuid4() for _ in range(20)))
    claimed = IntegrationObject.objects.claim_due(20).objects
    told = [(obj, Remembered(source.pk, f"E{n}")) for n, obj in enumerate([*claimed, claimed[0]])]
    with CaptureQueriesContext(connection) as queries:
        RemoteRecord.objects.remember(told)
        RemoteRecord.objects.remember([])
    assert len([each for each in queries if "remoterecord" in each["sql"]]) == 1
    assert len(remembered(queue.platform)) == len(claimed)
    assert f"E{len(claimed)}" in remembered(queue.platform), "the last word"
    assert "E0" not in remembered(queue.platform)


def test_two_steps_of_one_name_are_two(queue: Queue, sink: Sink) -> None:
    plain = {"name": "ERP", "settings": {"url": sink.url("/ok")}, "mapping": {"id": 1}}
    remembering(queue, erp(sink), plain)
    order = queue.save_order(name="a")
    order.name = "b"
    order.save()
    queue.run()
    assert [path for _, path in calls(sink)] == ["/echo", "/ok", "/echo/4711%2Fa%20b", "/ok"]
