"""The audit trail over the API."""

from typing import Any
from uuid import uuid4

import pytest

from integrations.models import Credential
from otms.accounts import audit
from otms.accounts.actor import COMMAND, Actor, done_by
from otms.accounts.models import AuditEntry, Platform
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(platform: Platform) -> Api:
    return Api(make.token(make.UserFactory(platform=platform, username="owner")))


def actions(found: Any) -> list[str]:
    return [each["action"] for each in found["auditEntries"]]


def test_the_owner_reads_who_did_what_newest_first(owner: Api) -> None:
    made = owner.ok("POST", "integration", {"name": "ERP", "type": "configured"})["integration"]
    owner.ok("PUT", "integration", {"id": made["id"], "name": "Another", "enabled": False})
    found = owner.ok("GET", "audit/0/2")
    assert actions(found) == ["update:integration", "create:integration"]
    entry = found["auditEntries"][0]
    assert entry["actor"]["name"] == "owner"
    assert entry["actor"]["means"] == "token tests"
    assert entry["entityId"] == made["id"]
    assert entry["changes"] == {
        "name": {"before": "ERP", "after": "Another"},
        "enabled": {"before": True, "after": False},
    }


def test_it_is_narrowed(owner: Api, platform: Platform) -> None:
    integration = make.integration(platform=platform)
    who = uuid4()
    with done_by(Actor("person", "ann", who)):
        audit.record("update:integration", integration)
    with done_by(Actor(COMMAND, "rotatekeys")):
        audit.record("rotate:keys", platform)
    for asked, expected in (
        (f"actor={who}", ["update:integration"]),
        ("actor=rotatekeys", ["rotate:keys"]),
        ("action=rotate:keys", ["rotate:keys"]),
        (f"entityId={integration.pk}", ["update:integration"]),
        (f"entityId={uuid4()}", []),
        ("until=2020-01-01T00:00:00Z", []),
        ("since=2020-01-01T00:00:00Z&action=rotate:keys", ["rotate:keys"]),
    ):
        assert actions(owner.ok("GET", f"audit/0/9?{asked}")) == expected, asked
    errors = owner.refused("GET", "audit/0/9?entityId=moon&who=ann")["errors"]
    assert {each["field"] for each in errors} & {"entityId", "who"}
    (error,) = owner.refused("GET", "audit/0/9?action=update:moon")["errors"]
    assert (error["field"], error["code"]) == ("action", "unknown")


def test_it_is_for_owners_alone(platform: Platform) -> None:
    clerk = make.UserFactory(platform=platform, role="integration manager")
    integration = make.integration(platform=platform)
    credential = Credential.generate(integration)[1]["token"]
    for caller in (Api(make.token(clerk)), Api(credential)):
        caller.refused("GET", "audit/0/9", code=403)
    Api().refused("GET", "audit/0/9", code=401)


def test_nothing_over_the_api_changes_or_deletes_an_entry(owner: Api, platform: Platform) -> None:
    entry = make.audit_entry(platform)
    for method in ("PUT", "DELETE", "POST"):
        answer = owner(method, "audit/0/9", {"id": str(entry.uuid)})
        assert answer.status_code == 405
    assert AuditEntry.objects.of(platform).filter(pk=entry.pk).exists()


@pytest.mark.parametrize(("changes", "most"), [({"enabled": False}, 1), ({}, 0)])
def test_a_change_costs_one_insert_more(
    owner: Api, platform: Platform, changes: Any, most: int
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    integration = make.integration("http://127.0.0.1/", platform=platform)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        owner.ok("PUT", "integration", {"id": str(integration.pk), **changes})
    about = [each["sql"] for each in captured if "accounts_auditentry" in each["sql"]]
    assert len(about) == most
    assert all(sql.startswith("INSERT") for sql in about)
