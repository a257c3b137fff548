"""Which ids are believed and remembered, and where they stand."""

from dataclasses import replace
from typing import Any

import pytest

from integrations.connectors.webhook import ID
from integrations.models import (
    IntegrationObject,
    Level,
    Log,
    Remembered,
    Status,
)
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.queue.remembering import calls, erp, remembered, remembering
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("id", "kept"),
    [
        (5, "5"),
        (" x ", "x"),
        ("", None),
        (None, None),
        (True, None),
        (1.5, None),
        ("x" * 256, None),
        ({"a": 1}, None),
        (10**40, None),
    ],
)
def test_an_answer_without_an_id_is_told(
    queue: Queue, sink: Sink, id: Any, kept: str | None
) -> None:
    remembering(queue, erp(sink, mapping={"id": id}))
    queue.save_order()
    queue.run()
    assert queue.only.status == Status.SUCCESS
    assert remembered(queue.platform) == ([kept] if kept else [])
    log = Log.objects.of(queue.platform).get()
    assert ("Its answer has no id at `$.id` to remember" in log.message) is (kept is None)
    assert log.level == (Level.INFO if kept else Level.WARNING)


def test_an_answer_of_another_id_is_believed(queue: Queue, sink: Sink) -> None:
    remembering(queue, erp(sink, mapping={"id": "$.transportOrder.name"}))
    order = queue.save_order(name="a")
    order.name = "b"
    order.save()
    queue.run()
    assert remembered(queue.platform) == ["b"]
    assert [path for _, path in calls(sink)] == ["/echo", "/echo/a"]


def test_an_id_that_stands_in_the_query_stays_what_it_is(queue: Queue, sink: Sink) -> None:
    """Of what is asked in a URL nothing is shown that an answer says again."""
    away = {name: {"url": sink.url(f"/echo?id={ID}")} for name in ("update", "delete")}
    remembering(queue, erp(sink, settings=away, mapping={"id": "ORD-4711-long"}))
    order = queue.save_order(name="a")
    for name in "bc":
        order.name = name
        order.save()
    queue.run()
    assert remembered(queue.platform) == ["ORD-4711-long"]
    assert {path for _, path in calls(sink)} == {"/echo", "/echo?id=ORD-4711-long"}


def test_an_id_with_a_secret_in_it_is_not_remembered(queue: Queue, sink: Sink) -> None:
    remembering(queue, erp(sink, mapping={"id": "acme-4711-77"}, secrets={"secret": "acme-4711"}))
    queue.save_order()
    queue.run()
    assert remembered(queue.platform) == []


@pytest.mark.parametrize("spelled", ["%s", "Bearer %s", "x-%s-y"])
def test_an_answer_that_says_a_secret_again_tells_it_nobody(
    queue: Queue, sink: Sink, api: Api, spelled: str
) -> None:
    secret = "Very-Secret-Token"
    auth = {"auth": {"type": "bearer"}}
    told = [{"field": "$.id", "operator": "eq", "value": "x"}]
    said = {"id": spelled % secret}
    remembering(
        queue,
        erp(sink, settings=auth, secrets={"auth.token": secret}, mapping=said),
        erp(sink, name="B", settings=auth, secrets={"auth.token": secret}, mapping=said)
        | {"remember": "", "success": {"body": told}},
    )
    queue.save_order()
    queue.run()
    obj = api.ok("GET", f"integration/object/{queue.only.uuid}")["object"]
    assert sink.requests[0].headers["authorization"] == f"Bearer {secret}"
    assert obj["externalId"] == ""
    assert obj["remote"] == {}
    assert "Secret" not in obj["error"]
    assert "That is no success: $.id is " in obj["error"]


@pytest.mark.parametrize("id", [".", ".."])
def test_a_step_of_a_path_is_no_id(queue: Queue, sink: Sink, id: str) -> None:
    remembering(queue, erp(sink, mapping={"id": id}))
    queue.save_order()
    queue.run()
    assert remembered(queue.platform) == []


def test_a_step_behind_the_delete_may_still_say_the_id(queue: Queue, sink: Sink) -> None:
    tell = {"name": "CRM", "settings": {"url": sink.url("/ok")}, "mapping": {"n": "$.remote.ERP"}}
    remembering(queue, erp(sink), tell)
    order = queue.save_order()
    queue.run()
    order.delete()
    queue.run()
    assert sink.requests[-1].json() == {"n": "4711/a b"}
    assert remembered(queue.platform) == []


def test_a_late_answer_is_not_remembered(queue: Queue, sink: Sink) -> None:
    integration = remembering(queue, erp(sink))
    queue.save_order()
    (obj,) = IntegrationObject.objects.claim_due(1).objects
    said = Remembered(integration.data_sources.get().pk, "5")
    late = replace(obj.succeed("late"), remembered=said)
    obj.fence -= 1
    IntegrationObject.objects.finish([late])
    assert remembered(queue.platform) == []
    obj.fence += 1
    IntegrationObject.objects.finish([late])
    assert remembered(queue.platform) == ["5"]
