"""Who caused a change: a person in the admin, a caller of the API, an import by an integration.

It is asked at the first touch of a record, so it is true whatever the transaction does later.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from integrations.core.trace import Trace

SYSTEM, PERSON, API, IMPORT = "system", "person", "api", "import"
REPLAY = "replay"  # nothing changed: a record was looked at once more
# A change that our own deliveries caused, so many of them one after the other, goes round in a
# circle: it is kept, and not sent on.
MOST_HOPS = 8
HEADER = "X-OTMS-Hops"


@dataclass(frozen=True)
class Origin:
    """What kind of cause, and the integration that brought it in: that one does not hear of it."""

    kind: str
    integration_id: UUID | None = None
    hops: int = 0  # deliveries of ours, each the cause of the next, that led to it
    trace: Trace | None = None  # of the call that it came with


_nobody = Origin(SYSTEM)
_current: ContextVar[Origin] = ContextVar("origin", default=_nobody)


def imported(integration_id: UUID, hops: int) -> Origin:
    """Brought in by this integration, for a call that so many deliveries led to."""
    return Origin(IMPORT, integration_id, hops, current().trace)


def replayed(hops: int) -> Origin:
    """Looked at for a replay that a call asked for, to which so many deliveries led."""
    return Origin(REPLAY, hops=hops)


def current() -> Origin:
    """The origin of what is done here and now; a command or a shell is the system."""
    return _current.get()


@contextmanager
def caused_by(origin: Origin) -> Iterator[None]:
    """What is saved in here has this origin."""
    token = _current.set(origin)
    try:
        yield
    finally:
        _current.reset(token)


def of_request(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware: what a request saves is caused by the API, or by a person in the admin."""

    def answer(request: Any) -> Any:
        kind = API if request.path.startswith("/api/") else PERSON
        hops = _hops(request.headers.get(HEADER, ""))
        with caused_by(Origin(kind, hops=hops, trace=_trace(request, kind))):
            return get_response(request)

    return answer


def _trace(request: Any, kind: str) -> Trace | None:
    """The span of this call, where we make one; else what a caller of the API says of theirs."""
    if span := getattr(request, "span", None):
        return Trace.read(*span)
    given = request.headers.get("traceparent", "") if kind == API else ""
    return Trace.read(given, request.headers.get("tracestate", "")) if given else None


def _hops(written: str) -> int:
    """What a receiver of ours handed on of the header; anything else is none."""
    return int(written) if written.isascii() and written.isdecimal() and len(written) < 4 else 0
