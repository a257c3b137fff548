"""What the target calls a record is remembered: created there once, then updated, then deleted."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.connectors.webhook import ID
from integrations.models import (
    DataSource,
    Integration,
    IntegrationObject,
    Level,
    Log,
    Remembered,
    RemoteRecord,
    Status,
)
from integrations.plan import Plans
from otms.accounts.models import Platform
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = (Path(__file__).parents[2] / "docs/how-to/create-once-then-update.md").read_text(
    encoding="utf-8"
)
NEW = {"name": "n", "type": "manual", "trigger": make.ALL_ACTIONS}
LATER = {"field": "$.transportOrder.name", "operator": "eq", "value": "b"}
MAPPING = {
    "id": {"$path": "$.remote.ERP", "$default": "4711/a b"},
    "name": "$.transportOrder.name",
}


def erp(sink: Sink, **fields: Any) -> dict[str, Any]:
    """A target that answers with what it is sent, and so with an id."""
    settings = {
        "url": sink.url("/echo"),
        "update": {"url": sink.url(f"/echo/{ID}")},
        "delete": {"url": sink.url(f"/echo/{ID}")},
        **fields.pop("settings", {}),
    }
    return {
        "name": "ERP",
        "connector": "webhook",
        "settings": settings,
        "mapping": MAPPING,
        "remember": "$.id",
        **fields,
    }


def remembering(queue: Queue, *sources: dict[str, Any], **fields: Any) -> Integration:
    integration = make.integration(
        platform=queue.platform, **{"trigger": make.ALL_ACTIONS, **fields}
    )
    for position, source in enumerate(sources):
        DataSource.objects.create(
            platform=queue.platform, integration=integration, position=position, **source
        )
    return integration


def remembered(platform: Platform) -> list[str]:
    return list(RemoteRecord.objects.of(platform).values_list("remote_id", flat=True))


def calls(sink: Sink) -> list[tuple[str, str]]:
    return [(each.method, each.path) for each in sink.requests]


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


def test_one_platform_knows_nothing_of_another(queue: Queue, sink: Sink, api: Api) -> None:
    remembering(queue, erp(sink))
    order = queue.save_order()
    queue.run()
    foreign = make.PlatformFactory()
    assert RemoteRecord.objects.of(foreign).count() == 0
    assert RemoteRecord.objects.of(queue.platform).get().entity_id == order.pk


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"name": ""}, "name", "required"),
        ({"remember": "$.ids[*]"}, "remember", "invalid_path"),
        ({"remember": "id"}, "remember", "invalid_path"),
        ({"remember": "@.id"}, "remember", "invalid_path"),
        ({"remember": "$.id.`split(-, 0, -1)`"}, "remember", "invalid_path"),
        ({"settings": {"update": {"url": "http://elsewhere/{{id}}"}}}, "settings.update.url", ""),
        ({"settings": {"delete": {"url": "http://{{id}}/"}}}, "settings.delete.url", ""),
        ({"settings": {"method": "GET"}}, "settings.update.url", ""),
        ({"settings": {"url": "http://127.0.0.1/{{id}}"}}, "settings.url", ""),
        ({"settings": {"update": {"url": "http://127.0.0.1/{{ID}}"}}}, "settings.update.url", ""),
        ({"settings": {"update": {"url": "x", "method": "GET"}}}, "settings.update.method", ""),
    ],
)
def test_what_is_wrong_is_named(
    api: Api, sink: Sink, fields: dict[str, Any], field: str, code: str
) -> None:
    answer = api("POST", "integration", {**NEW, "dataSources": [erp(sink, **fields)]})
    assert answer.status_code == 400
    found = {each["field"]: each["code"] for each in answer.json()["errors"]}
    assert f"dataSources[0].{field}" in found, found
    assert not code or found[f"dataSources[0].{field}"] == code


def test_without_an_order_nothing_can_be_remembered(api: Api, sink: Sink) -> None:
    body = {**NEW, "dataSources": [erp(sink)], "delivery": {"ordering": "none"}}
    (error,) = api("POST", "integration", body).json()["errors"]
    assert error["field"] == "dataSources[0].remember"
    del body["delivery"]
    made = api.ok("POST", "integration", body)["integration"]
    later = {"id": made["id"], "delivery": {"ordering": "none"}}
    (error,) = api("PUT", "integration", later).json()["errors"]
    assert error["field"] == "dataSources[0].remember"


def test_it_is_shown_and_put_back(api: Api, sink: Sink) -> None:
    made = api.ok("POST", "integration", {**NEW, "dataSources": [erp(sink)]})
    assert [each for each in made.get("warnings", []) if each["code"] == "unknown_path"] == []
    shown = made["integration"]
    (source,) = shown["dataSources"]
    assert source["remember"] == "$.id"
    assert source["settings"]["update"] == {"url": sink.url(f"/echo/{ID}")}
    again = api.ok("PUT", "integration", shown)["integration"]
    assert again["updatedAt"] == shown["updatedAt"]


def test_the_page_of_the_guide_works(queue: Queue, sink: Sink, api: Api) -> None:
    (written,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    asked = re.findall(r"^    (POST|PATCH|DELETE) (/orders.*)$", PAGE, re.MULTILINE)
    (answer,) = re.findall(r"answers `(.*?)`", PAGE)
    here = sink.url(f"/gzip/{quote(answer)}?")
    integration = json.loads(written.replace("https://erp.example", here))
    assert "warnings" not in api.ok("POST", "integration", integration)
    order = queue.save_order(name="4711")
    order.name = "4712"
    order.save()
    order.delete()
    queue.run()
    assert [(method, path.partition("?")[2]) for method, path in calls(sink)] == asked


def test_a_trial_of_a_real_record_remembers_and_updates(api: Api, queue: Queue, sink: Sink) -> None:
    integration = remembering(queue, erp(sink))
    call = "POST", f"integration/{integration.pk}/test"
    api.ok(*call)
    assert remembered(queue.platform) == [], "the example is no record"
    order = queue.save_order(name="a")
    queue.all.delete()
    for _ in range(2):
        api.ok(*call, {"entityId": str(order.pk)})
        assert remembered(queue.platform) == ["4711/a b"]
    assert [method for method, _ in calls(sink)] == ["POST", "POST", "PUT"]


def test_a_trial_that_fails_remembers_nothing(api: Api, queue: Queue, sink: Sink) -> None:
    refused = {"body": [{"field": "$.id", "operator": "missing"}]}
    integration = remembering(queue, erp(sink, success=refused))
    order = queue.save_order()
    api.ok("POST", f"integration/{integration.pk}/test", {"entityId": str(order.pk)})
    assert remembered(queue.platform) == []


def test_who_does_not_remember_asks_the_database_nothing(
    queue: Queue, sink: Sink, django_assert_num_queries: Any
) -> None:
    integration = make.integration(sink.url("/ok"), platform=queue.platform)
    objects = queue.put(integration, uuid4())
    plans = Plans()
    plans.refresh(objects)
    with django_assert_num_queries(0):
        plans.recall(objects)
    integration.data_sources.update(remember="$.id", name="x")
    integration.new_version()
    objects += queue.put(integration, uuid4(), uuid4())
    plans.refresh(objects)
    with django_assert_num_queries(1):
        plans.recall(objects)
