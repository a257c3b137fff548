"""What an outside system shows to act as one integration, and what it may then do."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.db import connection
from django.utils.timezone import now

from integrations.api.authentication import OWN
from integrations.models import Credential, Integration
from integrations.models import credential as module
from otms.accounts.audit import AuditEntry
from otms.accounts.models import PersonalToken, Platform
from otms.urls import router
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db
GENERATE = "integration/generate/credentials"
MAPPING_TEST = "integration/dataSource/mapping:test"


def generate(api: Api, integration: Integration, **fields: Any) -> Any:
    return api.ok("POST", GENERATE, {"integrationId": str(integration.pk), **fields})["credentials"]


def works(shown: Any) -> bool:
    """Do token and pair open the own integration? Both or neither."""
    where = f"integration/{shown['integrationId']}"
    callers = (
        Api(shown["token"]),
        Api(**{"X-API-Key": shown["apiKey"], "X-API-Secret": shown["apiSecret"]}),
    )
    (status,) = {caller("GET", where).status_code for caller in callers}
    assert status in (200, 401)
    return bool(status == 200)


@contextmanager
def later(**passed: float) -> Iterator[None]:
    """What a credential looks like then."""
    moment = now() + timedelta(**passed)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "now", lambda: moment)
        yield


def listed(api: Api, integration: Integration) -> Any:
    return api.ok("GET", f"integration/{integration.pk}/credentials/0/20")["credentials"]


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


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer otms_int_wrong"},
        {"Authorization": "Bearer otms_pat_wrong"},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Bearer \x00\xff"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"X-API-Key": "wrong", "X-API-Secret": "wrong"},
        {"X-API-Key": "a\x00", "X-API-Secret": "\xff"},
        {"X-API-Key": "alone"},
        {},
    ],
)
def test_a_wrong_credential_opens_nothing(integration: Integration, headers: Any) -> None:
    Credential.generate(integration)
    for path in (f"integration/{integration.pk}", f"integration/{integration.pk}/logs/0/1"):
        answer = Api(**headers)("GET", path)
        assert answer.status_code == 401
        assert answer.json()["code"] == 401
        assert answer["WWW-Authenticate"] == 'Bearer realm="otms"'


def test_a_key_without_its_own_secret_opens_nothing(api: Api, integration: Integration) -> None:
    other = generate(api, make.integration(platform=integration.platform))
    mine = generate(api, integration)
    pair = {"X-API-Key": mine["apiKey"], "X-API-Secret": other["apiSecret"]}
    Api(**pair).refused("GET", f"integration/{integration.pk}", code=401)


def test_an_expired_credential_opens_nothing(api: Api, integration: Integration) -> None:
    shown = generate(api, integration)
    Credential.objects.of(integration.platform).update(expires_at=now())
    assert not works(shown)


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


def test_a_credential_may_do_what_its_scopes_say(api: Api, integration: Integration) -> None:
    shown = generate(api, integration, scopes=["import:data", "get:integration"])
    assert shown["scopes"] == ["get:integration", "import:data"]
    caller = Api(shown["token"])
    caller.ok("GET", f"integration/{integration.pk}")
    caller.ok("POST", "integration/import/data", {"integrationId": str(integration.pk), "data": []})
    body = {"mapping": {"a": "$.b"}, "testData": {"b": 1}}
    told = caller.refused("POST", MAPPING_TEST, body, code=403)["message"]
    assert told == (
        "This credential has no scope test:mapping; make one that has, or send another."
    )
    told = caller.refused("GET", "transportOrders/0/1", code=403)["message"]
    assert "get:transportOrders, is not among your permissions" in told


def test_who_shows_what_has_ended_is_told_why_and_nobody_else(
    api: Api, integration: Integration
) -> None:
    expired, revoked, orphan = (generate(api, integration, name=each) for each in "abc")
    of_platform = Credential.objects.of(integration.platform)
    past = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    of_platform.filter(api_key=expired["apiKey"]).update(expires_at=past)
    of_platform.filter(api_key=revoked["apiKey"]).update(revoked_at=past)

    def told(**headers: str) -> str:
        call = Api(**headers).refused("GET", f"integration/{integration.pk}", code=401)
        return str(call["message"])

    def pair(of: dict[str, Any], secret: str = "") -> dict[str, str]:
        return {"X-API-Key": of["apiKey"], "X-API-Secret": secret or of["apiSecret"]}

    key = expired["apiKey"]
    assert told(**pair(expired)) == (
        f"The credential {key} expired at 2026-01-02 03:04:05 UTC; generate a new one."
    )
    assert "was revoked at 2026-01-02 03:04:05 UTC" in told(
        Authorization=f"Bearer {revoked['token']}"
    )
    unknown = "This credential is unknown; generate a new one."
    assert told(**pair(expired, "wrong")) == told(Authorization="Bearer otms_int_x") == unknown
    integration.retire()
    assert "is of an integration that was deleted" in told(**pair(orphan))


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


def test_where_and_when_it_was_last_used_is_noted(api: Api, integration: Integration) -> None:
    shown = generate(api, integration)
    assert listed(api, integration)[0]["lastUsedAt"] is None
    caller, where = Api(shown["token"]), f"integration/{integration.pk}"
    assert caller("GET", where, REMOTE_ADDR="10.1.2.3").status_code == 200
    (row,) = listed(api, integration)
    assert row["lastUsedFrom"] == "10.1.2.3"
    assert row["lastUsedAt"] is not None
    assert caller("GET", where, REMOTE_ADDR="10.9.9.9").status_code == 200
    assert listed(api, integration) == [row]  # within the minute
    with later(seconds=61):
        assert caller("GET", where, REMOTE_ADDR="2001:db8::1").status_code == 200
    assert listed(api, integration)[0]["lastUsedFrom"] == "2001:db8::1"
    with later(seconds=130):
        assert caller("GET", where, REMOTE_ADDR="").status_code == 200
    assert listed(api, integration)[0]["lastUsedFrom"] is None


def test_a_refused_credential_is_not_used(api: Api, integration: Integration) -> None:
    shown = generate(api, integration)
    pair = {"X-API-Key": shown["apiKey"], "X-API-Secret": "wrong"}
    Api(**pair).refused("GET", f"integration/{integration.pk}", code=401)
    assert listed(api, integration)[0]["lastUsedAt"] is None


def test_each_credential_has_its_own_rate(
    api: Api, integration: Integration, settings: LazySettings
) -> None:
    cache.clear()
    slow, usual = (
        generate(api, integration, name=n, **f) for n, f in (("a", {"rate": 2}), ("b", {}))
    )
    where = f"integration/{integration.pk}"
    answers = [Api(slow["token"])("GET", where) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert answers[0]["RateLimit-Policy"] == '"caller";q=2;w=60'
    assert [Api(usual["token"])("GET", where).status_code for _ in range(3)] == [200] * 3


def test_neither_answer_nor_time_tells_whether_there_is_such_a_key(
    api: Api, integration: Integration
) -> None:
    shown = generate(api, integration)
    keys = (shown["apiKey"], "otms_key_" + "0" * 24)
    told, taken = [], {}
    for key in keys:
        pair = {"X-API-Key": key, "X-API-Secret": "wrong"}
        told.append(Api(**pair).refused("GET", f"integration/{integration.pk}", code=401))
    assert told[0] == told[1]
    credentials = Credential.objects.all()
    for key in keys * 150:
        started = time.perf_counter()
        assert credentials.with_pair(key, "wrong") is None
        taken.setdefault(key, []).append(time.perf_counter() - started)
    # The fastest of many: on a busy machine the others tell how busy it was.
    there, missing = (min(taken[key]) for key in keys)
    assert 0.6 < there / missing < 1.6


def test_a_deleted_integration_is_no_caller(api: Api, integration: Integration) -> None:
    shown = generate(api, integration)
    integration.retire()
    assert not works(shown)


LISTS = ("objects", "logs", "requestLogs", "tasks")


def test_an_integration_sees_itself(credential: Api, integration: Integration) -> None:
    where = f"integration/{integration.pk}"
    assert credential.ok("GET", where)["integration"]["id"] == str(integration.pk)
    for each in LISTS:
        assert credential.ok("GET", f"{where}/{each}/0/10")[each] == []
    body = {"mapping": {"a": "$.b"}, "testData": {"b": 1}}
    assert credential.ok("POST", MAPPING_TEST, body)["result"] == {"a": 1}


@pytest.mark.parametrize("whose", ["the same platform", "another platform"])
def test_an_integration_sees_no_other(credential: Api, platform: Platform, whose: str) -> None:
    other = make.integration(**({"platform": platform} if whose == "the same platform" else {}))
    for path in ("", *(f"/{each}/0/10" for each in LISTS)):
        credential.refused("GET", f"integration/{other.pk}{path}", code=404)


def test_an_integration_may_do_nothing_else(credential: Api, integration: Integration) -> None:
    may = {"get:integration", "test:mapping", *(f"get:integration:{each}" for each in LISTS)}
    may |= {"get:integration:object", "get:integration:task", "import:data"}
    may |= {"get:integration:catalogue", "get:integration:file", "get:integration:email"}
    may |= {"receive:integration:email", "receive:transportOrder:mail"}
    may |= {"upload:integration:file", "test:fileTemplate:mapping", "suggest:mapping"}
    for route in router.routes():
        if route.name in may or route.public:
            continue
        path = route.path.replace("<id:id>", str(integration.pk))
        path = path.replace("<str:offset>", "0").replace("<str:amount>", "10")
        path = path.replace("<str:app>", "slack")
        body = {"id": str(integration.pk)} if route.takes else None
        assert "<" not in path
        credential.refused(route.method, path, body, code=403)
    assert may < {route.name for route in router.routes()}


def narrow(integration: Integration, *permissions: str) -> Api:
    """A script of somebody who may everything, with a token that is good for these calls."""
    owner = make.UserFactory(platform=integration.platform)
    token = PersonalToken.create(owner, "script", list(permissions), timedelta(hours=1))[1]
    return Api(token)


def test_a_token_makes_no_credential_that_may_more_than_it_may(integration: Integration) -> None:
    script = narrow(integration, "generate:integration:credentials", "import:data")
    wanted = {"integrationId": str(integration.pk)}
    shown = script.ok("POST", GENERATE, wanted)["credentials"]
    assert shown["scopes"] == ["import:data"]
    ends = datetime.fromisoformat(shown["expiresAt"])
    assert ends <= now() + timedelta(hours=1), "it outlives the token"
    more = {**wanted, "scopes": ["import:data", "get:integration"]}
    told = script.refused("POST", GENERATE, more)
    assert told["errors"][0] == {
        "field": "scopes",
        "code": "beyond_yours",
        "message": "With what you show you may not call get:integration yourself.",
    }
    nothing = narrow(integration, "generate:integration:credentials")
    nothing.refused("POST", GENERATE, wanted)


def test_a_token_installs_no_app_that_may_more_than_it_may(integration: Integration) -> None:
    script = narrow(integration, "install:app", "update:appInstallation")
    told = script.refused("POST", "app/signed-webhook/install", code=403)
    assert "Signed webhook wants to call get:transportOrder" in told["message"]


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
