"""What its target lost is created there anew."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.connectors.webhook import ID
from integrations.models import (
    Status,
)
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.queue.remembering import LATER, calls, erp, remembered, remembering
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_gone_there_is_created_anew_when_a_person_says_so(
    queue: Queue, sink: Sink, api: Api, status: int
) -> None:
    gone = {"update": {"url": sink.url(f"/status/{status}?{ID}"), "method": "PATCH"}}
    integration = remembering(queue, erp(sink, settings=gone))
    order = queue.save_order(name="a")
    order.name = "b"
    order.save()
    queue.run()
    obj = queue.all.last()
    assert obj.status == Status.ERROR
    assert "put the object back with `anew`" in obj.error
    health = api.ok("GET", f"integration/{integration.pk}")["integration"]["health"]
    assert health["state"] != "SUSPENDED"
    told = api.ok("GET", f"integration/object/{obj.uuid}")["object"]
    assert told["remote"] == {"ERP": "4711/a b"}
    again = api.ok("POST", f"integration/object/{obj.uuid}/requeue", {"anew": True})["object"]
    assert again["remote"] == {}
    assert "is created there anew" in again["logs"][-1]["message"]
    queue.run()
    assert [method for method, _ in calls(sink)] == ["POST", "PATCH", "POST"]
    assert queue.all.last().status == Status.SUCCESS
    assert remembered(queue.platform) == ["4711/a b"]


def test_only_what_the_target_that_failed_calls_it_is_forgotten(queue: Queue, sink: Sink) -> None:
    gone = {"update": {"url": sink.url(f"/status/404?{ID}")}}
    wms = erp(sink, name="WMS", settings=gone, mapping={"id": "W"})
    remembering(queue, erp(sink), wms)
    order = queue.save_order(name="a")
    queue.run()
    order.name = "b"
    order.save()
    queue.run()
    assert queue.all.last().error
    assert queue.all.filter(status=Status.ERROR).requeue(anew=True) == 1
    assert remembered(queue.platform) == ["4711/a b"]


@pytest.mark.parametrize("poison", ["park", "skip"])
def test_what_failed_is_known_whatever_becomes_of_it(queue: Queue, sink: Sink, poison: str) -> None:
    other = [{"field": "$.transportOrder.name", "operator": "eq", "value": "nobody's"}]
    bad = erp(
        sink,
        name="WMS",
        mapping={"id": {"$if": LATER, "$then": {"$path": "$.no", "$required": True}, "$else": "W"}},
    )
    remembering(
        queue, erp(sink), erp(sink, name="X", filters=other), bad, delivery={"onPoison": poison}
    )
    order = queue.save_order(name="a")
    queue.run()
    order.name = "b"
    order.save()
    queue.run()
    assert "$required" in queue.all.last().error
    queue.all.exclude(error="").requeue(anew=True)
    assert remembered(queue.platform) == ["4711/a b"]


def test_a_delete_is_not_created_anew(queue: Queue, sink: Sink) -> None:
    down = {"delete": {"url": sink.url(f"/status/400?{ID}")}}
    remembering(queue, erp(sink, settings=down))
    order = queue.save_order()
    queue.run()
    order.delete()
    queue.run()
    queue.all.filter(status=Status.ERROR).requeue(anew=True)
    assert remembered(queue.platform) == ["4711/a b"]


def test_six_hundred_at_once_are_created_anew(queue: Queue, sink: Sink) -> None:
    integration = remembering(queue, erp(sink))
    queue.put(integration, *(uuid4() for _ in range(600)))
    source = integration.data_sources.get()
    queue.all.update(status=Status.ERROR, due_at=None, at_source=source.pk)
    with CaptureQueriesContext(connection) as queries:
        assert queue.all.requeue(anew=True) == 600
    assert len([each for each in queries if "remoterecord" in each["sql"]]) <= 2 * 2  # portions
