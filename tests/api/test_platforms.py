"""Nobody sees another platform's records, whatever route is added."""

from collections.abc import Iterator
from typing import Any

import pytest

from integrations.api.apps import AppViewSet
from integrations.api.catalogue import CatalogueViewSet
from integrations.models import (
    Alert,
    AlertRecipient,
    AppInstallation,
    Credential,
    Email,
    EntityChange,
    File,
    Integration,
    IntegrationObject,
    MessageAutomation,
    MessageTemplate,
    Task,
)
from otms.accounts.access import access_token
from otms.accounts.models import AuditEntry, PersonalToken, Platform, SecondFactor, Session, User
from otms.accounts.views import UserViewSet
from otms.api.router import Route, Router, actions, route
from otms.api.views import PlatformViewSet, RoutedViewSet
from otms.orders.models import Business, Consignment, Event, TransportOrder
from otms.urls import router  # where every viewset is registered
from tests import make
from tests.api.conftest import queued
from tests.conftest import Api

pytestmark = pytest.mark.django_db

# Log in before they have a platform.
PUBLIC = {UserViewSet}
# Show what is the same for every platform: the App Store, what integrations can be made of.
OF_EVERYBODY = {AppViewSet, CatalogueViewSet}
MAKE: dict[Any, Any] = {
    TransportOrder: make.OrderFactory,
    Consignment: make.consignment,
    Business: make.BusinessFactory,
    Event: make.EventFactory,
    Integration: make.IntegrationFactory,
    Credential: make.credential,
    File: make.FileFactory,
    AppInstallation: make.InstallationFactory,
    Email: make.EmailFactory,
    Session: make.session,
    SecondFactor: make.second_factor,
    PersonalToken: make.personal_token,
    AuditEntry: make.audit_entry,
    User: make.UserFactory,
    IntegrationObject: lambda **given: queued(make.IntegrationFactory(**given)),
    Task: make.task,
    MessageTemplate: make.MessageTemplateFactory,
    MessageAutomation: make.automation,
    Alert: make.alert,
    EntityChange: lambda **given: queued(make.IntegrationFactory(**given)).change,
    AlertRecipient: make.recipient,
}
# A PUT that makes a record, the vendor's way.
MAKING = {"transportOrder/mail/receiver"}
# Calls that a new record is not ready for, and what it must be first.
FIRST: dict[str, Any] = {
    "requeue:integration:object": {"status": "ERROR"},
    "resume:integration:task": {"status": "STOPPED"},
}


@pytest.fixture
def user(platform: Platform) -> User:
    """Who may everything, on the own platform."""
    return make.UserFactory(platform=platform, is_superuser=True)  # type: ignore[no-any-return]


def unscoped(viewsets: Iterator[Any] | list[Any]) -> list[Any]:
    """The viewsets that show more than the caller's platform, as far as their class says."""
    known = PUBLIC | OF_EVERYBODY
    return [each for each in viewsets if not issubclass(each, PlatformViewSet) | (each in known)]


def test_every_viewset_shows_one_platform() -> None:
    assert unscoped(router.viewsets) == []
    for viewset in PUBLIC:
        assert all(each.public for each in actions(viewset).values())
    for viewset in OF_EVERYBODY:
        assert not hasattr(viewset, "model")
        assert not any(each.public for each in actions(viewset).values())


def test_a_viewset_that_shows_everything_is_found() -> None:
    class Planted(RoutedViewSet):
        @route("GET", "planted", "get:planted")
        def planted(self, request: Any) -> Any: ...

    planted = Router()
    planted.register(Planted)
    assert unscoped(planted.viewsets) == [Planted]


def by_id() -> list[tuple[Any, Route]]:
    """The routes that are about one record, named in the path or in the body."""
    return [
        (viewset, each)
        for viewset in router.viewsets
        for each in actions(viewset).values()
        if "<id:" in each.path or (each.method == "PUT" and each.path not in MAKING)
    ]


def asked(caller: Api, viewset: Any, each: Route, record: Any, user: User) -> Any:
    if each.by_hand:  # no token is good for it
        caller = Api(access_token(make.session(user=user)))
    id = getattr(record, "uuid", record.pk)
    if each.path.startswith("user/<id:id>"):
        id = record.user_id
    path = each.path.replace("<id:id>", str(id))
    path = path.replace("<str:offset>", "0").replace("<str:amount>", "10")
    assert "<" not in path, f"say here what {each.path} needs"
    body = {"id": str(record.pk)} if each.method == "PUT" else None
    if each.method == "POST" and each.takes and not each.optional and "<id:" in each.path:
        body = each.example
    return caller(each.method, path, body)


def test_most_routes_are_about_one_record() -> None:
    assert len(by_id()) >= 13


@pytest.mark.parametrize(("viewset", "each"), by_id(), ids=[each.name for _, each in by_id()])
def test_another_platforms_record_is_not_found(
    api: Api, user: User, platform: Platform, viewset: Any, each: Route
) -> None:
    assert viewset.model in MAKE, f"say here how a {viewset.model.__name__} is made"
    theirs = MAKE[viewset.model]()
    answer = asked(api, viewset, each, theirs, user)
    assert answer.status_code == 404, answer.content
    assert viewset.model._base_manager.filter(pk=theirs.pk).exists()
    mine = MAKE[viewset.model](platform=platform)
    for name, value in FIRST.get(each.name, {}).items():
        setattr(mine, name, value)
        mine.save()
    assert asked(api, viewset, each, mine, user).status_code == 200


def test_lists_and_searches_show_the_own_platform(api: Api, platform: Platform) -> None:
    seen = 0
    for viewset in set(router.viewsets) - OF_EVERYBODY:
        for each in actions(viewset).values():
            if each.path.endswith("/<str:amount>") and "<id:" not in each.path:
                MAKE[viewset.model]()
                mine = MAKE[viewset.model](platform=platform)
                path = each.path.replace("<str:offset>", "0").replace("<str:amount>", "500")
                found = api.ok(each.method, path, {} if each.method == "POST" else None)
                (rows,) = [value for value in found.values() if isinstance(value, list)]
                assert {row["primaryPlatformId"] for row in rows} == {str(platform.pk)}
                assert str(getattr(mine, "uuid", mine.pk)) in {row["id"] for row in rows}
                seen += 1
    assert seen >= 6
