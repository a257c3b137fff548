"""Personal data in what the logs keep, while what is sent is what was mapped."""

from collections.abc import Callable
from typing import Any

import pytest

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
