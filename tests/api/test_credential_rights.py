"""What a credential may do: see its integration, what its scopes say, no more than its maker."""

from datetime import datetime, timedelta

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.utils.timezone import now

from integrations.models import Integration
from otms.accounts.models import PersonalToken, Platform
from otms.urls import router
from tests import make
from tests.api.credentials import GENERATE, MAPPING_TEST, generate
from tests.conftest import Api

pytestmark = pytest.mark.django_db


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
