"""Who caused a change: a person in the admin, a caller of the API, an import by an integration.

It is asked at the first touch of a record, so it is true whatever the transaction does later.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

SYSTEM, PERSON, API, IMPORT = "system", "person", "api", "import"


@dataclass(frozen=True)
class Origin:
    """What kind of cause, and the integration that brought it in: that one does not hear of it."""

    kind: str
    integration_id: UUID | None = None


_nobody = Origin(SYSTEM)
_current: ContextVar[Origin] = ContextVar("origin", default=_nobody)


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
        with caused_by(Origin(API if request.path.startswith("/api/") else PERSON)):
            return get_response(request)

    return answer
