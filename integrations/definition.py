"""An integration as one document: shown whole, checked whole, saved whole."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import transaction

from integrations import connectors, data_source, health
from integrations.connectors import base
from integrations.core import delivery, schedule
from integrations.core.errors import Problem
from integrations.models import DataSource, Integration, Use
from otms import documents
from otms.accounts import audit, difference
from otms.accounts.models import Platform
from otms.db.sealing import UNREADABLE
from otms.documents import timestamp

MOST_SOURCES = 20
OWN_FIELDS = ("name", "type", "description", "trigger", "filters", "inbound", "redact")
NOT_SAID = {"filters": None, "mapping": None, "success": None, "remember": ""}


class Invalid(Exception):
    """What was given can't be saved; every problem with its field."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems[0].message)
        self.problems = problems


class Owned(Exception):
    """The integration was made by something of ours and is changed there; the message says how."""


class Draft(NamedTuple):
    """An integration as it shall be, and its data sources: those that stay, those that go.

    `before` is what the audit trail compares it with; without data sources when they stay.
    """

    integration: Integration
    sources: list[DataSource]
    left_out: list[DataSource]
    before: dict[str, Any]


def shown(integrations: Iterable[Integration]) -> list[dict[str, Any]]:
    """The integrations as the API shows them, secrets masked, with their health."""
    found = list(integrations)
    states = health.of(found)
    for each in found:
        if (lost := unreadable(each)) and states[each.pk]["state"] in ("HEALTHY", "DEGRADED"):
            states[each.pk] |= {"state": "DEGRADED", "reason": lost}
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
            "dataSources": [data_source.shown(source) for source in each.data_sources.all()],
            "schedule": schedule.completed(each.schedule),
            "delivery": delivery.completed(each.delivery),
            "inbound": each.inbound,
            "redact": each.redact,
            "installationId": str(each.installation_id) if each.installation_id else None,
            "health": states[each.pk],
            "createdAt": timestamp(each.created_at),
            "updatedAt": timestamp(each.updated_at),
        }
        for each in found
    ]


def as_given(integration: Integration) -> dict[str, Any]:
    """What `save()` would be given to leave it as it is; a secret is the mask that keeps it."""
    return {
        **{name: getattr(integration, name) for name in (*OWN_FIELDS, "enabled")},
        "schedule": integration.schedule,
        "delivery": integration.delivery,
        "data_sources": [
            {**data_source.shown(source), "id": source.pk}
            for source in integration.data_sources.all()
        ],
    }


def unreadable(integration: Integration) -> str:
    """Which of its data sources have secrets that no key of this server opens; "" if none."""
    lost = [str(each) for each in integration.data_sources.all() if not each.secrets.are_readable]
    return f"The secrets of the data source {', '.join(lost)} {UNREADABLE}" if lost else ""


def save(
    platform: Platform,
    given: dict[str, Any],
    integration: Integration | None = None,
    *,
    by_keeper: bool = False,
) -> Integration:
    """Make an integration of what was given, or change this one; Invalid names each problem.

    Only what is given changes, and nothing at all when that is what is stored already. A list
    replaces the list; data sources that name their `id` keep the secrets they don't give. Checking
    resolves host names, so it is done before the transaction: no lock is held over it, and Stale
    says that somebody else was faster.
    """
    before = _said(integration, integration.data_sources.all()) if integration else b""
    enabled = integration.enabled if integration else None
    draft = checked(platform, given, integration)
    sources = draft.sources if "data_sources" in given else draft.integration.data_sources.all()
    same = before == _said(draft.integration, sources)
    if integration and not by_keeper and integration.kept_by and not same:
        raise Owned(f"Only `enabled` can be changed here. {integration.kept_by}")
    if same and enabled == draft.integration.enabled:
        draft.integration.reopen()
        return draft.integration
    return write(draft)


def write(draft: Draft) -> Integration:
    """Store what was checked; Stale says that somebody else was faster."""
    with transaction.atomic():
        draft.integration.save()
        for source in draft.left_out:
            source.delete()
        for source in draft.sources:
            source.save()
        after = _audited(draft.integration, draft.sources)
        if draft.before and "dataSources" not in draft.before:
            del after["dataSources"]
        _write_down(draft.integration, draft.before, after)
    return draft.integration


@contextmanager
def written_down(integration: Integration) -> Iterator[None]:
    """What a form saves in here goes into the audit trail, in the same transaction."""
    with transaction.atomic():
        before = {} if integration._state.adding else _stored(integration)
        yield
        _write_down(integration, before, _stored(integration))


def _stored(integration: Integration) -> dict[str, Any]:
    stored = Integration.objects.of(integration.platform_id).get(pk=integration.pk)
    return _audited(stored, stored.data_sources.all())


def _audited(integration: Integration, sources: Iterable[DataSource]) -> dict[str, Any]:
    """All that people say of an integration, as the audit trail compares and shows it."""
    return {
        **{name: getattr(integration, name) for name in (*OWN_FIELDS, "enabled")},
        "schedule": integration.schedule,
        "delivery": integration.delivery,
        "dataSources": [
            {
                "id": str(source.pk),
                "name": str(source),
                "position": source.position,
                "use": source.use,
                "connector": source.connector,
                "settings": base.merged(source.settings or {}, difference.hidden(source.secrets)),
                "success": source.success,
                "remember": source.remember,
                "filters": source.filters or [],
                "mapping": source.mapping,
            }
            for source in sources
        ],
    }


