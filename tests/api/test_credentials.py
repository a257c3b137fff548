"""What an outside system shows to act as one integration, and what it may then do."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from integrations.models import Credential, Integration
from otms.accounts.models import Platform
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


def test_credentials_are_shown_once_and_kept_as_hashes(api: Api, integration: Integration) -> None:
    shown = generate(api, integration)
    assert list(shown) == [
        *("id", "integrationId", "apiKey", "apiSecret", "token", "createdAt", "expiresAt"),
    ]
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
    may |= {"get:integration:file", "get:integration:email"}
    may |= {"receive:integration:email", "receive:transportOrder:mail"}
    may |= {"upload:integration:file", "test:fileTemplate:mapping"}
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
