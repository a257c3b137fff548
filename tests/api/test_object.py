"""The story of one object, and the two handles: put back in the queue, cancelled."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from integrations import story
from integrations.api.rows import log_row, object_row, request_log_row
from integrations.models import Credential, Integration, IntegrationObject, RequestLog, Status
from otms import documents
from otms.accounts.models import Platform, User
from tests import make
from tests.admin.conftest import Browser, staff, without_tags
from tests.api.conftest import queued
from tests.conftest import Api
from tests.sink import Sink

pytestmark = pytest.mark.django_db

PLANNED = [{"field": "$.transportOrder.status", "operator": "eq", "value": "planned"}]


def put(row: IntegrationObject, **fields: Any) -> IntegrationObject:
    """The same object, as the queue could have left it."""
    IntegrationObject.objects.of(row.platform_id).filter(pk=row.pk).update(**fields)
    row.refresh_from_db()
    return row


def ended(row: IntegrationObject, status: Status, **fields: Any) -> IntegrationObject:
    return put(row, status=status, due_at=None, holds_lane=False, finished_at=now(), **fields)


@pytest.fixture
def row(integration: Integration) -> IntegrationObject:
    return queued(integration, before={"name": "old"}, changed_fields=["name"])


def told(api: Api, row: IntegrationObject) -> Any:
    return api.ok("GET", f"integration/object/{row.uuid}")["object"]


def as_json(value: Any) -> Any:
    return documents.loads(documents.dumps(value))


def test_an_object_is_told_whole(api: Api, row: IntegrationObject) -> None:
    common: dict[str, Any] = {"platform": row.platform, "integration": row.integration}
    sent = RequestLog.objects.create(
        **common, object=row, attempt=1, request_body="{}", response_status=503
    )
    RequestLog.objects.create(**common, object=queued(row.integration), attempt=1)
    line = row.line("warning", "retry_scheduled", "It answered 503.", {"n": 1})
    line.save()
    put(row, status=Status.RETRY, attempts=1, error="503", due_at=now() + timedelta(hours=1))
    found = told(api, row)
    assert {key: found[key] for key in object_row(row)} == as_json(object_row(row))
    assert found["change"] == {
        "action": "created",
        "before": {"name": "old"},
        "after": {"id": str(row.entity_id)},
        "changedFields": ["name"],
        "origin": "system",
        "originIntegrationId": None,
        "createdAt": found["change"]["createdAt"],
    }
    assert found["requestLogs"] == [as_json(request_log_row(sent))]
    assert found["logs"] == [as_json(log_row(line))]
    assert found["trace"] is None
    assert found["inWords"][0] == "1 attempt so far."
    assert "The next attempt is at" in found["inWords"][1]
    assert found["inWords"][2] == "The last error: 503"


@pytest.mark.django_db(transaction=True)
def test_a_delivery_and_a_skipped_change_are_told(
    api: Api, platform: Platform, sink: Sink, run_queue: Any
) -> None:
    delivers = make.integration(sink.url("/ok"), platform=platform)
    skips = make.integration(sink.url("/never"), platform=platform, filters=PLANNED)
    make.OrderFactory(platform=platform, name="4711", customer=None)
    run_queue()
    queue = IntegrationObject.objects.of(platform)
    found = told(api, queue.get(integration=delivers))
    assert found["status"] == "SUCCESS"
    (sent,) = found["requestLogs"]
    assert documents.loads(sent["requestBody"])["status"] == "requested"
    assert sent["responseStatus"] == 200
    assert [line["code"] for line in found["logs"]] == ["delivered"]
    assert found["trace"] is None
    assert found["change"]["before"] is None
    assert found["change"]["after"]["name"] == "4711"

    found = told(api, queue.get(integration=skips))
    assert found["status"] == "SKIPPED"
    assert found["requestLogs"] == []
    assert found["trace"] == [
        {
            "field": "$.transportOrder.status",
            "operator": "eq",
            "value": "planned",
            "seen": "requested",
            "matched": False,
        }
    ]
    assert found["inWords"] == ["Nothing was sent, and this is why:", found["reason"]]


def test_a_trace_is_that_of_the_last_decision(api: Api, row: IntegrationObject) -> None:
    for value in ("first", "second"):
        row.line("info", "filter_no_match", "no", {"trace": [{"value": value}]}).save()
    ended(row, Status.SKIPPED, reason="no")
    assert told(api, row)["trace"] == [{"value": "second"}]
    put(row, reason="Skipped: the receiver refused it.")
    assert told(api, row)["trace"] is None


def test_a_long_story_shows_its_newest_part(api: Api, row: IntegrationObject) -> None:
    for number in range(story.NEWEST + 2):
        row.line("info", "c", str(number)).save()
    lines = told(api, row)["logs"]
    assert [each["message"] for each in (lines[0], lines[-1])] == ["2", str(story.NEWEST + 1)]
    where = f"integration/{row.integration_id}/logs/0/500?objectId={row.uuid}"
    queued(row.integration).line("info", "c", "of another").save()
    assert api.ok("GET", where)["totalResults"] == story.NEWEST + 2


@pytest.mark.parametrize("key", ["logs", "requestLogs"])
def test_the_lists_are_narrowed_to_one_object(api: Api, row: IntegrationObject, key: str) -> None:
    for each in (row, queued(row.integration)):
        each.line("info", "c", "m").save()
        RequestLog.objects.create(
            platform=row.platform, integration=row.integration, object=each, attempt=1
        )
    found = api.ok("GET", f"integration/{row.integration_id}/{key}/0/10?objectId={row.uuid}")
    assert [each["objectId"] for each in found[key]] == [str(row.uuid)]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"leased": True, "attempts": 2, "claimed_at": now(), "due_at": now()},
        {"status": Status.RETRY, "attempts": 1, "error": "503"},
        {"status": Status.ERROR, "attempts": 3, "error": "422", "finished_at": now()},
        {"status": Status.SUCCESS, "attempts": 1, "finished_at": now()},
        {"status": Status.CANCELLED, "reason": "Not wanted.", "finished_at": now()},
    ],
)
def test_the_words_are_those_of_the_admin(
    api: Api, row: IntegrationObject, fields: dict[str, Any]
) -> None:
    put(row, **fields)
    page = reverse("admin:integrations_integrationobject_change", args=[row.pk])
    html = without_tags(Browser(staff(row.platform, is_superuser=True)).html(page))
    words = told(api, row)["inWords"]
    assert words
    assert all(words)
    for sentence in words:
        assert sentence in html


def test_a_story_costs_the_same_whatever_its_length(api: Api, row: IntegrationObject) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            told(api, row)
        return len(seen)

    few = queries()
    for number in range(5):
        row.line("info", "c", "m").save()
        RequestLog.objects.create(
            platform=row.platform, integration=row.integration, object=row, attempt=number
        )
    assert queries() == few


@pytest.mark.parametrize("status", [Status.ERROR, Status.RETRY, Status.SKIPPED])
def test_what_failed_or_was_skipped_is_put_back(
    api: Api, user: User, row: IntegrationObject, status: Status
) -> None:
    put(row, status=status, attempts=3, error="422")
    found = api.ok("POST", f"integration/object/{row.uuid}/requeue")["object"]
    assert (found["status"], found["attempts"], found["error"]) == ("QUEUE", 0, "")
    assert found["id"] == str(row.uuid)
    assert found["logs"][-1]["code"] == "requeued"
    assert found["logs"][-1]["message"] == (
        f"Put back in the queue by {user.username} through the API."
    )
    assert "It is due now" in found["inWords"][0]


@pytest.mark.parametrize("status", [Status.QUEUE, Status.RETRY])
def test_what_waits_is_cancelled(
    api: Api, user: User, row: IntegrationObject, status: Status
) -> None:
    put(row, status=status)
    found = api.ok("POST", f"integration/object/{row.uuid}/cancel")["object"]
    text = f"Cancelled by {user.username} through the API."
    assert (found["status"], found["reason"]) == ("CANCELLED", text)
    assert (found["logs"][-1]["code"], found["logs"][-1]["message"]) == ("cancelled", text)


@pytest.mark.parametrize(
    ("verb", "fields", "said"),
    [
        ("requeue", {}, "it is QUEUE, and waits already"),
        ("requeue", {"status": Status.SUCCESS}, "it is SUCCESS"),
        ("requeue", {"status": Status.CANCELLED}, "it is CANCELLED"),
        ("requeue", {"status": Status.RETRY, "leased": True}, "being sent right now"),
        ("cancel", {"status": Status.SUCCESS}, "it is SUCCESS"),
        ("cancel", {"status": Status.ERROR, "holds_lane": False}, "it is ERROR"),
        ("cancel", {"status": Status.SKIPPED}, "it is SKIPPED"),
        ("cancel", {"status": Status.CANCELLED}, "it is CANCELLED"),
        ("cancel", {"leased": True}, "being sent right now"),
    ],
)
def test_what_its_status_does_not_allow_is_refused(
    api: Api, row: IntegrationObject, verb: str, fields: dict[str, Any], said: str
) -> None:
    put(row, **fields)
    found = api.refused("POST", f"integration/object/{row.uuid}/{verb}", code=409)
    assert said in found["message"]
    before = row.status
    row.refresh_from_db()
    assert row.status == before
    assert not row.log_entries.exists()


def test_an_integration_reads_its_own_objects_and_touches_none(
    credential: Api, integration: Integration, row: IntegrationObject
) -> None:
    assert told(credential, row)["id"] == str(row.uuid)
    other = queued(make.integration(platform=integration.platform))
    credential.refused("GET", f"integration/object/{other.uuid}", code=404)
    for verb in ("requeue", "cancel"):
        credential.refused("POST", f"integration/object/{row.uuid}/{verb}", code=403)


def test_an_object_of_nobody_or_of_another_platform_is_not_found(api: Api) -> None:
    theirs = queued(make.integration(platform=make.PlatformFactory()))
    for id in (uuid.uuid4(), theirs.uuid):
        for method, verb in (("GET", ""), ("POST", "/requeue"), ("POST", "/cancel")):
            found = api.refused(method, f"integration/object/{id}{verb}", code=404)
            assert f"There is no object with the id '{id}'." in found["message"]
    theirs.refresh_from_db()
    assert theirs.status == Status.QUEUE


def test_the_history_of_a_deleted_integration_stays(
    api: Api, integration: Integration, row: IntegrationObject
) -> None:
    Credential.generate(integration)
    api.ok("DELETE", f"integration/{integration.pk}")
    assert told(api, row)["status"] == "CANCELLED"
