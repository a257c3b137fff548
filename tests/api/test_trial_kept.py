"""What stays of a trial, and what nobody is shown of it."""

import pytest

from integrations.models import (
    AccessToken,
    EntityChange,
    IntegrationObject,
    Log,
    RequestLog,
)
from otms.accounts.audit import AuditEntry
from otms.accounts.models import Platform, User
from otms.documents import dumps, loads
from otms.orders.models import TransportOrder
from tests import make
from tests.api.trying import STATUS, lively, logged, tried
from tests.conftest import Api
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_stays_is_a_request_log_and_an_entry_of_the_audit_trail(
    api: Api, platform: Platform, user: User, sink: Sink
) -> None:
    integration = lively(platform, sink.url())
    order = make.OrderFactory(platform=platform, customer=None)
    waiting = list(IntegrationObject.objects.of(platform).values())
    assert len(waiting) == 1
    changes = EntityChange.objects.of(platform).count()
    test = tried(api, integration, entityId=str(order.pk))
    row = logged(integration)
    assert (row.test, row.object, row.attempt, row.response_status) == (True, None, 1, 200)
    assert row.data_source == integration.data_sources.get()
    assert test["requestLogId"] == str(row.uuid)
    assert list(IntegrationObject.objects.of(platform).values()) == waiting
    assert EntityChange.objects.of(platform).count() == changes
    assert not Log.objects.of(platform).exists()
    shown = api.ok("GET", f"integration/{integration.pk}/requestLogs/0/5")["requestLogs"]
    assert [(each["test"], each["objectId"]) for each in shown] == [(True, None)]
    entry = AuditEntry.objects.of(platform).get(action="test:integration")
    assert (entry.actor_id, entry.entity_id) == (user.pk, integration.pk)
    assert entry.note == f"With transportOrder {str(order.pk)[:8]}."
    assert entry.entity_name == integration.name


def test_what_an_integration_redacts_is_shown_and_kept_of_no_test(
    api: Api, platform: Platform, sink: Sink
) -> None:
    name = "ann@example.com"
    integration = lively(
        platform,
        sink.url("/echo"),
        redact=["$.name"],
        mapping={
            "mail": "$.transportOrder.name",
            "text": {"$text": "Dear {{transportOrder.name}}"},
        },
        filters=[{"field": "$.transportOrder.name", "operator": "contains", "value": "@"}],
    )
    integration.data_sources.update(success={"status": [201]})
    order = make.OrderFactory(platform=platform, name=name)
    test = tried(api, integration, entityId=str(order.pk))
    (call,) = sink.requests
    assert call.json() == {"mail": name, "text": f"Dear {name}"}
    assert test["result"] == {"mail": "***", "text": "Dear ***"}
    assert loads(test["request"]["body"]) == loads(test["response"]["body"]) == test["result"]
    assert test["trace"][0]["seen"] == "***"
    assert test["error"].startswith(f"{sink.url('/echo')} answered 200: ")
    kept = str(RequestLog.objects.of(platform).values()[0])
    assert name not in dumps(test).decode() + kept
    TransportOrder.objects.of(platform).update(name="ann-without-a-sign")
    integration.refresh_from_db()
    refused = tried(api, integration, entityId=str(order.pk))
    assert refused["matched"] is False
    assert "***" in refused["verdict"]
    assert "ann-without" not in dumps(refused).decode()


def test_of_what_cant_be_mapped_nothing_is_told_that_is_redacted(
    api: Api, platform: Platform, sink: Sink
) -> None:
    integration = lively(
        platform,
        sink.url(),
        redact=["$.mail"],
        mapping={"mail": "$.transportOrder.name", "no": {"$path": STATUS, "$type": "integer"}},
        filters=[{"field": "$.transportOrder.name", "operator": "exists"}],
    )
    order = make.OrderFactory(platform=platform, name="ann@example.com")
    test = tried(api, integration, entityId=str(order.pk))
    assert "ann@example.com" not in dumps(test).decode()
    assert test["trace"][0]["seen"].startswith("[not kept: ")
    assert "is no whole number. It is written " in test["verdict"]


def test_secrets_are_masked_as_in_every_request_log(
    api: Api, platform: Platform, sink: Sink
) -> None:
    url = sink.url("/parrot/400/word?key=of-ours-9911")
    integration = lively(platform, url, secrets={"auth.token": "token-of-ours-9912"})
    auth = {"url": url, "auth": {"type": "bearer"}}
    integration.data_sources.update(settings=auth)
    test = tried(api, integration)
    (call,) = sink.requests
    assert call.headers["authorization"] == "Bearer token-of-ours-9912"
    assert test["request"]["headers"]["Authorization"] == "***"
    told = dumps(test).decode() + str(RequestLog.objects.of(platform).values()[0])
    assert "9911" not in told
    assert "9912" not in told


def test_an_access_token_is_the_one_that_deliveries_share(
    api: Api, platform: Platform, sink: Sink
) -> None:
    integration = lively(platform, sink.url("/lent/1"), secrets={"auth.clientSecret": "s-4713"})
    auth = {"type": "oauth2", "tokenUrl": sink.url("/oauth/me/s-4713/3600"), "clientId": "me"}
    integration.data_sources.update(settings={"url": sink.url("/lent/1"), "auth": auth})
    for _ in range(2):
        assert tried(api, integration)["error"] == ""
    assert [each.path.split("/")[1] for each in sink.requests] == ["oauth", "lent", "lent"]
    assert AccessToken.objects.get().fence == 1
    integration.data_sources.update(
        settings={"url": sink.url("/lent/1"), "auth": {**auth, "clientId": "another"}}
    )
    test = tried(api, integration)
    assert "invalid_client" in test["error"]
    assert test["verdict"].startswith("It does not work: ")
