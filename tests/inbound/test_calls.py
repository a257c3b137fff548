"""The calls: who may make them, and what they refuse."""

from typing import Any
from uuid import uuid4

import pytest

from integrations.models import EntityChange, Integration, Log
from otms.accounts.models import Platform
from otms.orders.models import TransportOrder
from tests import make
from tests.conftest import Api
from tests.inbound.conftest import Bring

pytestmark = pytest.mark.django_db(transaction=True)
CALL = "integration/import/data"


def body(integration: Any, *rows: Any, **more: Any) -> Any:
    return {"integrationId": str(getattr(integration, "pk", integration)), "data": rows, **more}


def test_an_integration_imports_for_itself_and_for_no_other(
    credential: Api, integration: Integration, platform: Platform
) -> None:
    answer = credential.ok("POST", CALL, body(integration, {"name": "A"}))
    assert answer["task"]["startedBy"] == f"integration {integration.name}"
    other = make.integration(platform=platform)
    credential.refused("POST", CALL, body(other, {"name": "A"}), code=404)


def test_nobody_reads_the_task_of_another(
    api: Api, bring: Bring, credential: Api, platform: Platform
) -> None:
    id = bring({"name": "A"})["task"]["id"]
    assert credential.ok("GET", f"integration/task/{id}")["totals"]["created"] == 1
    theirs = make.integration(platform=platform)
    other = api.ok("POST", CALL, body(theirs, {"name": "B"}))["task"]["id"]
    credential.refused("GET", f"integration/task/{other}", code=404)
    stranger = Api(make.token(make.UserFactory()))
    stranger.refused("GET", f"integration/task/{id}", code=404)
    stranger.refused("POST", CALL, body(theirs, {"name": "A"}), code=404)
    api.refused("GET", f"integration/task/{uuid4()}", code=404)


def test_without_a_credential_nothing_comes_in(stranger: Api, integration: Integration) -> None:
    stranger.refused("POST", CALL, body(integration, {"name": "A"}), code=401)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"data": {"name": "A"}}, "data"),
        ({"data": [{}] * 10_001}, "data"),
        ({"data": [{"name": "A"}] * 101, "dryRun": True}, "data"),
        ({"data": [], "dryRun": "perhaps"}, "dryRun"),
        ({"data": [], "dry_run": True}, "dry_run"),
        ({"data": [], "integrationId": 5}, "integrationId"),
        ({}, "data"),
    ],
)
def test_a_body_that_makes_no_sense_is_refused_whole(
    api: Api, integration: Integration, given: Any, field: str
) -> None:
    found = api.refused("POST", CALL, {"integrationId": str(integration.pk), **given})
    assert [each["field"] for each in found["errors"]] == [field]


def test_no_rows_are_an_import_of_nothing(bring: Bring) -> None:
    answer = bring()
    assert (answer["task"]["status"], answer["totals"]["total"]) == ("DONE", 0)


def test_nothing_is_imported_for_an_integration_that_is_off_or_gone(
    api: Api, integration: Integration
) -> None:
    integration.switch(False)
    api.refused("POST", CALL, body(integration, {"name": "A"}), code=409)
    integration.retire()
    api.refused("POST", CALL, body(integration, {"name": "A"}), code=404)


def test_an_import_is_among_the_tasks_and_in_the_log(
    bring: Bring, api: Api, integration: Integration, platform: Platform
) -> None:
    task = bring({"name": "A"}, {"status": "lost"})["task"]
    (listed,) = api.ok("GET", f"integration/{integration.pk}/tasks/0/20")["tasks"]
    assert listed == task
    assert (task["total"], task["done"], task["failed"]) == (2, 2, 1)
    line = Log.objects.of(platform).get(code="import_done")
    assert (line.level, line.data["taskId"]) == ("warning", task["id"])


def test_the_results_can_be_read_again_all_or_some(bring: Bring, api: Api) -> None:
    answer = bring({"name": "A"}, {"status": "lost"}, {"name": "B"})
    id = answer["task"]["id"]
    again = api.ok("GET", f"integration/task/{id}")
    assert {key: again[key] for key in answer} == answer
    (rejected,) = api.ok("GET", f"integration/task/{id}?status=rejected")["results"]
    assert rejected == answer["results"][1]
    api.refused("GET", f"integration/task/{id}?status=lost")


def test_with_a_key_the_same_call_again_gets_the_first_answer(
    api: Api, integration: Integration, platform: Platform
) -> None:
    rows = [{"name": "A"}, {"status": "lost"}, {"name": "B"}]
    given = {"data": body(integration, *rows), "headers": {"Idempotency-Key": "once"}}
    first, again = (api("POST", CALL, given["data"], headers=given["headers"]) for _ in range(2))
    assert (first.status_code, first.content) == (200, again.content)
    assert first.json()["totals"]["rejected"] == 1
    assert TransportOrder.objects.of(platform).count() == 2
    assert EntityChange.objects.of(platform).filter(origin="import").count() == 2


def test_a_dry_run_with_a_key_stores_nothing_but_its_answer(
    api: Api, integration: Integration, platform: Platform
) -> None:
    dry = body(integration, {"name": "A"}, {"status": "lost"}, dryRun=True)
    answer = api("POST", CALL, dry, headers={"Idempotency-Key": "try"})
    assert answer.json()["totals"]["created"] == 1
    assert not TransportOrder.objects.of(platform).exists()
    assert not EntityChange.objects.of(platform).exists()
