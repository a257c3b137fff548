"""A delivery goes on in the trace of the call that caused it."""

from typing import Any

import pytest

from integrations.models import EntityChange, RequestLog
from integrations.tasks import carry_out_imports
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)
ID, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{ID}-{SPAN}-01"
STATE = "rojo=00f067aa0ba902b7"


def called(api: Api, path: str, body: Any, **headers: str) -> Any:
    answer = api("POST", path, body, headers=headers)
    assert answer.status_code == 200, answer.content
    return answer.json()


def saved(api: Api, **headers: str) -> None:
    called(api, "transportOrder", {"name": "ORD"}, **headers)


def test_the_receiver_gets_the_trace_of_the_call_that_saved_the_order(
    api: Api, queue: Queue, sink: Sink
) -> None:
    make.integration(sink.url(), platform=queue.platform)
    saved(api, traceparent=PARENT, tracestate=STATE)
    queue.run()
    (received,) = sink.requests
    version, id, span, flags = received.headers["traceparent"].split("-")
    assert (version, id, flags) == ("00", ID, "01")
    assert span != SPAN
    assert received.headers["tracestate"] == STATE
    logged = RequestLog.objects.of(queue.platform).get().request_headers
    assert logged["traceparent"] == received.headers["traceparent"]


def test_each_attempt_has_a_span_of_its_own(api: Api, queue: Queue, sink: Sink) -> None:
    make.integration(sink.url("/status/500"), platform=queue.platform)
    saved(api, traceparent=PARENT)
    for _ in range(2):
        queue.run_when_due()
    first, second = (each.headers["traceparent"].split("-") for each in sink.requests)
    assert first[1] == second[1] == ID
    assert first[2] != second[2]


@pytest.mark.parametrize("given", [{}, {"traceparent": "nonsense", "tracestate": STATE}])
def test_without_one_the_trace_is_the_id_of_the_object(
    api: Api, queue: Queue, sink: Sink, given: dict[str, str]
) -> None:
    make.integration(sink.url(), platform=queue.platform)
    saved(api, **given)
    queue.run()
    (received,) = sink.requests
    assert received.headers["traceparent"].split("-")[1] == queue.only.uuid.hex
    assert "tracestate" not in received.headers
    assert EntityChange.objects.of(queue.platform).get().trace is None


def test_rows_that_are_brought_in_at_once_belong_to_the_call(api: Api, queue: Queue) -> None:
    into = make.integration("http://127.0.0.1:9", platform=queue.platform)
    data = [{"externalId": "1", "name": "A"}]
    body = {"integrationId": str(into.pk), "data": data}
    called(api, "integration/import/data", body, traceparent=PARENT)
    carry_out_imports()
    assert [each.trace for each in EntityChange.objects.of(queue.platform)] == [PARENT]
