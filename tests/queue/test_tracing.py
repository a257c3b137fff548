"""With OpenTelemetry, an order can be followed from the call to the receiver."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from otms import env, tracing
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)
ID, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
KEPT = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SDK_DISABLED")


class Spans:
    """What was exported."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def __getitem__(self, kind: SpanKind) -> list[Any]:
        return [each for each in self._exporter.get_finished_spans() if each.kind == kind]

    @property
    def texts(self) -> str:
        return "".join(each.to_json() for each in self._exporter.get_finished_spans())


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("otms")
    monkeypatch.setattr(tracing, "_tracer", lambda: tracer)
    yield Spans(exporter)
    provider.shutdown()


def hexed(id: int) -> str:
    return trace.format_span_id(id)


def test_an_order_is_followed_from_the_call_to_the_receiver(
    spans: Spans, api: Api, queue: Queue, sink: Sink
) -> None:
    make.integration(sink.url("/ok"), platform=queue.platform)
    caller = {"traceparent": f"00-{ID}-{SPAN}-01"}
    api("POST", "transportOrder", {"name": "Mr Smith's order"}, headers=caller)
    queue.run()
    (saved,), (delivered,), (called,) = (
        spans[kind] for kind in (SpanKind.SERVER, SpanKind.CONSUMER, SpanKind.CLIENT)
    )
    assert {
        trace.format_trace_id(each.context.trace_id) for each in (saved, delivered, called)
    } == {ID}
    assert hexed(saved.parent.span_id) == SPAN
    assert delivered.parent.span_id == saved.context.span_id
    assert called.parent.span_id == delivered.context.span_id
    (received,) = sink.requests
    assert received.headers["traceparent"] == f"00-{ID}-{hexed(called.context.span_id)}-01"
    assert (saved.name, saved.attributes["http.route"]) == (
        "POST /api/transportOrder",
        "/api/transportOrder",
    )
    assert delivered.attributes["otms.object"] == str(queue.only.uuid)
    assert delivered.attributes["otms.change"] == queue.only.change_id
    assert delivered.attributes["otms.outcome"] == "delivered"
    assert called.attributes["http.response.status_code"] == 200
    assert "Smith" not in spans.texts


def test_a_call_that_failed_is_seen(spans: Spans, api: Api, queue: Queue) -> None:
    make.integration("http://127.0.0.1:9/secret-path", platform=queue.platform)
    api.ok("POST", "transportOrder", {"name": "ORD"})
    queue.run()
    (called,) = spans[SpanKind.CLIENT]
    assert called.status.status_code == StatusCode.ERROR
    assert called.attributes["error.type"] == "connect"
    assert "secret-path" not in spans.texts


def test_what_was_saved_without_a_call_begins_a_trace_of_its_own(
    spans: Spans, queue: Queue, sink: Sink
) -> None:
    make.integration(sink.url("/ok"), platform=queue.platform)
    queue.save_order()
    queue.save_order()
    queue.run()
    one, other = spans[SpanKind.CONSUMER]
    assert one.parent is other.parent is None
    assert one.context.trace_id != other.context.trace_id


def test_a_caller_that_does_not_sample_is_not_sampled(
    spans: Spans, api: Api, queue: Queue, sink: Sink
) -> None:
    make.integration(sink.url("/ok"), platform=queue.platform)
    caller = {"traceparent": f"00-{ID}-{SPAN}-00"}
    api("POST", "transportOrder", {"name": "ORD"}, headers=caller)
    queue.run()
    assert spans[SpanKind.CONSUMER] == []
    _, id, _, flags = sink.requests[0].headers["traceparent"].split("-")
    assert (id, flags) == (ID, "00")


def test_probes_are_no_spans(spans: Spans, client: Any) -> None:
    client.get("/healthz")
    assert spans[SpanKind.SERVER] == []


@pytest.mark.parametrize(
    ("told", "exporter"),
    [
        ({}, ""),
        ({"OTEL_TRACES_EXPORTER": "none"}, ""),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "otlp_proto_http"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318"}, "otlp_proto_http"),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "otlp_proto_grpc",
        ),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"}, ""),
    ],
)
def test_its_own_variables_say_where_to(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, str], exporter: str
) -> None:
    for name in KEPT:
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert env.traces_exporter() == exporter


SAYS = """
import django; django.setup()
from otms import tracing
with tracing.span("one") as span:
    print("real" if span.headers else "none")
from django.core.exceptions import MiddlewareNotUsed
try:
    tracing.TracingMiddleware(None)
except MiddlewareNotUsed:
    print("no middleware")
"""


@pytest.mark.parametrize(
    ("told", "said", "warned"),
    [
        ({}, ["none", "no middleware"], ""),
        ({"OTEL_TRACES_EXPORTER": "console"}, ["real", '"service.name": "otms"'], ""),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ["none"], "the exporter is not installed"),
    ],
)
def test_a_process_does_as_it_is_told(
    tmp_path: Any, told: dict[str, str], said: list[str], warned: str
) -> None:
    given = env.extended(
        DJANGO_SETTINGS_MODULE="otms.settings", OTMS_VAR=str(tmp_path), DATABASE_URL="",
        CELERY_BROKER_URL="memory://localhost", **told,
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", SAYS], env=given, capture_output=True, text=True, check=True
    )
    assert [text for text in said if text not in done.stdout] == []
    assert warned in done.stderr
