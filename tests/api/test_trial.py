"""One real call of an integration, to see what comes of it: marked, kept, and nothing else."""

from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.db import connection

from integrations import http
from integrations.api import shapes
from integrations.models import (
    AccessToken,
    DataSource,
    EntityChange,
    Integration,
    IntegrationObject,
    Log,
    RequestLog,
)
from otms.accounts.audit import AuditEntry
from otms.accounts.models import PersonalToken, Platform, User
from otms.documents import dumps, loads
from otms.orders.models import TransportOrder
from otms.urls import router  # where every viewset is registered, which the example is made of
from tests import make
from tests.conftest import Api
from tests.connectors.conftest import mail
from tests.sink import Sink
from tests.sink.smtp import MailServer

__all__ = ["mail", "router"]

pytestmark = pytest.mark.django_db(transaction=True)

MAPPING = {"id": "$.transportOrder.id", "name": "$.transportOrder.name", "by": "api"}
STATUS = "$.transportOrder.status"
PLANNED = [{"field": STATUS, "operator": "eq", "value": "planned"}]
EXAMPLE = shapes.example("transportOrder")["transportOrder"]


def lively(platform: Platform, url: str, **fields: Any) -> Integration:
    return make.integration(url, **{"platform": platform, "mapping": MAPPING, **fields})


def tried(api: Api, integration: Integration, **body: Any) -> Any:
    return api.ok("POST", f"integration/{integration.pk}/test", body)["test"]


def logged(integration: Integration) -> RequestLog:
    return RequestLog.objects.of(integration.platform).get()


def test_the_example_is_sent_and_marked(api: Api, platform: Platform, sink: Sink) -> None:
    integration = lively(platform, sink.url("/echo"), secrets={"secret": "hush-hush-hush"})
    answer = api("POST", f"integration/{integration.pk}/test")
    assert answer.status_code == 200
    test = loads(answer.content)["test"]
    wanted = {"id": EXAMPLE["id"], "name": EXAMPLE["name"], "by": "api"}
    (call,) = sink.requests
    assert call.json() == test["result"] == wanted
    assert call.headers["x-otms-test"] == "true"
    assert call.headers["x-otms-sequence"] == "0"
    assert call.headers["webhook-signature"].startswith("v1,")
    assert test["verdict"].startswith(f"It works: {sink.url('/echo')} answered 200 in ")
    assert (test["matched"], test["trace"], test["warnings"], test["error"]) == (True, [], [], "")
    request, response = test["request"], test["response"]
    assert (request["method"], request["url"]) == ("POST", sink.url("/echo"))
    assert (loads(request["body"]), loads(response["body"])) == (wanted, wanted)
    assert request["headers"]["X-OTMS-Test"] == "true"
    assert request["headers"]["webhook-signature"] == "***"
    assert response["status"] == 200
    assert response["durationMs"] > 0


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


def test_a_record_is_sent_as_it_is_now_with_what_it_was_before(
    api: Api, platform: Platform, sink: Sink
) -> None:
    moved = [{"field": STATUS, "operator": "changedFrom", "value": "requested"}]
    integration = lively(platform, sink.url(), filters=moved, mapping=None)
    order = api.ok("POST", "transportOrder", {"name": "4711", "status": "requested"})
    id = order["transportOrder"]["id"]
    assert tried(api, integration, entityId=id)["matched"] is False
    api.ok("PUT", "transportOrder", {"id": id, "status": "planned"})
    assert tried(api, integration, entityId=id)["matched"] is True
    (call,) = sink.requests
    assert call.json()["transportOrder"]["status"] == "planned"
    assert call.json()["before"]["transportOrder"]["status"] == "requested"


def test_nothing_is_sent_when_a_filter_says_no_unless_it_is_forced(
    api: Api, platform: Platform, sink: Sink
) -> None:
    integration = lively(platform, sink.url(), filters=PLANNED)
    test = tried(api, integration)
    assert sink.requests == []
    assert not RequestLog.objects.of(platform).exists()
    assert not AuditEntry.objects.of(platform).filter(action="test:integration").exists()
    assert (test["matched"], test["request"], test["response"]) == (False, None, None)
    assert (test["requestLogId"], test["error"]) == (None, "")
    assert [each["seen"] for each in test["trace"]] == ["requested"]
    assert test["result"]["name"] == EXAMPLE["name"]
    said = f'{STATUS} is "requested", the filter wants eq "planned"'
    assert test["verdict"] == f"Nothing was sent, because a filter says no: {said}."
    forced = tried(api, integration, force=True)
    assert len(sink.requests) == 1
    assert (forced["matched"], forced["response"]["status"]) == (False, 200)
    assert forced["verdict"].startswith(
        f"A filter says no ({said}), and it was sent all the same. It works: "
    )


