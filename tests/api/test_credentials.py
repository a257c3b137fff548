"""Credentials of an integration: made, ended, listed, revoked."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from integrations.api.authentication import OWN
from integrations.models import Credential, Integration
from otms.accounts.audit import AuditEntry
from tests import make
from tests.api.credentials import GENERATE, generate, later, listed, works
from tests.conftest import Api

pytestmark = pytest.mark.django_db


def test_credentials_are_shown_once_and_kept_as_hashes(api: Api, integration: Integration) -> None:
    shown = generate(api, integration)
    assert list(shown) == [
        *("id", "integrationId", "apiKey", "apiSecret", "token", "createdAt", "expiresAt"),
        *("name", "scopes", "rate"),
    ]
    assert (shown["name"], shown["rate"], shown["scopes"]) == ("", None, sorted(OWN))
    assert shown["integrationId"] == str(integration.pk)
    assert shown["expiresAt"] is None
    assert works(shown)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM integrations_credential")
        row = str(cursor.fetchall())
    assert shown["apiKey"] in row
    assert shown["apiSecret"] not in row
    assert shown["token"] not in row
    assert shown["token"] not in api("GET", f"integration/{integration.pk}").content.decode()


def test_generating_again_ends_the_older_pair_at_once(api: Api, integration: Integration) -> None:
    older, newer = generate(api, integration), generate(api, integration)
    assert not works(older)
    assert works(newer)


def test_the_older_pair_may_stay_for_a_while(api: Api, integration: Integration) -> None:
    oldest = generate(api, integration)
    older = generate(api, integration, keepPreviousFor="PT24H")
    assert works(oldest)
    newest = generate(api, integration, keepPreviousFor="P2D")
    ends = {str(each.pk): each.revoked_at for each in Credential.objects.of(integration.platform)}
    assert timedelta(hours=23) < ends[oldest["id"]] - now() < timedelta(hours=25)
    assert timedelta(hours=47) < ends[older["id"]] - now() < timedelta(hours=49)
    Credential.objects.of(integration.platform).filter(pk=oldest["id"]).update(revoked_at=now())
    assert [works(each) for each in (oldest, older, newest)] == [False, True, True]
    newer = generate(api, integration, keepPreviousFor="PT1H")
    with later(hours=1):
        assert [works(each) for each in (newest, newer)] == [False, True]
    assert works(newest)
    newest = newer
    generate(api, integration, keepPreviousFor="PT0S")
    assert [works(each) for each in (older, newest)] == [False, False]


@pytest.mark.parametrize(
    "duration", ["24", 24, "1 day", "24:00:00", "P1M", "-PT1H", "P91D", "P999999999999D", "", None]
)
def test_a_duration_is_iso_8601_and_bounded(
    api: Api, integration: Integration, duration: Any
) -> None:
    body = {"integrationId": str(integration.pk), "keepPreviousFor": duration}
    (error,) = api.refused("POST", GENERATE, body)["errors"]
    assert error["field"] == "keepPreviousFor"
    assert not Credential.objects.of(integration.platform).exists()


def test_credentials_are_for_an_integration_of_the_own_platform(api: Api) -> None:
    for id in (uuid.uuid4(), make.integration().pk):
        api.refused("POST", GENERATE, {"integrationId": str(id)}, code=404)
    for body in ({}, {"integrationId": "x"}, {"integrationId": None}, {"integrationID": "x"}):
        api.refused("POST", GENERATE, body)


def test_a_credential_ends_when_it_was_said(api: Api, integration: Integration) -> None:
    shown = generate(api, integration, expiresIn="P30D")
    (stored,) = listed(api, integration)
    assert stored["expiresAt"] == shown["expiresAt"]
    assert stored["state"] == "valid"
    with later(days=29, hours=23):
        assert works(shown)
    with later(days=30):
        assert not works(shown)
        assert listed(api, integration)[0]["state"] == "expired"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"expiresIn": "PT1S"}, "expiresIn"),
        ({"expiresIn": "30"}, "expiresIn"),
        ({"expiresIn": "P9999D"}, "expiresIn"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["create:transportOrder"]}, "scopes[0]"),
        ({"scopes": "import:data"}, "scopes"),
        ({"scopes": None}, "scopes"),
        ({"rate": 0}, "rate"),
        ({"rate": 10**6}, "rate"),
        ({"name": "x" * 101}, "name"),
    ],
)
def test_what_a_credential_cannot_be_is_named(
    api: Api, integration: Integration, wrong: Any, field: str
) -> None:
    body = {"integrationId": str(integration.pk), **wrong}
    assert [each["field"] for each in api.refused("POST", GENERATE, body)["errors"]] == [field]
    assert not Credential.objects.of(integration.platform).exists()


def test_credentials_of_other_names_stay(api: Api, integration: Integration) -> None:
    scanner, erp = (generate(api, integration, name=each) for each in ("scanner", "ERP"))
    newer = generate(api, integration, name="ERP")
    nameless = generate(api, integration)
    assert [works(each) for each in (scanner, erp, newer, nameless)] == [True, False, True, True]
    assert [each["name"] for each in listed(api, integration)] == ["", "ERP", "ERP", "scanner"]


def test_the_list_tells_all_but_the_secrets(api: Api, integration: Integration) -> None:
    older = generate(api, integration, name="ERP", rate=30)
    newer = generate(api, integration, name="ERP", keepPreviousFor="PT1H")
    rows = listed(api, integration)
    assert [(each["id"], each["state"]) for each in rows] == [
        (newer["id"], "valid"),
        (older["id"], "ending"),
    ]
    assert rows[1]["rate"] == 30
    assert rows[0]["apiKey"] == newer["apiKey"]
    told = str(rows)
    for shown in (older, newer):
        assert shown["apiSecret"] not in told
        assert shown["token"] not in told
    page = api.ok("GET", f"integration/{integration.pk}/credentials/1/1")
    assert (page["totalResults"], page["credentials"][0]["id"]) == (2, older["id"])
    other = make.integration()
    api.refused("GET", f"integration/{other.pk}/credentials/0/20", code=404)


def test_one_credential_is_revoked_and_the_others_work(api: Api, integration: Integration) -> None:
    kept, lost = (generate(api, integration, name=each) for each in "ab")
    answer = api.ok("DELETE", f"integration/credential/{lost['id']}")["credential"]
    assert (answer["state"], answer["id"]) == ("revoked", lost["id"])
    assert [works(each) for each in (kept, lost)] == [True, False]
    again = api.refused("DELETE", f"integration/credential/{lost['id']}", code=409)
    assert "revoked before" in again["message"]
    entries = AuditEntry.objects.of(integration.platform)
    assert entries.filter(action="delete:integration:credential").count() == 1
    api.refused("DELETE", f"integration/credential/{make.credential().pk}", code=404)


def test_an_overlap_may_be_cut_short(api: Api, integration: Integration) -> None:
    older = generate(api, integration)
    generate(api, integration, keepPreviousFor="P7D")
    assert works(older)
    api.ok("DELETE", f"integration/credential/{older['id']}")
    assert not works(older)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"expiresIn": "PT1S"}, "At least PT1M."),
        ({"expiresIn": "P9999D"}, "At most P3660D."),
        ({"keepPreviousFor": "P91D"}, "At most P90D."),
        ({"scopes": ["create:transportOrder"]}, "Choose one of get:integration, get:integration:"),
    ],
)
def test_what_a_credential_can_be_is_said(
    api: Api, integration: Integration, wrong: Any, told: str
) -> None:
    body = {"integrationId": str(integration.pk), **wrong}
    (error,) = api.refused("POST", GENERATE, body)["errors"]
    assert error["message"].startswith(told)


def test_who_cuts_a_promised_overlap_of_credentials_short_is_told(
    api: Api, integration: Integration
) -> None:
    body: Any = {"integrationId": str(integration.pk), "name": "ERP"}

    def told(**more: Any) -> list[Any]:
        answer = api.ok("POST", "integration/generate/credentials", {**body, **more})
        return [each["code"] for each in answer.get("warnings", [])]

    assert told() == told(keepPreviousFor="P7D") == []
    assert told(keepPreviousFor="P30D") == []  # both older ones go on as long as was promised
    assert told(keepPreviousFor="PT1H") == ["overlap_cut"]
