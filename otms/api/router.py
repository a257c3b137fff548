"""The one router: a route is declared at the method that answers it, odd paths included.

    class IntegrationViewSet(PlatformViewSet):
        @route("POST", "integration", "create:integration", takes=..., answers={...})
        def create(self, request): ...

Paths have no trailing slash and may hold `:` inside a segment. The name of a route is the vendor's
permission name (`verb:entity`), the operation id in the schema, and what a caller must be allowed.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.urls import URLPattern, path
from rest_framework.viewsets import ViewSetMixin


@dataclass(frozen=True)
class Route:
    """`takes` is the serializer of the body; `answers` maps keys of the envelope to serializers."""

    method: str
    path: str
    name: str
    takes: Any = None
    answers: dict[str, Any] = field(default_factory=dict)
    query: tuple[str, ...] = ()
    public: bool = False


def route(
    method: str,
    path: str,
    name: str,
    *,
    takes: Any = None,
    answers: dict[str, Any] | None = None,
    query: tuple[str, ...] = (),
    public: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        declared = Route(method, path, name, takes, answers or {}, query, public)
        function.route = declared  # type: ignore[attr-defined]
        return function

    return mark


class Router:
    """Collects the routes of viewsets and makes Django's URL patterns of them."""

    def __init__(self) -> None:
        self.viewsets: list[type[ViewSetMixin]] = []

    def register(self, *viewsets: type[ViewSetMixin]) -> None:
        self.viewsets += viewsets

    def routes(self) -> list[Route]:
        return [route for viewset in self.viewsets for route in actions(viewset).values()]

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


@cache
def actions(viewset: type[ViewSetMixin]) -> dict[str, Route]:
    """The routes of a viewset by the name of the method that answers.

    Most are marked at the method; `routes` of the class holds those that a base class answers.
    """
    members = {
        name: each for base in reversed(viewset.__mro__) for name, each in vars(base).items()
    }
    marked = {name: getattr(each, "route", None) for name, each in members.items()}
    found = {name: route for name, route in marked.items() if isinstance(route, Route)}
    return {**getattr(viewset, "routes", {}), **found}


router = Router()
