"""One real call of an integration, to see what comes of it: what is sent, and when."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from integrations import http
from integrations.models import (
    DataSource,
    RequestLog,
)
from otms.accounts.audit import AuditEntry
from otms.accounts.models import Platform
from otms.documents import loads
from tests import make
from tests.api.trying import EXAMPLE, MAPPING, PLANNED, STATUS, lively, logged, tried
from tests.conftest import Api
from tests.connectors.conftest import mail
from tests.sink import Sink
from tests.sink.smtp import MailServer

__all__ = ["mail"]

pytestmark = pytest.mark.django_db(transaction=True)


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
