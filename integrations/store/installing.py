"""Install an app, and change what is installed: checked first, with the target, then stored.

Nothing is stored before the connection check of every target said yes, and no transaction is open
while they are asked. Then one transaction stores all of it.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction

from integrations import connectors, definition
from integrations.connectors import base
from integrations.core import mapping
from integrations.core.errors import MappingError, Problem
from integrations.core.spellings import MASK
from integrations.definition import Draft, Invalid
from integrations.models import (
    AppAccessToken,
    AppInstallation,
    DataSource,
    InstallationStatus,
    Integration,
    IntegrationType,
    Stale,
)
from integrations.store.filling import Filled, filled
from integrations.store.manifest import App
from otms.accounts import audit, difference
from otms.accounts.models import Platform
from otms.db.sealing import UNREADABLE
from otms.spelling import did_you_mean

CHECKING = 10.0  # seconds, for all targets of an installation together
LONGEST_NAME = 200


class Part(NamedTuple):
    """One integration of an installation as it shall be, and where its settings went."""

    draft: Draft
    filled: Filled


@dataclass
class Prepared:
    """An installation as it shall be, checked; nothing of it is written yet."""

    app: App
    installation: AppInstallation
    parts: list[Part] = field(default_factory=list)
    changed: bool = True

    def write(self) -> dict[str, Any] | None:
        """Store it; gives the access token as it is shown, if this is when one is granted.

        Stale says that somebody else changed it since it was read.
        """
        if not self.changed:
            for integration in _integrations(self.installation):
                integration.reopen()  # saved again, it goes on if the engine suspended it
            return None
        try:
            with transaction.atomic():
                return self._write(self.installation)
        except IntegrityError:
            if not _is_taken(self.installation, self.installation.name):
                raise
            raise Stale from None  # somebody took the name since it was looked at

    def _write(self, installation: AppInstallation) -> dict[str, Any] | None:
        before: dict[str, Any] = {}
        if installation._state.adding:
            installation.save()
        else:
            installation.hold()
            stored = AppInstallation.objects.of(installation.platform_id)
            before = stored.get(pk=installation.pk).audited()
        shown = self._store(installation)
        action = "update:appInstallation" if before else "install:app"
        audit.record(action, installation, difference.changes(before, installation.audited()))
        return shown

    def _store(self, installation: AppInstallation) -> dict[str, Any] | None:
        if not self.parts:
            installation.save()
            return None
        begins = installation.status == InstallationStatus.INSTALLING
        installation.activate()
        kept = [part.draft.integration.pk for part in self.parts]
        for left_out in _integrations(installation).exclude(pk__in=kept):
            left_out.retire(f"Version {self.app.version} of the app does without it.")
        for part in self.parts:
            part.draft.integration.installation = installation
            definition.write(part.draft)
        if begins and self.app.permissions:
            return AppAccessToken.generate(installation, list(self.app.permissions))[1]
        return None


def install(
    platform: Platform, app: App, *, by: str, name: str = "", settings: dict[str, Any] | None = None
) -> Prepared:
    """A new installation; asked for without the settings it needs, one that waits for them.

    Who names none means the one that waits, if there is one.
    """
    installation = AppInstallation(
        platform=platform, app=app.key, version=app.version, installed_by=by
    )
    waiting = AppInstallation.objects.of(platform).filter(
        app=app.key, status=InstallationStatus.INSTALLING
    )
    found = None if name else waiting.order_by("created_at").first()
    if settings or not app.missing(app.defaults):
        if found:
            return change(app, found, settings=settings)
        return change(app, installation, name=name or free_name(platform, app), settings=settings)
    if found:
        return Prepared(app, found, changed=False)
    _rename(installation, name or free_name(platform, app))
    titles = ", ".join(app.settings[each].title for each in app.missing(app.defaults))
    installation.message = f"It needs settings: {titles}."
    return Prepared(app, installation)


def change(
    app: App,
    installation: AppInstallation,
    *,
    name: str | None = None,
    settings: dict[str, Any] | None = None,
) -> Prepared:
    """An installation with what is given, the rest as it is; Invalid names each problem.

    It is brought to the version of the app that is in the store now.
    """
    stored = {**installation.settings, **_known(app, installation, settings or {})}
    given = _merged(app, stored, settings or {})
    is_active = installation.status == InstallationStatus.ACTIVE
    outdated = is_active and installation.version != app.version
    same = given == stored and not outdated and not installation._state.adding
    renamed = _rename(installation, name)
    if same and not (is_active and renamed):
        return Prepared(app, installation, changed=renamed)
    values = {**app.defaults, **given}
    if missing := app.missing(values):
        text = "This is required."
        raise Invalid([Problem(f"settings.{each}", "required", text) for each in missing])
    installation.version = app.version
    installation.settings = {k: v for k, v in values.items() if not app.settings[k].secret}
    installation.secrets = {k: v for k, v in values.items() if app.settings[k].secret}
    typed = {name for name, value in (settings or {}).items() if value != MASK}
    kept = {name for name in installation.secrets if name in stored and name not in typed}
    before = {source.pk: _bindings(source) for source in _sources(installation)}
    parts = integrations_of(app, installation, values)
    if problems := list(_bound(parts, before, kept)):
        raise Invalid(problems)
    if not same and (problems := list(_refusals(app, parts))):
        raise Invalid(problems)
    return Prepared(app, installation, parts)


def integrations_of(app: App, installation: AppInstallation, values: dict[str, Any]) -> list[Part]:
    """What an installation with these values has: checked, and no target asked."""
    return [_part(app, installation, key, values) for key in app.parts]


def _merged(app: App, stored: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """What is stored, with what is given in its place; null and "" take a value away."""
    merged = {name: value for name, value in stored.items() if name in app.settings}
    problems = []
    for name, value in given.items():
        setting = app.settings.get(name)
        if setting is None:
            hint = did_you_mean(name, app.settings) or f" There are: {', '.join(app.settings)}."
            text = f"{app.name} has no setting {name[:80]!r}.{hint}"
            problems.append(Problem(f"settings.{name}", "unknown_field", text))
        elif setting.secret and value == MASK:
            if name not in stored:
                text = f"{MASK} stands for a stored value, and there is none: type it."
                problems.append(Problem(f"settings.{name}", "secret_missing", text))
        elif (cleaned := setting.cleaned(value)) is None:
            merged.pop(name, None)
        elif wrong := setting.problem(cleaned):
            problems.append(Problem(f"settings.{name}", "invalid", wrong))
        else:
            merged[name] = cleaned
    if problems:
        raise Invalid(problems)
    return merged


def _rename(installation: AppInstallation, name: str | None) -> bool:
    """Give it this name; is it another than it had? Invalid if it can't have it."""
    if name is None or name == installation.name:
        return False
    if _is_taken(installation, name):
        text = f"There is an installation called {name!r}; choose another name."
        raise Invalid([Problem("name", "taken", text)])
    installation.name = name
    return True


