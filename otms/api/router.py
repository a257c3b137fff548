"""The one router: a route is declared at the method that answers it, odd paths included.

    class IntegrationViewSet(PlatformViewSet):
        @route("POST", "integration", "create:integration", takes=..., answers={...})
        def create(self, request): ...

Paths have no trailing slash and may hold `:` inside a segment; an id in a path is `<id:id>`. The
name of a route is the vendor's permission name (`verb:entity`), the operation id in the schema, and
what a caller must be allowed.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.urls import Resolver404, URLPattern, path, register_converter, resolve
from django.urls.converters import UUIDConverter

# Verbs of calls that change nothing, and of those whose answer holds what nobody may keep.
UNKEYED = frozenset(
    {"search", "test", "suggest", "login", "refresh", "logout", "generate", "install"}
)
# Verbs of calls that take much of the machine, of the network, or of what others wait for.
HEAVY = frozenset(
    {"import", "upload", "receive", "test", "suggest", "install", "generate", "erase", "replay"}
)
# Of a record that nobody has, wherever an id is shown.
EXAMPLE_ID = "123e4567-e89b-12d3-a456-426614174000"
# The vendor has a PUT that makes an order of a mail.
MAKING = frozenset({"receive"})


@dataclass(frozen=True)
class Route:
    """One call. `takes` and `query` are the serializers of its body and of its parameters;
    `answers` maps keys of the envelope to serializers. A body that is `optional` may be left out.
    A call that is `own` every person may make about themselves; the view asks who it is about.
    `example` is a body that works, of a GET a query, as who reads of the call will copy it.
    A call that is `costly` takes much, though its verb does not say so.
    What it `takes_in`, a kind of record, is refused while there is no room for more of it.
    What is `shown_once` is in no kept answer; what is done `by_hand` takes a person who logged in,
    not their script.
    """

    method: str
    path: str
    name: str
    takes: Any = None
    answers: dict[str, Any] = field(default_factory=dict)
    query: Any = None
    public: bool = False
    optional: bool = False
    own: bool = False
    example: dict[str, Any] | None = None
    shown_once: bool = False
    by_hand: bool = False
    costly: bool = False
    takes_in: str = ""

    @property
    def keyed(self) -> bool:
        """Does an Idempotency-Key make the effect of this call happen once?"""
        verb = self.name.partition(":")[0]
        makes = self.method == "POST" or verb in MAKING
        return makes and not self.public and not self.shown_once and verb not in UNKEYED

    @property
    def heavy(self) -> bool:
        """Is this call counted twice: as a call, and as one that takes much?"""
        return self.costly or self.name.partition(":")[0] in HEAVY


class AnyCaseUUID(UUIDConverter):
    """An id in a path; some systems write theirs in upper case."""

    regex = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


register_converter(AnyCaseUUID, "id")


def route(
    method: str,
    path: str,
    name: str,
    *,
    takes: Any = None,
    answers: dict[str, Any] | None = None,
    query: Any = None,
    public: bool = False,
    optional: bool = False,
    own: bool = False,
    example: dict[str, Any] | None = None,
    shown_once: bool = False,
    by_hand: bool = False,
    costly: bool = False,
    takes_in: str = "",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        declared = Route(
            method,
            path,
            name,
            takes,
            answers or {},
            query,
            public,
            optional,
            own,
            example,
            shown_once,
            by_hand,
            costly,
            takes_in,
        )
        function.route = declared  # type: ignore[attr-defined]
        return function

    return mark


class Router:
    """Collects the routes of viewsets and makes Django's URL patterns of them."""

    def __init__(self) -> None:
        self.viewsets: list[type[Any]] = []

    def register(self, *viewsets: type[Any]) -> None:
        self.viewsets += viewsets

    def routes(self) -> list[Route]:
        return [each for viewset in self.viewsets for each in actions(viewset).values()]

    @property
    def urls(self) -> list[URLPattern]:
        patterns = []
        for viewset in self.viewsets:
            by_path: dict[str, dict[str, str]] = defaultdict(dict)
            for action, declared in actions(viewset).items():
                by_path[declared.path][declared.method.lower()] = action
            patterns += [
                path(where, viewset.as_view(methods)) for where, methods in by_path.items()
            ]
        return patterns


def _actions(viewset: type[Any]) -> dict[str, Route]:
    """The routes of a viewset by the name of the method that answers.

    Most are marked at the method; `routes` of the class holds those that a base class answers.
    """
    members = {
        name: each for base in reversed(viewset.__mro__) for name, each in vars(base).items()
    }
    marked = {name: getattr(each, "route", None) for name, each in members.items()}
    found = {name: each for name, each in marked.items() if isinstance(each, Route)}
    return {**getattr(viewset, "routes", {}), **found}


def methods_of(where: str) -> set[str]:
    """The methods that a path is routed for, in small letters; none where there is nothing."""
    try:
        view = resolve(where).func
    except Resolver404:
        return set()
    return set(getattr(view, "actions", None) or ())


# To mypy a class is not hashable.
actions: Callable[[type[Any]], dict[str, Route]] = cache(_actions)  # type: ignore[assignment]
router = Router()
