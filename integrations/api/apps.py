"""The API of the App Store: browse, install, settings, uninstall."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from django.templatetags.static import static
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.response import Response

from integrations import definition, store
from integrations.api import app_serializers as wire
from integrations.api import shapes
from integrations.api.integration import TRIES
from integrations.api.living import TOTAL
from integrations.api.refusals import refuse
from integrations.core.errors import Problem
from integrations.core.spellings import MASK
from integrations.models import AppInstallation, Integration, Stale
from integrations.store import App
from integrations.store.installing import Prepared, change, install
from otms.api.errors import Conflict
from otms.api.paging import Page
from otms.api.permissions import may
from otms.api.router import EXAMPLE_ID, route
from otms.api.serializers import MOST_WARNINGS, ErrorItem
from otms.api.views import PlatformViewSet, RoutedViewSet
from otms.documents import timestamp

ONE = {"appInstallation": wire.InstallationSerializer}
GRANTED = wire.AccessTokenSerializer(required=False)
WARNED = {
    **ONE,
    "appAccessToken": GRANTED,
    "warnings": ErrorItem(many=True, required=False),
}


class AppViewSet(RoutedViewSet):
    """The store: the same for every platform."""

    group = "App Store"

    @route(
        "GET",
        "app-store/browse/<str:offset>/<str:amount>",
        "get:apps",
        answers={"apps": wire.AppSerializer(many=True), **TOTAL},
        query=wire.BrowseQuery,
    )
    def browse(self, request: Any, offset: str, amount: str) -> Response:
        """The apps there are, by name."""
        asked = wire.BrowseQuery(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        category = asked.validated_data.get("category_id")
        known = sorted({app.category["id"] for app in store.apps()})
        if category not in (None, *known):
            text = f"There is no category {category[:80]!r}; there are: {', '.join(known)}."
            refuse([Problem("categoryId", "invalid_choice", text)])
        found = [app for app in store.apps() if category in (None, app.category["id"])]
        page = Page.of(offset, amount)
        rows = [app_row(app, request) for app in found[page.offset : page.offset + page.amount]]
        return Response({"apps": rows, "totalResults": len(found)})

    @route("GET", "app/<str:app>", "get:app", answers={"app": wire.AppSerializer})
    def retrieve(self, request: Any, app: str) -> Response:
        """One app, with the settings it wants."""
        return Response({"app": app_row(app_called(app), request)})


class InstallationViewSet(PlatformViewSet):
    """The apps that a platform has installed."""

    model = AppInstallation
    noun = "appInstallation"
    group = "App Store"
    serializer = wire.InstallationSerializer

    @route(
        "POST",
        "app/<str:app>/install",
        "install:app",
        takes=wire.InstallSerializer,
        answers=WARNED,
        optional=True,
        example={
            "settings": {"url": "https://erp.example/orders", "secret": "a secret that both know"}
        },
    )
    def install(self, request: Any, app: str) -> Response:
        """Install an app; with its settings it is checked and works at once."""
        found = app_called(app)
        reader = self.read(wire.InstallSerializer)
        refuse(list(misplaced(found, reader)))
        self._check_grant(found)
        given = dict(reader.validated_data)
        nonce = given.pop("nonce", None)
        for _ in range(TRIES):
            with refused(), suppress(Stale):
                prepared = install(self.platform, found, by=str(request.user), **given)
                return self._answer(prepared, prepared.write(), reader, nonce)
        raise Conflict("Others install apps under this name at this moment; try again.")

    @route(
        "GET",
        "apps/installed",
        "get:appInstallations",
        answers={"appInstallations": wire.InstallationSerializer(many=True), **TOTAL},
    )
    def list(self, request: Any) -> Response:
        """What is installed, newest first; not what was uninstalled."""
        found = self.records.living().order_by("-created_at", "id")
        rows = [self._row(each) for each in found.prefetch_related("tokens", "integrations")]
        return Response({"appInstallations": rows, "totalResults": len(rows)})

    @route("GET", "appInstallation/<id:id>", "get:appInstallation", answers=ONE)
    def retrieve(self, request: Any, id: UUID) -> Response:
        """One installation, uninstalled ones too."""
        return Response({"appInstallation": self._row(self.record(id))})

    @route(
        "PUT",
        "appInstallation",
        "update:appInstallation",
        takes=wire.InstallationSerializer(partial=True),
        answers=WARNED,
        example={"id": EXAMPLE_ID, "settings": {"actions": ["created"]}},
    )
    def update(self, request: Any) -> Response:
        """Change settings: checked with the target first; refused, the old ones go on working."""
        id = self.body_id()
        reader = self.read(wire.InstallationSerializer, partial=True)
        given = {name: value for name, value in reader.validated_data.items() if name != "id"}
        nonce = given.pop("nonce", None)
        for _ in range(TRIES):
            installation = self.record(id)
            self.check_stored(installation)
            self._check_grant(app_of(installation))
            if installation.is_uninstalled:
                raise Conflict("This app was uninstalled; install it again.")
            with refused(), suppress(Stale):
                prepared = change(app_of(installation), installation, **given)
                return self._answer(prepared, prepared.write(), reader, nonce)
        raise Conflict("Others keep changing this installation at this moment; try again.")

    @route("DELETE", "appInstallation/<id:id>", "delete:appInstallation", answers=ONE)
    def destroy(self, request: Any, id: UUID) -> Response:
        """Uninstall: what waits is cancelled, the token is refused, the history stays."""
        installation = self.record(id)
        installation.uninstall()
        return Response({"appInstallation": self._row(installation)})

    def _check_grant(self, app: App) -> None:
        """An app is granted what its manifest asks for: nobody gives more than they may."""
        if beyond := [name for name in app.permissions if not may(self.request, name)]:
            raise PermissionDenied(
                f"{app.name} wants to call {', '.join(beyond)}, which you may not with what you "
                "show: somebody who may has to install it."
            )

    def _answer(self, prepared: Prepared, token: Any, reader: Any, nonce: Any) -> Response:
        row = self._row(self.record(prepared.installation.pk))
        warnings = [*reader.warnings(), *unknown_paths(prepared)]
        return Response(
            {
                "appInstallation": {**row, **({} if nonce is None else {"nonce": nonce})},
                **({"appAccessToken": token} if token else {}),
                **({"warnings": warnings[:MOST_WARNINGS]} if warnings else {}),
            }
        )

    def _row(self, installation: AppInstallation) -> dict[str, Any]:
        app = store.find(installation.app)
        settings = installation.masked(MASK, app.secrets if app else ())
        needs = app.missing({**app.defaults, **settings}) if app else []
        tokens = [each for each in installation.tokens.all() if each.revoked_at is None]
        return {
            "id": str(installation.pk),
            "uuid": str(installation.pk),
            "primaryPlatformId": str(installation.platform_id),
            "name": installation.name,
            "app": app_row(app, self.request) if app else None,
            "version": installation.version,
            "status": installation.status,
            "message": installation.message or installation.unreadable,
            "missing": [] if installation.is_uninstalled else needs,
            "settings": settings,
            "permissions": tokens[0].permissions if tokens else [],
            "integrations": [
                {"id": str(each.pk), "name": each.name} for each in installation.integrations.all()
            ],
            "installedBy": installation.installed_by,
            "createdAt": timestamp(installation.created_at),
            "updatedAt": timestamp(installation.updated_at),
        }


def app_row(app: App, request: Any) -> dict[str, Any]:
    """An app as the API shows it."""
    logo = {"url": request.build_absolute_uri(static(app.logo))} if app.logo else None
    return {
        "id": app.key,
        "name": app.name,
        "description": app.description,
        "logo": logo,
        "publisher": app.publisher,
        "lastVersion": {"version": app.version, "releaseNotes": app.release_notes},
        "category": app.category,
        "permissions": list(app.permissions),
        "settings": {name: setting.shown() for name, setting in app.settings.items()},
    }


def app_called(key: str) -> App:
    """The app with this id, or a 404 that names those there are."""
    if app := store.find(key):
        return app
    text = f"There is no app with the id {key[:80]!r}; there are: {', '.join(store.known())}."
    raise NotFound(text)


def misplaced(app: App, reader: Any) -> Iterator[Problem]:
    """Settings that stand beside `settings` and not in it."""
    for name in app.settings.keys() & reader.initial_data.keys() - reader.fields.keys():
        text = f'This is a setting of {app.name}: write {{"settings": {{"{name}": ...}}}}.'
        yield Problem(name, "misplaced", text)


def app_of(installation: AppInstallation) -> App:
    """The app that was installed; a 409 when it left the store."""
    if app := store.find(installation.app):
        return app
    text = f"The app {installation.app!r} is no longer in the store: uninstall it, or leave it be."
    raise Conflict(text)


@contextmanager
def refused() -> Iterator[None]:
    """What can't be installed like this: a 400 with each problem at its setting."""
    try:
        yield
    except definition.Invalid as error:
        refuse(error.problems)


def unknown_paths(prepared: Prepared) -> Iterator[dict[str, str]]:
    """Paths that no document has, at the settings that they were typed into."""
    for part in prepared.parts:
        integration = part.draft.integration
        for found in shapes.warnings(
            Integration.objects.of(integration.platform).get(pk=integration.pk)
        ):
            if name := part.filled.setting_at(found["field"]):
                yield {**found, "field": f"settings.{name}"}


viewsets = [AppViewSet, InstallationViewSet]
