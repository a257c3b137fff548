"""What each integration made of a record's newest change, and why those that made nothing did.

A save that nobody listens to has no object in the queue: what there is to say of it is told from
what the integrations say now.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from integrations import entities, story
from integrations.core import origin
from integrations.models import EntityChange, Integration, IntegrationObject

MOST = 100  # integrations that one answer tells of, and newest objects that it looks at
MOST_CALLED = 10  # records of the same name


@dataclass(frozen=True)
class Told:
    """One integration, its newest object about the record if it has one, and what to say of it."""

    integration: Integration
    object: IntegrationObject | None
    why: str


@dataclass(frozen=True)
class Explanation:
    """The record's last change, and each integration that is about such records."""

    change: EntityChange | None
    why: str
    integrations: list[Told]


def find(platform_id: Any, entity: str, reference: str) -> list[UUID]:
    """The records that people call so (10 at most), the one that changed last first; else one that
    was deleted."""
    kind = entities.load(entity)
    records = kind.root._default_manager.of(platform_id).filter(kind.called(reference))
    if found := list(records.order_by("-updated_at").values_list("pk", flat=True)[:MOST_CALLED]):
        return found
    queued = IntegrationObject.objects.of(platform_id).filter(entity=entity, reference=reference)
    return list(queued.order_by("-pk").values_list("entity_id", flat=True)[:1])


def record(platform_id: Any, entity: str, entity_id: Any) -> Explanation:
    """What became of the changes of this record, the newest of each integration."""
    changes = EntityChange.objects.of(platform_id).filter(entity=entity, entity_id=entity_id)
    changes = changes.exclude(origin=origin.REPLAY)  # nothing changed then
    if not (change := changes.order_by("-pk").select_related("origin_integration").first()):
        text = (
            "No change of this record is known: it was not saved since integrations are told, or "
            "that is longer ago than history is kept."
        )
        return Explanation(None, text, [])
    about = Integration.objects.of(platform_id).living().filter(trigger_entity=entity)
    listed = list(about.select_related("gate").order_by("name", "pk")[:MOST])
    # What was queued by one that has been deleted, or is about something else now, is told too.
    queued = IntegrationObject.objects.of(platform_id).filter(entity=entity, entity_id=entity_id)
    newest = queued.select_related("integration__gate", "change", "since").order_by("-pk")[:MOST]
    objects = {obj.integration_id: obj for obj in reversed(newest)}
    known = {each.pk for each in listed}
    listed += [obj.integration for obj in objects.values() if obj.integration_id not in known]
    told = [_told(each, objects.get(each.pk), change) for each in listed]
    return Explanation(change, _in_short(change, told), told)


def _in_short(change: EntityChange, told: list[Told]) -> str:
    label = entities.load(change.entity).label.lower()
    last = f"The last change of the {label} was that it was {change.action}"
    if not told:
        return f"No integration is about a {label}: nobody was told."
    queued = sum(each.object is not None for each in told)
    if not queued:
        return f"{last}; no integration has heard of it."
    noun = "integration" if queued == 1 else "integrations"
    return f"{last}; {queued} {noun} had to do with it."


def _told(integration: Integration, obj: IntegrationObject | None, change: EntityChange) -> Told:
    if obj is None:
        return Told(integration, None, _why_not(integration, change))
    obj.integration = integration
    said = " ".join(story.in_words(obj))
    if obj.change.pk < change.pk:
        then = f"Of the change of {story.at(obj.change.created_at)} ({obj.change.action}): {said}"
        said = f"{then} Of the last one: {_why_not(integration, change)}"
    return Told(integration, obj, said)


def _why_not(integration: Integration, change: EntityChange) -> str:
    """Why it has nothing in the queue for this change, by what it says now."""
    actions = integration.trigger.get("actions", [])
    if change.origin_integration_id == integration.pk:
        return "It brought this change in itself, by an import, and is not told what it told us."
    if change.action not in actions:
        wanted = " and ".join(actions)
        return f"It listens to records that are {wanted}; this one was {change.action}."
    if not integration.enabled:
        return "It is not enabled: changes are not queued for it."
    if integration.created_at > change.created_at:
        made, saved = story.at(integration.created_at), story.at(change.created_at)
        return f"It was made at {made}, after this change of {saved}."
    if integration.updated_at > change.created_at:
        return (
            f"It would listen as it is now, but was changed at {story.at(integration.updated_at)}, "
            f"after this change of {story.at(change.created_at)}."
        )
    return "Nothing is known of it: what it had in the queue was forgotten with its history."
