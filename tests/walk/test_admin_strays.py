"""No page and no action of the admin that the walk knows nothing of."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import get_resolver, include, path
from django.urls.resolvers import URLPattern
from unfold.decorators import action as unfold_action

from integrations.admin.integration import IntegrationAdmin
from integrations.models import Integration
from otms.accounts.platform_admin import PlatformAdmin
from tests.walk import furnished
from tests.walk.admin_pages import (
    ACTIONS,
    ACTIONS_OF_LIST,
    ACTIONS_OF_ONE,
    NOUNS,
    OF_DEPLOYMENT,
    PAGES,
)
from tests.walk.walking import Walk

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(600)]

# The login and the password of ours, in the place of Django's; and what is not found.
NAMELESS = {"admin/login/", "admin/password_change/", "admin/(?P<url>.*)$"}


def served(patterns: Any = None, where: str = "", space: str = "") -> Iterator[tuple[str, str]]:
    """Every address below admin/, and its name."""
    for each in get_resolver().url_patterns if patterns is None else patterns:
        here = where + str(each.pattern)
        inside = getattr(each, "url_patterns", None)
        if inside is not None:
            named = getattr(each, "namespace", None)
            yield from served(inside, here, f"{named}:" if named else space)
        elif here.startswith("admin/"):
            yield here, space + each.name if each.name else ""


def strays(patterns: Any = None) -> set[str]:
    """What is served below admin/ and the walk knows nothing of."""
    redirects = "/<path:object_id>/"  # of old addresses, to the page
    return {
        name or where
        for where, name in served(patterns)
        if name not in PAGES and not (not name and (where in NAMELESS or where.endswith(redirects)))
    }


def test_every_page_is_walked_through() -> None:
    assert strays() == set()
    assert set(admin.site._registry) == {*NOUNS, *OF_DEPLOYMENT}


def acts() -> dict[tuple[str, Any], str]:
    """Every action there is, and what it says itself that it takes."""
    return {
        (name, model): takes
        for model, each in admin.site._registry.items()
        if isinstance(each, PlatformAdmin)
        for name, takes in each.acts().items()
    }


def test_every_action_takes_a_permission() -> None:
    named = {**ACTIONS_OF_LIST, **ACTIONS_OF_ONE}
    of_urls = {key: takes for key, takes in named.items() if key[0] not in ("download", "export")}
    assert acts() == {**ACTIONS, **of_urls}


# What is planted, and found.


def test_a_page_that_nobody_thought_of_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def get_urls(self: Any) -> list[URLPattern]:
        view = self.admin_site.admin_view(lambda request: HttpResponse("planted"))
        return [path("planted/", view, name="planted"), *urls(self)]

    urls = IntegrationAdmin.get_urls
    monkeypatch.setattr(IntegrationAdmin, "get_urls", get_urls)
    today = [path("admin/", include((admin.site.get_urls(), "admin")))]
    assert strays(today) == {"admin:planted"}


class Careless(IntegrationAdmin):
    """Its actions say nothing of who may carry them out."""

    actions = ("forget", "stop")
    actions_detail = ("reveal",)

    def forget(self, request: Any, queryset: Any) -> None:
        queryset.update(name="forgotten")

    @admin.action(description="Stop", permissions=["view"])
    def stop(self, request: Any, queryset: Any) -> None:
        queryset.update(enabled=False)

    @unfold_action(description="Reveal")
    def reveal(self, request: Any, object_id: str) -> HttpResponse:
        return HttpResponse("planted")


def test_an_action_without_a_permission_is_found_and_offered_to_nobody(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    careless = Careless(Integration, admin.site)
    monkeypatch.setitem(admin.site._registry, Integration, careless)
    without = {name for (name, model), takes in acts().items() if not takes}
    assert without == {"forget", "stop", "reveal"}
    request = RequestFactory().get("/admin/")
    for visitor in furnished.people(walk.own).values():
        request.user = visitor
        assert set(careless.get_actions(request)) <= {"delete_selected"}
        assert careless.get_actions_detail(request, str(walk.own.integration.pk)) == []
