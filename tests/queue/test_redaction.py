"""Personal data in what the logs keep, while what is sent is what was mapped."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from integrations import answer
from integrations.core import redaction
from integrations.core.redaction import NO_MAPPING
from integrations.models import Integration, IntegrationObject, Log, RequestLog
from otms import documents
from tests import make
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)
MAPPING = {
    "customer": {"email": "$.transportOrder.name"},
    "greeting": {"$text": "Dear {{transportOrder.name}}"},
}
EMAIL = "ann@example.com"


def redacting(url: str, *, success: Any = None, **fields: Any) -> Integration:
    given = {"redact": ["$.customer.email", "$.name"], "mapping": MAPPING, **fields}
    made = make.integration(url, **given)
    made.data_sources.update(success=success)
    return made


def everything_written(integration: Integration) -> str:
    of = integration.platform
    rows = [
        *RequestLog.objects.of(of).values(),
        *Log.objects.of(of).values(),
        *IntegrationObject.objects.of(of).values("reason", "error"),
    ]
    return str([str(value) for row in rows for value in row.values()])


def test_what_is_sent_is_whole_and_what_is_kept_is_masked(
    sink: Sink, run_queue: Callable[[], None]
) -> None:
    integration = redacting(sink.url())
    make.OrderFactory(platform=integration.platform, name=EMAIL)
    run_queue()
    (call,) = sink.requests
    assert call.json() == {"customer": {"email": EMAIL}, "greeting": f"Dear {EMAIL}"}
    row = RequestLog.objects.of(integration.platform).get()
    expected = {"customer": {"email": "***"}, "greeting": "Dear ***"}
    assert documents.loads(row.request_body) == expected
    assert EMAIL not in everything_written(integration)


@pytest.mark.parametrize(
    ("mapping", "redact", "kept"),
    [
        ({"no": "7", "mail": "$.transportOrder.name"}, ["$.mail"], "no=7&mail=***"),
        ({"no": "7", "mail": "$.transportOrder.name"}, ["$.name"], "no=7&mail=***"),
        ({"who": ["7", "$.transportOrder.name"]}, ["$.who[1]"], "who=7&who=***"),
        ({"who": ["7", "$.transportOrder.name"]}, ["$.who"], "who=***"),
        ({"q": {"$text": "to:{{transportOrder.name}}"}}, ["$.name"], "q=to:***"),
        ({"initials": "AB"}, ["$.initials"], "initials=***"),
    ],
)
def test_what_is_asked_in_a_url_is_masked_in_the_log_alone(
    sink: Sink, run_queue: Callable[[], None], mapping: Any, redact: list[str], kept: str
) -> None:
    url = sink.url("/parrot/404/x?key=of-ours-4711")
    integration = redacting(url, mapping=mapping, redact=redact)
    integration.data_sources.update(settings={"url": url, "method": "GET"})
    make.OrderFactory(platform=integration.platform, name=EMAIL)
    run_queue()
    (call,) = sink.requests
    asked = EMAIL if "transportOrder" in str(mapping) else "initials=AB"
    assert asked in call.path
    row = RequestLog.objects.of(integration.platform).get()
    assert row.url == sink.url(f"/parrot/404/x?key=***&{kept}")
    written = everything_written(integration)
    assert asked not in written
    assert "of-ours-4711" not in written


def test_a_refusal_that_says_it_again_is_masked(sink: Sink, run_queue: Callable[[], None]) -> None:
    integration = redacting(sink.url("/echo"), success={"status": [201]})
    make.OrderFactory(platform=integration.platform, name=EMAIL)
    run_queue()
    row = RequestLog.objects.of(integration.platform).get()
    assert documents.loads(row.response_body)["greeting"] == "Dear ***"
    obj = IntegrationObject.objects.of(integration.platform).get()
    assert "Dear ***" in obj.error
    assert EMAIL not in everything_written(integration)


def test_an_answer_that_is_no_json_is_not_kept(sink: Sink, run_queue: Callable[[], None]) -> None:
    integration = redacting(sink.url("/parrot/422/who"))
    sink.teach("who", "who is Bob?")
    make.OrderFactory(platform=integration.platform, name=EMAIL)
    run_queue()
    row = RequestLog.objects.of(integration.platform).get()
    assert row.response_body.startswith("[not kept: ")
    obj = IntegrationObject.objects.of(integration.platform).get()
    assert "answered 422: [not kept" in obj.error
    assert "Bob" not in obj.error


def test_a_filter_says_no_without_the_value_it_saw(run_queue: Callable[[], None]) -> None:
    said = {"field": "$.transportOrder.name", "operator": "eq", "value": "another"}
    integration = redacting("http://127.0.0.1:9/", filters=[said])
    make.OrderFactory(platform=integration.platform, name=EMAIL)
    run_queue()
    obj = IntegrationObject.objects.of(integration.platform).get()
    assert obj.status == "SKIPPED"
    assert "the filter wants eq" in obj.reason
    line = Log.objects.of(integration.platform).get(code="filter_no_match")
    assert line.data["trace"][0]["seen"] == "***"
    assert EMAIL not in everything_written(integration)


def test_what_is_written_down_names_no_recipient(
    run_queue: Callable[[], None], settings: Any
) -> None:
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    mapping = {"to": "$.transportOrder.name", "subject": "x", "body": "y"}
    integration = redacting("http://127.0.0.1:9/", mapping=mapping, redact=["$.to"])
    integration.data_sources.update(connector="email", settings={})
    make.OrderFactory(platform=integration.platform, name=f"Ann <{EMAIL}>")
    run_queue()
    row = RequestLog.objects.of(integration.platform).get()
    assert row.url == "mailto:***"
    assert EMAIL not in everything_written(integration)


def test_a_refusal_before_the_call_quotes_no_part_of_it(
    run_queue: Callable[[], None], settings: Any
) -> None:
    long = f"{EMAIL} of Ann Smith, " + "x" * 100
    mapping = {"to": "$.transportOrder.name", "subject": "x", "body": "y"}
    integration = redacting("http://127.0.0.1:9/", mapping=mapping, redact=["$.to"])
    integration.data_sources.update(connector="email", settings={})
    make.OrderFactory(platform=integration.platform, name=long)
    run_queue()
    obj = IntegrationObject.objects.of(integration.platform).get()
    assert obj.error.endswith("… is not an e-mail address.")
    assert "ann@" not in everything_written(integration)


def test_a_value_that_is_sent_under_another_name_is_masked_there(
    sink: Sink, run_queue: Callable[[], None]
) -> None:
    integration = redacting(
        sink.url(),
        redact=["$.transportOrder.customer.contactDetails[*].value"],
        mapping={"mail": "$.transportOrder.customer.contactDetails[0].value"},
    )
    of = integration.platform
    contact = [{"type": "email", "value": "quentin@quast.example"}]
    make.OrderFactory(
        platform=of, customer=make.BusinessFactory(platform=of, contact_details=contact)
    )
    run_queue()
    assert sink.requests[0].json() == {"mail": "quentin@quast.example"}
    assert RequestLog.objects.of(of).get().request_body == '{"mail":"***"}'


@pytest.mark.parametrize("path", ["$.customer.email", "$.name"])
@pytest.mark.parametrize("field", ["name", "['name']", "*", ""])
def test_a_filter_tells_nothing_that_is_redacted_in_what_would_be_sent(
    run_queue: Callable[[], None], field: str, path: str
) -> None:
    dot = "." if field.isidentifier() or field == "*" else ""
    said = {"field": f"$.transportOrder{dot}{field}", "operator": "eq", "value": "another"}
    integration = redacting("http://127.0.0.1:9/", filters=[said], redact=[path])
    make.OrderFactory(platform=integration.platform, name=EMAIL)
    run_queue()
    assert IntegrationObject.objects.of(integration.platform).get().status == "SKIPPED"
    assert "ann@" not in everything_written(integration)


def test_without_its_mapping_nobody_knows_what_a_filter_may_tell(
    run_queue: Callable[[], None],
) -> None:
    said = {"field": "$.transportOrder.name", "operator": "eq", "value": "another"}
    broken = {
        "customer": {"email": {"$text": "{{transportOrder.customer}} {{transportOrder.name}}"}}
    }
    integration = redacting(
        "http://127.0.0.1:9/", filters=[said], redact=["$.customer.email"], mapping=broken
    )
    make.OrderFactory(platform=integration.platform, name=EMAIL)
    run_queue()
    obj = IntegrationObject.objects.of(integration.platform).get()
    assert obj.reason == NO_MAPPING
    assert EMAIL not in everything_written(integration)


@pytest.mark.parametrize("wrong", ["many", "work", "fault"])
def test_nothing_is_said_when_nobody_knows_what_is_personal(
    sink: Sink, run_queue: Callable[[], None], monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    if wrong == "fault":
        monkeypatch.setattr(redaction, "_texts", None)
    elif wrong == "work":
        monkeypatch.setattr(redaction, "MOST_WORK", 10)
    people = [{"email": f"person{n}@example.com"} for n in range(600 if wrong == "many" else 1)]
    mapping = {"mail": "$.transportOrder.externalAttributes.people[0].email"}
    integration = redacting(sink.url("/echo"), redact=["$..email"], mapping=mapping)
    integration.data_sources.update(success={"status": [201]})
    make.OrderFactory(platform=integration.platform, external_attributes={"people": people})
    run_queue()
    row = RequestLog.objects.of(integration.platform).get()
    assert {row.request_body, row.response_body, row.url} == {row.url}
    assert row.url.startswith("[not kept: what this integration redacts could not be told")
    assert IntegrationObject.objects.of(integration.platform).get().error == row.url
    assert "person0" not in everything_written(integration)


def test_where_a_target_sends_us_tells_nothing_however_it_spells_it(
    sink: Sink, run_queue: Callable[[], None]
) -> None:
    integration = redacting(sink.url("/redirect/302/c/ANN%40example.com"))
    make.OrderFactory(platform=integration.platform, name=EMAIL)
    run_queue()
    row = RequestLog.objects.of(integration.platform).get()
    assert row.response_headers["location"] == "/c/***"
    assert row.url.endswith("/redirect/302/c/***")


def test_the_servers_log_calls_no_record_by_what_is_redacted(
    sink: Sink, run_queue: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    integration = redacting(sink.url())
    with caplog.at_level("DEBUG"):
        make.OrderFactory(platform=integration.platform, name=EMAIL)
        make.OrderFactory(platform=integration.platform, name="", order_id="4711-0815")
        run_queue()
    told = [each for each in caplog.records if each.name == "integrations.ledger"]
    assert sorted(each.reference for each in told) == ["***", "4711-0815"]
    assert all(EMAIL not in str(each.__dict__) for each in told)


def test_a_fault_of_ours_quotes_nothing(
    sink: Sink,
    run_queue: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError(EMAIL)

    monkeypatch.setattr(answer, "_judged", broken)
    integration = redacting(sink.url())
    make.OrderFactory(platform=integration.platform, name=EMAIL)
    run_queue()
    obj = IntegrationObject.objects.of(integration.platform).get()
    assert obj.error == "A fault in the engine: RuntimeError"
    assert EMAIL not in caplog.text


@pytest.mark.parametrize("redact", [[], ["$.name"]])
def test_what_takes_its_time_is_not_done_where_all_deliveries_are(
    sink: Sink, run_queue: Callable[[], None], monkeypatch: pytest.MonkeyPatch, redact: list[str]
) -> None:
    where: list[str] = []
    judge = answer.judge

    def watched(*args: Any) -> Any:
        where.append(threading.current_thread().name)
        return judge(*args)

    monkeypatch.setattr(answer, "judge", watched)
    integration = redacting(sink.url(), redact=redact)
    make.OrderFactory(platform=integration.platform)
    run_queue()
    assert [name.startswith("otms-mapper") for name in where] == [bool(redact)]
