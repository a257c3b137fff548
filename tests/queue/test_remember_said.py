"""What people and programs say of remembering, and are told."""

import json
import re
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from integrations.connectors.webhook import ID
from integrations.models import (
    RemoteRecord,
)
from integrations.plan import Plans
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.queue.remembering import NEW, PAGE, calls, erp, remembered, remembering
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


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