def _write_down(integration: Integration, before: dict[str, Any], after: dict[str, Any]) -> None:
    action = "update:integration" if before else "create:integration"
    if changes := difference.changes(before, after):
        audit.record(action, integration, changes)


def delete(integration: Integration) -> bool:
    """Delete it softly; False when somebody else did. What keeps it, alone may delete it."""
    if integration.kept_by:
        raise Owned(integration.kept_by)
    return integration.retire()


def checked(
    platform: Platform, given: dict[str, Any], integration: Integration | None = None
) -> Draft:
    """What `save()` would write, nothing of it written yet; Invalid names each problem."""
    fields = dict(given)
    sources = fields.pop("data_sources", None)
    integration = integration or Integration(platform=platform)
    kept = {source.pk: source for source in integration.data_sources.all()}
    before = {} if integration._state.adding else _audited(integration, kept.values())
    if sources is None:
        before.pop("dataSources", None)
    for name, value in fields.items():
        setattr(integration, name, value)
    problems = list(integration.problems())
    made: list[DataSource] = []
    if len(sources or []) > MOST_SOURCES:
        text = f"An integration has at most {MOST_SOURCES} data sources."
        raise Invalid([Problem("dataSources", "too_many", text)])
    named = {each["id"] for each in sources or [] if "id" in each}
    for position, each in enumerate(sources or []):
        stored = kept.pop(each.get("id"), None)
        if "id" not in each and (id := _meant(each, kept, named)):
            # Written anew under the name it had: what is left out is not set, but for its secrets.
            stored, each = kept.pop(id), {**NOT_SAID, **each, "id": id}
        source, found = data_source.assembled(integration, stored, each)
        if "id" in each and source._state.adding and _is_taken(source, made):
            found.append(Problem("id", "taken", "This id is taken; leave it out for a new one."))
        source.position = position
        made.append(source)
        told = {problem.field for problem in found}
        found += [problem for problem in source.problems() if problem.field not in told]
        problems += [problem.under(f"dataSources[{position}]") for problem in found]
    living = made if sources is not None else list(kept.values())
    problems += together(living, integration.delivery)
    if problems:
        raise Invalid(problems)
    return Draft(integration, made, [] if sources is None else list(kept.values()), before)


def together(sources: list[DataSource], delivered: Any) -> Iterator[Problem]:
    """What is wrong with steps that ask or remember, beside the others.

    Each needs a name of its own, one that asks a step behind it, and one that remembers the order:
    two changes at once would both create the record. `delivered` is how, as it is written.
    """
    ordered = not isinstance(delivered, dict) or delivered.get("ordering") != "none"
    names: set[str] = set()
    for position, source in enumerate(sources):
        if source.use != Use.ENRICH and not source.remember:
            continue
        at = f"dataSources[{position}]"
        if not source.name:
            part = "answer is at $.steps" if source.use == Use.ENRICH else "id is at $.remote"
            yield Problem(f"{at}.name", "required", f"Give it a name: its {part}.<name>.")
        elif source.name in names:
            text = (
                f"There is another step {source.name!r}; the answer of one would hide the other's."
            )
            yield Problem(f"{at}.name", "taken", text)
        elif source.remember and not ordered:
            text = (
                "Two changes of a record would both create it where they are sent at once; "
                "write `delivery.ordering` as perEntity to remember."
            )
            yield Problem(f"{at}.remember", "without_order", text)
        elif source.use == Use.ENRICH and source is sources[-1]:
            text = (
                "Nothing comes behind this step that could use its answer: add one that delivers."
            )
            yield Problem(f"{at}.use", "without_use", text)
        names.add(source.name)


def warnings(integration: Integration) -> Iterator[Problem]:
    """What may be saved and will probably not work; it resolves host names, as checking does."""
    for position, source in enumerate(integration.data_sources.all()):
        secrets = source.secrets if source.secrets.are_readable else {}
        found = connectors.load(source.connector).warnings(source.settings or {}, secrets)
        yield from (problem.under(f"dataSources[{position}].settings") for problem in found)


def _meant(given: dict[str, Any], kept: dict[Any, DataSource], named: set[Any]) -> Any:
    """The id of the one stored data source with this name and connector, unless another has it."""
    like = (given.get("name", ""), given.get("connector", DataSource().connector))
    found = [
        id for id, each in kept.items() if id not in named and (each.name, each.connector) == like
    ]
    return found[0] if len(found) == 1 else None


def _said(integration: Integration, sources: Iterable[DataSource]) -> bytes:
    """All that a person says about an integration, secrets too, but not `enabled`."""
    own = [getattr(integration, name) for name in OWN_FIELDS]
    completed = schedule.completed(integration.schedule), delivery.completed(integration.delivery)
    fields = [
        [
            str(each.pk),
            data_source.secrets_of(each),
            *(getattr(each, name) for name in data_source.FIELDS),
        ]
        for each in sources
    ]
    return documents.dumps([own, completed, fields])


def _is_taken(source: DataSource, others: list[DataSource]) -> bool:
    stored = DataSource.objects.across_platforms().filter(pk=source.pk)
    return source.pk in {other.pk for other in others} or stored.exists()