def test_an_integration_that_is_off_is_tried_too(api: Api, platform: Platform, sink: Sink) -> None:
    integration = lively(platform, sink.url(), enabled=False)
    assert tried(api, integration)["response"]["status"] == 200


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/status/500", "answered 500"),
        ("/redirect/302/ok", "Redirects are not followed; change the URL of the data source."),
        ("/close", "was closed before an answer came"),
    ],
)
def test_what_goes_wrong_is_told_once_and_not_tried_again(
    api: Api, platform: Platform, sink: Sink, path: str, said: str
) -> None:
    test = tried(api, lively(platform, sink.url(path)))
    assert test["verdict"] == f"It does not work: {test['error']}"
    assert test["error"].startswith(sink.url(path))
    assert said in test["error"]
    assert "next one" not in test["verdict"]
    assert len(sink.requests) == 1


def test_one_that_answers_410_stays_open(api: Api, platform: Platform, sink: Sink) -> None:
    integration = lively(platform, sink.url("/status/410"))
    test = tried(api, integration)
    assert test["response"]["status"] == 410
    assert "suspended" not in test["verdict"]
    health = api.ok("GET", f"integration/{integration.pk}")["integration"]["health"]
    assert health["state"] == "HEALTHY"


def test_the_success_of_the_data_source_counts(api: Api, platform: Platform, sink: Sink) -> None:
    integration = lively(platform, sink.url("/status/202"))
    assert tried(api, integration)["error"] == ""
    integration.data_sources.update(success={"status": [200]})
    error = tried(api, integration)["error"]
    assert error.startswith(f"{sink.url('/status/202')} answered 202: ")


def test_it_goes_past_the_guard(
    api: Api, platform: Platform, sink: Sink, settings: LazySettings
) -> None:
    integration = lively(platform, sink.url())
    settings.OTMS_EGRESS_ALLOW = []
    test = tried(api, integration)
    assert sink.requests == []
    assert test["response"]["status"] is None
    assert test["error"]
    row = logged(integration)
    assert row.test
    assert row.error


def test_it_waits_no_longer_than_a_delivery_does(api: Api, platform: Platform, sink: Sink) -> None:
    integration = lively(platform, sink.url("/hang"), delivery={"timeout": 1})
    test = tried(api, integration)
    assert test["response"]["status"] is None
    assert 900 < test["response"]["durationMs"] < 5000


