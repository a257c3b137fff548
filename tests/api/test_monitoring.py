"""The lists that say what an integration did: objects, logs, requestLogs, tasks."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations.models import Integration, IntegrationObject, Log, RequestLog, Task
from otms.accounts.models import Platform
from otms.documents import timestamp
from tests import make
from tests.api.conftest import queued
from tests.conftest import Api

pytestmark = pytest.mark.django_db

SHAPES = {
    "objects": "id, integrationId, status, entity, entityId, reference, action, changedFields, "
    "attempts, dueAt, claimedAt, reason, error, externalId, replayOf, sequence, createdAt, "
    "finishedAt",
    "logs": "id, integrationId, objectId, level, code, message, data, createdAt",
    "requestLogs": "id, integrationId, objectId, dataSourceId, attempt, method, url, "
    "requestHeaders, requestBody, responseStatus, responseHeaders, responseBody, truncated, error, "
    "durationMs, interrupted, test, createdAt",
    "tasks": "id, integrationId, kind, status, total, done, failed, message, resultFile, "
    "startedBy, createdAt, startedAt, finishedAt",
}


@pytest.fixture
def objects(integration: Integration) -> list[IntegrationObject]:
    """Three in the queue, the oldest first; each with a log, a request log and a task."""
    made = [queued(integration, changed_fields=["status"]) for _ in range(3)]
    common: dict[str, Any] = {"platform": integration.platform, "integration": integration}
    for number, each in enumerate(made):
        level = ("info", "warning", "error")[number]
        Log.objects.create(**common, object=each, level=level, code="c", message="m", data={"n": 1})
        RequestLog.objects.create(**common, object=each, attempt=1, response_status=200 + number)
        Task.objects.create(**common, kind="import", status=("DONE", "RUNNING", "FAILED")[number])
    return made


@pytest.fixture
def listed(api: Api, integration: Integration) -> Any:
    def rows(key: str, query: str = "", page: str = "0/10") -> list[dict[str, Any]]:
        answer = api.ok("GET", f"integration/{integration.pk}/{key}/{page}{query}")
        assert list(answer) == ["success", "message", key, "totalResults"]
        return answer[key]  # type: ignore[no-any-return]

    return rows


@pytest.mark.parametrize("key", SHAPES)
def test_each_list_has_its_shape(
    listed: Any, objects: Any, integration: Integration, key: str
) -> None:
    row = listed(key)[0]
    assert list(row) == SHAPES[key].split(", ")
    assert row["integrationId"] == str(integration.pk)
    assert row["createdAt"].endswith("Z")


def test_an_object_tells_what_it_is_about(listed: Any, objects: Any) -> None:
    rows = listed("objects")
    newest = objects[2]
    assert [row["sequence"] for row in rows] == [each.pk for each in reversed(objects)]
    assert rows[0] | {"createdAt": 0, "dueAt": 0} == {
        "id": str(newest.uuid),
        "integrationId": str(newest.integration_id),
        "status": "QUEUE",
        "entity": "transportOrder",
        "entityId": str(newest.entity_id),
        "reference": newest.reference,
        "action": "created",
        "changedFields": ["status"],
        "attempts": 0,
        "dueAt": 0,
        "claimedAt": None,
        "reason": "",
        "error": "",
        "externalId": "",
        "replayOf": None,
        "sequence": newest.pk,
        "createdAt": 0,
        "finishedAt": None,
    }
    assert listed("logs")[0]["objectId"] == listed("requestLogs")[0]["objectId"] == str(newest.uuid)


def test_each_list_is_narrowed(listed: Any, objects: Any) -> None:
    of_platform = IntegrationObject.objects.of(objects[0].platform_id)
    of_platform.filter(pk=objects[0].pk).cancel("enough")
    first, second = str(objects[0].uuid), str(objects[1].uuid)

    def ids(key: str, query: str) -> list[Any]:
        return [row.get("objectId", row["id"]) for row in listed(key, query)]

    assert ids("objects", "?status=CANCELLED") == [first]
    assert ids("objects", f"?entityId={objects[1].entity_id}") == [second]
    assert ids("objects", f"?entityId={str(objects[1].entity_id).upper()}") == [second]
    assert ids("objects", f"?q={objects[1].reference}&status=QUEUE") == [second]
    assert ids("objects", "?q=nobody") == []
    assert ids("logs", "?level=warning") == [second]
    assert ids("requestLogs", "?status=201") == [second]
    assert [row["status"] for row in listed("tasks", "?status=RUNNING")] == ["RUNNING"]


@pytest.mark.parametrize("key", SHAPES)
def test_a_list_is_narrowed_in_time(listed: Any, objects: Any, key: str) -> None:
    before, after = timestamp(now() - timedelta(hours=1)), timestamp(now() + timedelta(hours=1))
    assert len(listed(key, f"?since={before}&until={after}")) >= 3
    assert listed(key, f"?until={before}") == listed(key, f"?since={after}") == []


@pytest.mark.parametrize(
    ("key", "query", "field"),
    [
        ("objects", "status=queue", "status"),
        ("objects", "entityId=4711", "entityId"),
        ("objects", "level=info", "level"),
        ("objects", "since=yesterday", "since"),
        ("objects", "until=2026-13-01", "until"),
        ("objects", "q=%00", "q"),
        ("objects", "q=", "q"),
        ("logs", "level=loud", "level"),
        ("logs", "status=QUEUE", "status"),
        ("requestLogs", "status=ok", "status"),
        ("requestLogs", "status=99999999999999999999", "status"),
        ("tasks", "status=QUEUE", "status"),
        ("tasks", "statsu=DONE", "statsu"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    api: Api, integration: Integration, key: str, query: str, field: str
) -> None:
    found = api.refused("GET", f"integration/{integration.pk}/{key}/0/10?{query}")
    assert [error["field"] for error in found["errors"]] == [field]


@pytest.mark.parametrize("key", SHAPES)
def test_a_list_of_nobody_is_not_found(api: Api, key: str) -> None:
    api.refused("GET", f"integration/{uuid.uuid4()}/{key}/0/10", code=404)


@pytest.mark.parametrize("page", ["0/0", "0/501", "-1/1", "abc/1", "0/abc"])
@pytest.mark.parametrize("key", SHAPES)
def test_a_page_that_makes_no_sense_is_refused(
    api: Api, integration: Integration, key: str, page: str
) -> None:
    api.refused("GET", f"integration/{integration.pk}/{key}/{page}")


def test_pages_follow_each_other(listed: Any, objects: Any) -> None:
    rows = listed("objects")
    assert [listed("objects", page=f"{n}/1")[0] for n in range(3)] == rows
    assert listed("objects", page="3/10") == []


@pytest.mark.parametrize("key", SHAPES)
def test_a_longer_list_takes_no_more_queries(
    listed: Any, objects: Any, integration: Integration, key: str
) -> None:
    def queries(amount: int) -> int:
        with CaptureQueriesContext(connection) as seen:
            assert len(listed(key, page=f"0/{amount}")) == amount
        return len(seen)

    assert queries(3) == queries(1)


def test_a_parameter_is_said_once(api: Api, platform: Platform) -> None:
    id = make.IntegrationFactory(platform=platform).pk
    told = api.refused("GET", f"integration/{id}/objects/0/5?status=ERROR&status=SUCCESS")
    assert told["errors"][0]["field"] == "status"


def test_a_plus_in_an_address_is_a_plus(api: Api, platform: Platform) -> None:
    id = make.IntegrationFactory(platform=platform).pk
    api.ok("GET", f"integration/{id}/objects/0/5?until=2026-11-29T00:00:00+01:00")
    told = api.refused("GET", f"integration/{id}/objects/0/5?until=tomorrow")
    assert "2026-03-22T10:00:00Z" in told["message"]
