"""Spans for OpenTelemetry, where its SDK is installed and told where to; else nothing, at no cost.

What it exports and how is said by the variables that OpenTelemetry defines, not by ours. A span
has ids, statuses and durations; no texts, which may be personal, and no paths, which may be secret.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

from otms import __version__
from otms import log as lines

log = logging.getLogger(__name__)

PROBES = ("/healthz", "/readyz", "/metrics")


class Span:
    """A span that nobody wants: it takes whatever is told to it."""

    is_wanted = False
    headers: dict[str, str] = {}  # by which another system goes on behind it

    def tell(self, attributes: dict[str, Any], *, name: str = "", failed: bool = False) -> None:
        """Add what is known only now."""


class _RealSpan(Span):
    is_wanted = True

    def __init__(self, span: Any) -> None:
        from opentelemetry.trace.propagation import tracecontext

        self._span = span
        self.headers = {}
        tracecontext.TraceContextTextMapPropagator().inject(self.headers)

    def tell(self, attributes: dict[str, Any], *, name: str = "", failed: bool = False) -> None:
        from opentelemetry.trace import StatusCode

        self._span.set_attributes({key: each for key, each in attributes.items() if each != ""})
        if name:
            self._span.update_name(name)
        if failed:
            self._span.set_status(StatusCode.ERROR)


_nothing = nullcontext(Span())


def span(
    name: str,
    kind: str = "internal",
    parent: tuple[str, str] | None = None,
    attributes: dict[str, Any] | None = None,
) -> AbstractContextManager[Span]:
    """What is done in here, as a span; below a `parent` (`traceparent` and `tracestate`) of others,
    below what is going on here already, or at the root."""
    tracer = _tracer()
    return _nothing if tracer is None else _begun(tracer, name, kind, parent, attributes or {})


@contextmanager
def _begun(
    tracer: Any, name: str, kind: str, parent: tuple[str, str] | None, attributes: dict[str, Any]
) -> Iterator[Span]:
    from opentelemetry import trace
    from opentelemetry.trace.propagation import tracecontext

    context = None
    if parent:
        carried = dict(zip(("traceparent", "tracestate"), parent, strict=True))
        context = tracecontext.TraceContextTextMapPropagator().extract(carried)
    with tracer.start_as_current_span(
        name,
        context,
        trace.SpanKind[kind.upper()],
        attributes,
        record_exception=False,  # what it says may be personal
    ) as span:
        id = trace.format_trace_id(span.get_span_context().trace_id)
        with lines.about(trace_id=id):
            yield _RealSpan(span)


@cache
def _tracer() -> Any:
    """What makes spans; None where nobody wants any."""
    name = settings.OTMS_TRACES_EXPORTER
    if not name:
        return None
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("no spans: OTEL_ variables ask for them, and opentelemetry-sdk is missing")
        return None
    # Unless another, such as opentelemetry-instrument, has done it.
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        exporters = entry_points(group="opentelemetry_traces_exporter", name=name)
        try:
            made = next(iter(exporters)).load()()
        except (StopIteration, ImportError):
            log.warning("no spans: the exporter is not installed", extra={"exporter": name})
            return None
        provider = TracerProvider(resource=_resource())
        provider.add_span_processor(BatchSpanProcessor(made))
        trace.set_tracer_provider(provider)
    return trace.get_tracer("otms", __version__)


def _resource() -> Any:
    """Who we are, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES says it."""
    from opentelemetry.sdk.resources import Resource

    told = Resource.create()
    ours = {"service.version": __version__}
    if str(told.attributes["service.name"]).startswith("unknown_service"):
        ours["service.name"] = "otms"
    return told.merge(Resource(ours))


class TracingMiddleware:
    """Each request a span, named by its route."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if _tracer() is None:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path in PROBES:
            return self.get_response(request)
        method = request.method or ""
        parent = request.headers.get("traceparent", ""), request.headers.get("tracestate", "")
        told: dict[str, Any] = {
            "http.request.method": method,
            "otms.request_id": getattr(request, "id", ""),
        }
        with span(method, "server", parent, told) as one:
            request.span = (  # type: ignore[attr-defined]
                one.headers.get("traceparent", ""),
                one.headers.get("tracestate", ""),
            )
            response = self.get_response(request)
            status = response.status_code
            route = f"/{request.resolver_match.route}" if request.resolver_match else ""
            one.tell(
                {"http.route": route, "http.response.status_code": status},
                name=f"{method} {route}".strip(),
                failed=status >= 500,
            )
        return response