def test_no_transaction_is_open_while_the_call_is_made(
    api: Api, platform: Platform, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    integration = lively(platform, sink.url())
    open_ = []

    def call(*args: Any, **kwargs: Any) -> Any:
        open_.append(connection.in_atomic_block)
        return real(*args, **kwargs)

    real = http.call
    monkeypatch.setattr(http, "call", call)
    body = {"force": True}
    headers = {"Idempotency-Key": "a-key-4711"}
    for _ in range(2):
        answer = api("POST", f"integration/{integration.pk}/test", body, headers=headers)
        assert answer.status_code == 200
    assert open_ == [False, False]  # a key is not looked at: each is a call of its own


def test_what_cant_be_mapped_is_told_and_not_sent(api: Api, platform: Platform, sink: Sink) -> None:
    integration = lively(platform, sink.url(), mapping={"n": {"$path": STATUS, "$type": "integer"}})
    test = tried(api, integration)
    error = (
        'n: `$type`: "requested" is no whole number. '
        'It is written {"$path":"$.transportOrder.status","$type":"integer"}.'
    )
    assert (test["error"], test["result"]) == (error, None)
    assert test["verdict"] == f"Nothing was sent: {error}"
    assert sink.requests == []


def test_a_path_that_leads_nowhere_is_warned_of(api: Api, platform: Platform, sink: Sink) -> None:
    integration = lively(platform, sink.url(), mapping={"a": "$.transportOrder.nmae", "b": 1})
    (warning,) = tried(api, integration)["warnings"]
    assert (warning["target"], warning["path"]) == ("a", "$.transportOrder.nmae")
    assert warning["message"].endswith("Did you mean `$.transportOrder.name`?")


def test_an_integration_without_a_data_source(api: Api, platform: Platform) -> None:
    test = tried(api, make.integration(platform=platform))
    assert test["verdict"] == "Nothing was sent: There is no data source to deliver to."


def test_one_of_several_data_sources_is_called(api: Api, platform: Platform, sink: Sink) -> None:
    integration = lively(platform, sink.url("/ok?first"))
    mapping = {"price": {"$path": "$.steps.price.eur", "$default": 0}, "name": MAPPING["name"]}
    second = DataSource.objects.create(
        platform=platform,
        integration=integration,
        position=1,
        settings={"url": sink.url("/ok?second")},
        mapping=mapping,
    )
    tried(api, integration)
    tried(api, integration, dataSourceId=str(second.pk))
    assert [call.path for call in sink.requests] == ["/ok?first", "/ok?second"]
    assert sink.requests[1].json() == {"price": 0, "name": EXAMPLE["name"]}
    assert [row.data_source for row in RequestLog.objects.of(platform).order_by("id")] == list(
        integration.data_sources.all()
    )


def test_ids_that_nobody_has_here_are_told(api: Api, platform: Platform, sink: Sink) -> None:
    integration, other = lively(platform, sink.url()), lively(make.PlatformFactory(), sink.url())
    make.OrderFactory(platform=platform)
    foreign = {
        "dataSourceId": other.data_sources.get().pk,
        "entityId": make.OrderFactory(platform=other.platform).pk,
    }
    for field in ("dataSourceId", "entityId"):
        for id in (uuid4(), foreign[field]):
            body = {field: str(id)}
            told = api.refused("POST", f"integration/{integration.pk}/test", body)
            assert [(each["field"], each["code"]) for each in told["errors"]] == [
                (field, "not_found")
            ]
    api.refused("POST", f"integration/{other.pk}/test", {}, code=404)
    assert sink.requests == []


@pytest.mark.parametrize("entity", ["business", "event"])
def test_each_entity_can_be_tried(api: Api, platform: Platform, sink: Sink, entity: str) -> None:
    trigger = {"entity": entity, "actions": ["created"]}
    integration = lively(platform, sink.url(), trigger=trigger, mapping=f"$.{entity}.name")
    assert tried(api, integration)["result"] == shapes.example(entity)[entity]["name"]


def test_who_may_not_see_records_tries_the_example_alone(
    platform: Platform, user: User, sink: Sink
) -> None:
    integration = lively(platform, sink.url())
    order = make.OrderFactory(platform=platform)
    _, token = PersonalToken.generate(user, "script", permissions=["test:integration"])
    api = Api(token)
    tried(api, integration)
    body = {"entityId": str(order.pk)}
    told = api.refused("POST", f"integration/{integration.pk}/test", body, code=403)
    assert "leave entityId out" in told["message"]
    support = Api(make.token(make.UserFactory(platform=platform, role="support")))
    support.refused("POST", f"integration/{integration.pk}/test", {}, code=403)
    manager = Api(make.token(make.UserFactory(platform=platform, role="integration manager")))
    tried(manager, integration, **body)


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


def test_what_our_own_deliveries_cause_goes_round_no_more(
    api: Api, platform: Platform, sink: Sink
) -> None:
    integration = lively(platform, sink.url())
    path = f"integration/{integration.pk}/test"
    for hops, sent in ((7, 1), (8, 0)):
        answer = api("POST", path, {}, headers={"X-OTMS-Hops": str(hops)}).json()["test"]
        assert bool(answer["request"]) is bool(sent)
    (call,) = sink.requests
    assert call.headers["x-otms-hops"] == "8"
    assert answer["verdict"].startswith("This call is the work of 8 deliveries of ours")


def test_a_mail_is_marked_too(api: Api, platform: Platform, mail: MailServer) -> None:
    integration = make.integration(platform=platform)
    DataSource.objects.create(
        platform=platform,
        integration=integration,
        connector="email",
        mapping={"to": "ann@example.com", "subject": MAPPING["name"], "body": "It is there."},
    )
    test = tried(api, integration)
    assert test["error"] == ""
    assert test["verdict"].startswith("It works: mailto:")
    assert "X-OTMS-Test: true" in test["request"]["body"]
    assert (test["request"]["method"], test["response"]["status"]) == ("SEND", None)


def test_a_delivery_is_no_test(api: Api, platform: Platform, sink: Sink, run_queue: Any) -> None:
    lively(platform, sink.url())
    make.OrderFactory(platform=platform, customer=None)
    run_queue()
    (call,) = sink.requests
    assert "x-otms-test" not in call.headers
    assert RequestLog.objects.of(platform).get().test is False
