"""Who does what is being done: the caller of a request, an operator's command, or the system.

Plain Python: `manage.py` names the operator before Django is set up.
"""

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

PERSON, INTEGRATION, APP = "person", "integration", "app"
COMMAND, SYSTEM, NOBODY = "command", "system", "nobody"


@dataclass(frozen=True)
class Actor:
    """Who: a person, an integration or an app by its id; `means` is what it showed for it."""

    kind: str
    name: str = ""
    id: UUID | None = None
    means: str = ""


@dataclass(frozen=True)
class Call:
    """Who does it, from where, and with which request."""

    actor: Actor
    address: str | None = None
    request_id: str = ""


_system = Call(Actor(SYSTEM))
# The request itself, not its caller: who that is, is known only when the view looks.
_current: ContextVar[Any] = ContextVar("actor", default=_system)


def current() -> Call:
    """Who does what is done here and now; a worker and whatever nobody asked for is the system."""
    found = _current.get()
    return found if isinstance(found, Call) else _of(found)


@contextmanager
def done_by(actor: Actor) -> Iterator[None]:
    """What is done in here is done by this one, such as who started a task that a worker does."""
    with _during(Call(actor)):
        yield


@contextmanager
def by_command(arguments: list[str]) -> Iterator[None]:
    """What a command does is done by an operator, who has the machine; threads are the system."""
    try:
        who = getpass.getuser()
    except (KeyError, OSError):  # a container may run without a name for its user
        who = ""
    name = arguments[1] if len(arguments) > 1 else "shell"
    with done_by(Actor(COMMAND, name[:200], means=who[:200])):
        yield


@contextmanager
def _during(found: Any) -> Iterator[None]:
    token = _current.set(found)
    try:
        yield
    finally:
        _current.reset(token)


def of_request(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware: what a request does is done by its caller."""

    def answer(request: Any) -> Any:
        with _during(request):
            return get_response(request)

    return answer


def _of(request: Any) -> Call:
    from otms.address import caller_address

    return Call(_caller(request), caller_address(request) or None, getattr(request, "id", ""))


def _caller(request: Any) -> Actor:
    if request.path.startswith("/api/"):  # there cookies are not looked at
        shown = getattr(request, "auth", None)
        return shown.actor if shown is not None else Actor(NOBODY)
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return Actor(NOBODY)
    return Actor(PERSON, user.get_username(), user.pk, "admin")
