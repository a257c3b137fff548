"""A data source of an integration: put together of what was given, its secrets apart; and shown."""

from collections.abc import Iterator
from typing import Any

from integrations import connectors
from integrations.connectors import base
from integrations.core.errors import Problem
from integrations.core.spellings import MASK
from integrations.models import DataSource, Integration
from otms.db.sealing import UNREADABLE

FIELDS = (
    *("name", "use", "connector", "settings"),
    *("filters", "mapping", "success", "remember"),
)


def shown(source: DataSource) -> dict[str, Any]:
    settings = base.merged(source.settings or {}, dict.fromkeys(held(source), MASK))
    return {
        "id": str(source.pk),
        "name": source.name,
        "use": source.use,
        "connector": source.connector,
        "settings": base.merged(settings, told(source)),
        "filters": source.filters or [],
        "mapping": source.mapping,
        "success": source.success,
        "remember": source.remember or None,
    }


def held(source: DataSource) -> list[str]:
    """The names of its stored secrets; if no key opens them, those it may have by its settings."""
    if source.secrets.are_readable:
        return list(source.secrets)
    if source.connector not in connectors.known():
        return []
    connector = connectors.load(source.connector)
    settings = source.settings or {}
    return [
        name for name in connector.secret_names() if connector.bound_to(settings, name) is not None
    ]


def assembled(
    integration: Integration, stored: DataSource | None, given: dict[str, Any]
) -> tuple[DataSource, list[Problem]]:
    """The data source with what was given, its secrets apart from its settings."""
    source = stored or DataSource(platform_id=integration.platform_id, integration=integration)
    source.pk = given.get("id", source.pk)
    before = source.connector, source.settings or {}
    problems: list[Problem] = []
    for name in FIELDS:
        if name in given and name != "settings":
            setattr(source, name, given[name])
    source.filters = None if source.filters == [] else source.filters
    source.remember = source.remember or ""
    if source.connector != before[0]:  # also without settings: those may come with the next call
        source.secrets = {}
    if "settings" in given and source.connector in connectors.known():
        connector = connectors.load(source.connector)
        settings, typed = base.parted(given["settings"], connector.secret_names())
        settings, _ = base.parted(settings, connector.told_names())
        settings = _trimmed(settings)

        def moved(name: str) -> bool:
            """A secret is for whom it was typed for: whoever may edit may not read it."""
            then, since = (connector.bound_to(each, name) for each in (before[1], settings))
            return before[0] != source.connector or then != since

        known = source.secrets if source.secrets.are_readable else {}
        if not source.secrets.are_readable:
            # Nobody knows what there is, so nothing is kept or lost in silence.
            asked = [name for name in held(source) if name not in connector.unasked()]
            lost = {name: typed.get(name, MASK) for name in {**dict.fromkeys(asked), **typed}}
            problems += _unreadable_problems(lost)
            typed = {name: value for name, value in typed.items() if value != MASK}
        used = {
            name: value
            for name, value in known.items()
            if connector.bound_to(settings, name) is not None
        }
        kept = {name: value for name, value in used.items() if not moved(name)}
        left = used.keys() - kept.keys() if stored is not None else set()
        for name in {**dict.fromkeys(left), **typed}:
            value = typed.get(name, MASK)
            problems += _secret_problems(name, value, held=name in kept, left=name in left)
        new = {name: value for name, value in typed.items() if value != MASK}
        source.settings = settings
        if problems and not source.secrets.are_readable:
            return source, problems
        source.secrets = {k: v for k, v in {**kept, **new}.items() if v not in ("", None)}
    return source, problems


def _trimmed(value: Any) -> Any:
    """As a connector's own check reads it: without the blanks that a paste brings along.

    Not so a secret, which is kept as it is typed: blanks may be part of it.
    """
    if isinstance(value, dict):
        return {name: _trimmed(each) for name, each in value.items()}
    return value.strip() if isinstance(value, str) else value


def told(source: DataSource) -> dict[str, Any]:
    """What a data source tells of itself beside its settings, such as a public key."""
    if source.connector not in connectors.known() or not source.secrets.are_readable:
        return {}
    told: dict[str, Any] = connectors.load(source.connector)(
        source.settings or {}, source.secrets
    ).told
    return told


def secrets_of(source: DataSource) -> Any:
    """To be compared; what no key opens, as it is stored."""
    known = source.secrets.are_readable
    return dict(source.secrets) if known else str(source.secrets.as_stored)


def _secret_problems(name: str, value: Any, *, held: bool, left: bool) -> Iterator[Problem]:
    if value is not None and not isinstance(value, str):
        yield Problem(f"settings.{name}", "invalid", f"Write the {name} as text.")
    elif value == MASK and left:
        text = f"This leads to another place now: type the {name} again; null sends without."
        yield Problem(f"settings.{name}", "secret_bound", text)
    elif value == MASK and not held:
        text = f"{MASK} stands for a stored {name}, and there is none: type it, or leave it out."
        yield Problem(f"settings.{name}", "secret_missing", text)


def _unreadable_problems(lost: dict[str, Any]) -> Iterator[Problem]:
    for name, value in lost.items():
        if value == MASK:
            text = f"The stored {name} {UNREADABLE} Or type it again; null sends without."
            yield Problem(f"settings.{name}", "secrets_unreadable", text)