def _is_taken(installation: AppInstallation, name: str) -> bool:
    living = AppInstallation.objects.of(installation.platform_id).living()
    return living.filter(name=name).exclude(pk=installation.pk).exists()


def free_name(platform: Platform, app: App) -> str:
    """The app's name, with a number if there are installations that have it."""
    living = AppInstallation.objects.of(platform).living().filter(name__startswith=app.name)
    taken = set(living.values_list("name", flat=True))
    numbered = (f"{app.name} {number}" for number in range(2, len(taken) + 3))
    return next(name for name in (app.name, *numbered) if name not in taken)


def _integrations(installation: AppInstallation) -> Any:
    living = Integration.objects.of(installation.platform_id).living()
    return living.filter(installation=installation)


def _sources(installation: AppInstallation) -> Any:
    of = DataSource.objects.of(installation.platform_id)
    return of.filter(integration__installation=installation)


def _part(app: App, installation: AppInstallation, key: str, values: dict[str, Any]) -> Part:
    """One integration, checked. It has its id from the installation: it is found again by it."""
    made = filled(app.parts[key], values)
    said = made.document
    id = uuid5(installation.pk, key)
    given = {
        "id": id,
        "name": _name_of(app, installation, said.get("name", key)),
        "type": IntegrationType.MANUAL.value,
        "description": said.get("description", f"Made by the app {app.name}."),
        "trigger": said["trigger"],
        "filters": said.get("filters", []),
        "delivery": said.get("delivery", {}),
        "data_sources": [
            _source(id, place, each) for place, each in enumerate(said["dataSources"])
        ],
    }
    stored = _integrations(installation).filter(pk=id).first()
    try:
        draft = definition.checked(installation.platform, given, stored)
    except Invalid as error:
        raise Invalid([_at_setting(each, made) for each in error.problems]) from None
    return Part(draft, made)


