"""What who shows a credential is told: why it opens nothing; and nothing to who guesses."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils.timezone import now

from integrations.models import Credential, Integration
from tests import make
from tests.api.credentials import generate, later, listed, works
from tests.conftest import Api

pytestmark = pytest.mark.django_db


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
