"""What a receiver may answer, what nobody may read of it, and what is told of the call."""

import logging
from typing import Any

import pytest

from integrations.models import (
    Log,
    RequestLog,
    Status,
)
from tests import make
from tests.queue.conftest import Queue
from tests.queue.test_outcomes import lines, requests_of
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_huge_answer_is_read_to_the_cap_and_no_further(queue: Queue, sink: Sink) -> None:
    make.integration(sink.url("/big/10000000"), platform=queue.platform)
    queue.save_order()
    queue.run()
    obj = queue.only
    assert obj.status == Status.SUCCESS
    (log,) = requests_of(obj)
    assert log.truncated
    assert log.response_body == "x" * 65536


def test_an_answer_that_no_database_can_hold_is_kept_readable(queue: Queue, sink: Sink) -> None:
    make.integration(sink.url("/oddheaders"), platform=queue.platform)
    make.integration(
        sink.url("/echo"), platform=queue.platform, mapping={"name": "$.transportOrder.description"}
    )
    queue.save_order(description="caf\xe9 \u2028 \U0001f69a")
    queue.run()
    assert {obj.status for obj in queue.all} == {Status.SUCCESS}
    assert RequestLog.objects.of(queue.platform).filter(response_body__contains="caf").count() == 1


def test_no_secret_is_in_any_log(
    queue: Queue, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "a-secret-nobody-may-read"
    integration = make.integration(
        sink.url("/status/500?key=hidden-too"), platform=queue.platform, secrets={"secret": secret}
    )
    queue.save_order()
    with caplog.at_level(logging.DEBUG):
        queue.run()
    (received,) = sink.requests
    signature = received.headers["webhook-signature"]
    (request,) = requests_of(queue.only)
    source = integration.data_sources.get()  # type: ignore[attr-defined]
    shown = [
        *(str(vars(request)), str(vars(Log.objects.of(queue.platform).get()))),
        *(caplog.text, repr(source.secrets), str(vars(source)), str(vars(queue.only))),
    ]
    for text in shown:
        assert secret not in text
        assert signature not in text
    assert "hidden-too" not in shown[0]
    assert request.request_headers["webhook-signature"] == "***"


def test_a_name_that_leads_inside_is_not_called(queue: Queue, sink: Sink, settings: Any) -> None:
    settings.OTMS_EGRESS_ALLOW = []
    url = sink.url().replace("127.0.0.1", "localhost")
    make.integration(url, platform=queue.platform)
    queue.save_order()
    queue.run()
    obj = queue.only
    assert obj.status == Status.ERROR
    assert lines(obj) == [("error", "egress_refused")]
    assert sink.stats()["attempts"] == 0


def test_what_the_mapping_did_not_find_is_told(queue: Queue, sink: Sink) -> None:
    mapping = {"id": "$.transportOrder.id", "vat": "$.transportOrder.nope"}
    make.integration(sink.url(), platform=queue.platform, mapping=mapping)
    queue.save_order()
    queue.run()
    assert queue.only.status == Status.SUCCESS
    assert lines(queue.only) == [("warning", "delivered")]
    assert "`vat` was left out" in Log.objects.of(queue.platform).get().message


def test_a_refusal_tells_what_the_mapping_did_not_find(queue: Queue, sink: Sink) -> None:
    mapping = {"id": "$.transportOrder.id", "vat": "$.transportOrder.nope"}
    make.integration(sink.url("/status/400"), platform=queue.platform, mapping=mapping)
    queue.save_order()
    queue.run()
    assert "answered 400" in queue.only.error
    assert "`vat` was left out" in queue.only.error
    log = Log.objects.of(queue.platform).get()
    assert (log.code, len(log.data["leftOut"])) == ("target_refused", 1)
