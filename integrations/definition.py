"""An integration as one document: shown whole, checked whole, saved whole."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Count, Max, Min
from django.utils.timezone import now

from integrations import connectors
from integrations.core import delivery, schedule
from integrations.core.errors import Problem
from integrations.models import DataSource, Integration, IntegrationObject, Status
from otms.accounts.models import Platform
from otms.documents import timestamp

MASK = "***"


class Invalid(Exception):
    """What was given can't be saved; every problem with its field."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems[0].message)
        self.problems = problems


def shown(integrations: Iterable[Integration]) -> list[dict[str, Any]]:
    """The integrations as the API shows them, secrets masked, with their health."""
    found = list(integrations)
    health = _health(found)
    return [
        {
            "id": str(each.pk),
            "uuid": str(each.pk),
            "primaryPlatformId": str(each.platform_id),
            "name": each.name,
            "type": each.type,
            "description": each.description,
            "enabled": each.enabled,
            "trigger": each.trigger,
            "filters": each.filters,
            "dataSources": [_data_source(source) for source in each.data_sources.all()],  # type: ignore[attr-defined]
            "schedule": schedule.completed(each.schedule),
            "delivery": delivery.completed(each.delivery),
            "health": health[each.pk],
            "createdAt": timestamp(each.created_at),
            "updatedAt": timestamp(each.updated_at),
        }
        for each in found
    ]


@transaction.atomic
def save(
    platform: Platform, given: dict[str, Any], integration: Integration | None = None
) -> Integration:
    """Make an integration of what was given, or change this one; Invalid names each problem.

    Only what is given changes. A list replaces the list; data sources that name their `id` keep
    the secrets they don't give.
    """
    fields = dict(given)
    sources = fields.pop("data_sources", None)
    integration = integration or Integration(platform=platform)
    for name, value in fields.items():
        setattr(integration, name, value)
    problems = list(integration.problems())
    kept = {source.pk: source for source in integration.data_sources.all()}  # type: ignore[attr-defined]
    made = []
    for position, each in enumerate(sources or []):
        source, found = _assembled(integration, kept.pop(each.get("id"), None), each)
        source.position = position
        made.append(source)
        problems += [p.under(f"dataSources[{position}]") for p in (*found, *source.problems())]
    if problems:
        raise Invalid(problems)
    integration.save()
    if sources is not None:
        for source in kept.values():
            source.delete()
        for source in made:
            source.save()
    return integration


def _assembled(
    integration: Integration, stored: DataSource | None, given: dict[str, Any]
) -> tuple[DataSource, list[Problem]]:
    """The data source with what was given, its secrets apart from its settings."""
    source = stored or DataSource(platform_id=integration.platform_id, integration=integration)
    problems: list[Problem] = []
    for name in ("name", "connector", "mapping", "success"):
        if name in given:
            setattr(source, name, given[name])
    if "settings" in given and source.connector in connectors.known():
        names = connectors.load(source.connector).secret_names()
        settings = {k: v for k, v in given["settings"].items() if k not in names}
        typed = {
            k: v for k, v in given["settings"].items() if k in names and v != MASK and v is not None
        }
        secrets = {**source.secrets, **typed}
        moved = _origin(source.settings) != _origin(settings)
        for name in [name for name in source.secrets if moved and name not in typed]:
            # A secret is for the host it was typed for: whoever may edit may not read it.
            del secrets[name]
            if given["settings"].get(name) == MASK:
                text = f"The URL leads to another host now: type the {name} again, or leave it out."
                problems.append(Problem(f"settings.{name}", "secret_bound", text))
        source.settings = settings
        source.secrets = {k: v for k, v in secrets.items() if v != ""}
    return source, problems


def _origin(settings: dict[str, Any] | None) -> tuple[str, str]:
    parts = urlsplit(str((settings or {}).get("url", "")))
    return parts.scheme, parts.netloc


def _data_source(source: DataSource) -> dict[str, Any]:
    masked = dict.fromkeys(source.secrets, MASK)
    return {
        "id": str(source.pk),
        "name": source.name,
        "use": source.use,
        "connector": source.connector,
        "settings": {**(source.settings or {}), **masked},
        "mapping": source.mapping,
        "success": source.success,
    }


def _health(integrations: list[Integration]) -> dict[Any, dict[str, Any]]:
    """Whether each works: three queries for any number of integrations."""
    ids = [each.pk for each in integrations]
    queue = IntegrationObject.objects.across_platforms().filter(integration__in=ids)
    waiting = {
        row["integration"]: row
        for row in queue.filter(due_at__isnull=False)
        .values("integration")
        .annotate(queued=Count("id"), oldest=Min("due_at"))
    }
    newest = queue.filter(status=Status.SUCCESS).values("integration").annotate(id=Max("id"))
    last = dict(
        queue.filter(id__in=[row["id"] for row in newest]).values_list("integration", "finished_at")
    )
    found = {}
    for each in integrations:
        row = waiting.get(each.pk, {"queued": 0, "oldest": None})
        late = (now() - row["oldest"]).total_seconds() if row["oldest"] else 0
        suspended = each.enabled and bool(each.gate.pause_reason)  # type: ignore[attr-defined]
        found[each.pk] = {
            "state": "SUSPENDED" if suspended else "HEALTHY",
            "reason": each.gate.pause_reason,  # type: ignore[attr-defined]
            "queued": row["queued"],
            "oldestDueSeconds": max(0, round(late)),
            "lastSuccessAt": timestamp(last[each.pk]) if last.get(each.pk) else None,
        }
    return found