def _name_of(app: App, installation: AppInstallation, title: str) -> str:
    alone = len(app.parts) == 1
    return installation.name if alone else f"{installation.name[:130]}: {title}"


def _source(integration: UUID, place: int, said: dict[str, Any]) -> dict[str, Any]:
    """A data source as the API would be sent it; a secret that is not set is taken away."""
    known = said["connector"] in connectors.known()
    names = connectors.load(said["connector"]).secret_names() if known else []
    unset = [name for name in names if base.value_at(said["settings"], name) is None]
    settings = base.merged(said["settings"], dict.fromkeys(unset, ""))
    return {**said, "id": uuid5(integration, str(place)), "settings": settings}


def _at_setting(problem: Problem, made: Filled) -> Problem:
    """The problem, at the setting that it comes from."""
    if name := made.setting_at(problem.field):
        return Problem(f"settings.{name}", problem.code, problem.message)
    return Problem("settings", problem.code, f"{problem.field}: {problem.message}")


def _bindings(source: DataSource) -> dict[str, Any]:
    """Whom each secret of a data source is for."""
    connector = connectors.load(source.connector)
    settings = source.settings or {}
    return {
        name: (source.connector, connector.bound_to(settings, name))
        for name in connector.secret_names()
    }


def _bound(
    parts: list[Part], before: dict[UUID, dict[str, Any]], kept: set[str]
) -> Iterator[Problem]:
    """Stored secrets that would go to another place than they were typed for."""
    moved: set[str] = set()
    for part in parts:
        for place, source in enumerate(part.draft.sources):
            now = _bindings(source)
            then = before.get(source.pk, now)
            changed = {name for name in now if then.get(name) != now[name]}
            for name in changed:
                where = f"dataSources[{place}].settings.{name}"
                moved |= part.filled.settings_under(where) & kept
    for name in sorted(moved):
        text = f"This leads to another place now: type the {name} again."
        yield Problem(f"settings.{name}", "secret_bound", text)


def _known(app: App, installation: AppInstallation, typed: dict[str, Any]) -> Any:
    """Its stored secrets; where no key opens them, all have to be typed again."""
    if installation.secrets.are_readable:
        return installation.secrets
    lost = [name for name in app.secrets if typed.get(name, MASK) == MASK]
    if lost:
        text = f"The stored value {UNREADABLE} Or type it again."
        raise Invalid([Problem(f"settings.{name}", "secrets_unreadable", text) for name in lost])
    return {}


def _refusals(app: App, parts: list[Part]) -> Iterator[Problem]:
    """What the targets say against it; each is asked, and nothing is delivered."""
    deadline = time.monotonic() + CHECKING
    for part in parts:
        for place, source in enumerate(part.draft.sources):
            connector = connectors.load(source.connector)(source.settings, source.secrets)
            left = max(deadline - time.monotonic(), 1.0)
            try:
                sample = _sample(app, source)
            except MappingError as error:  # such as an object, where a text has a place for a value
                where = f"dataSources[{place}].mapping.{error.target}"
                yield _at_setting(Problem(where, "mapping_error", error.said), part.filled)
                continue
            if reason := connector.check(timeout=left, sample=sample):
                from_ = part.filled.settings_under(f"dataSources[{place}].settings")
                field = f"settings.{from_.pop()}" if len(from_) == 1 else "settings"
                yield Problem(field, "check_failed", reason)


def _sample(app: App, source: DataSource) -> Any:
    """A document such as will be delivered: what the mapping makes of the app's example."""
    document = app.example["document"]
    if source.mapping is None:
        return document
    return mapping.compile(source.mapping).apply(document).value
