"""What each integration did last about a record, what it made of the newest change, or why nothing.

A save that nobody listens to has no object in the queue: what there is to say of it is told from
what the integrations say now.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Max, Q
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations import entities, story, surroundings
from integrations.core import origin
from integrations.models import EntityChange, Integration, IntegrationObject, Status
from otms.accounts.audit import AuditEntry

# Integrations that one answer tells of, and as many that are about such records no more.
MOST = 100
MOST_ENTRIES = 1000  # of the audit trail, since a change
MOST_CALLED = 10  # records of the same name


@dataclass(frozen=True)
class Told:
    """One integration, its newest object about the record if it has one, and what to say of it.

    `missed`: the record's last change that it listens to, where it was not told of that and can be.
    """

    integration: Integration
    object: IntegrationObject | None
    why: str
    missed: EntityChange | None = None


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
    records = kind.root._default_manager.of(platform_id)
    # One after the other: asked for all at once, each record of the platform would be looked at.
    found = {
        id: changed
        for called in kind.called(reference)
        for id, changed in records.filter(called)
        .order_by("-updated_at")
        .values_list("pk", "updated_at")[:MOST_CALLED]
    }
    if found:
        return sorted(found, key=lambda id: found[id], reverse=True)[:MOST_CALLED]
    queued = IntegrationObject.objects.of(platform_id).filter(entity=entity, reference=reference)
    return list(queued.order_by("-pk").values_list("entity_id", flat=True)[:1])


def record(platform_id: Any, entity: str, entity_id: Any) -> Explanation:
    """What became of the changes of this record, the newest of each integration."""
    changes = EntityChange.objects.of(platform_id).filter(entity=entity, entity_id=entity_id)
    changes = changes.exclude(origin=origin.REPLAY)  # nothing changed then
    newest = changes.order_by().values("action").annotate(newest=Max("pk")).values("newest")
    lasts = changes.filter(pk__in=newest).select_related("origin_integration")
    last = {each.action: each for each in lasts}
    if not (change := max(last.values(), key=lambda each: each.pk, default=None)):
        text = _(
            "No change of this record is known: it was not saved since integrations are told, or "
            "that is longer ago than history is kept."
        )
        return Explanation(None, text, [])
    about = Integration.objects.of(platform_id).living().filter(trigger_entity=entity)
    listed = list(about.select_related("gate").order_by("name", "pk")[:MOST])
    # What was queued by one that has been deleted, or is about something else now, is told too.
    known = {each.pk for each in listed}
    queued = _queued(platform_id, change, known)
    listed += [each.newest.integration for id, each in queued.items() if id not in known]
    words = _words(queued.values(), {each.pk: each for each in listed})
    around = Known(words, _resumptions(listed, change), last)
    told = [_told(each, queued.get(each.pk), change, around) for each in listed]
    return Explanation(change, _in_short(change, told), told)


@dataclass(frozen=True)
class Queued:
    """What one integration has in the queue about a record: its newest object, and that about the
    last change; they are two where an older change was replayed since. `told_up_to`: the number of
    the last change that it has."""

    newest: IntegrationObject
    of_change: IntegrationObject | None
    told_up_to: int
    given_up: int


@dataclass(frozen=True)
class Known:
    """What was asked for all integrations at once: what there is to say of objects, by their
    numbers; when those were resumed that were paused at the time of the change; and the last change
    of each action."""

    words: dict[int, str]
    resumed: dict[UUID, datetime]
    last: dict[str, EntityChange]


def _queued(platform_id: Any, change: EntityChange, listed: set[UUID]) -> dict[UUID, Queued]:
    """By integration: of the listed, and of others."""
    queued = IntegrationObject.objects.of(platform_id)
    same = queued.filter(entity=change.entity, entity_id=change.entity_id).order_by()
    found = same.values("integration").annotate(
        newest=Max("pk"),
        of_change=Max("pk", filter=Q(change=change.pk)),
        told_up_to=Max("change"),
        given_up=Count("pk", filter=Q(status=Status.ERROR)),
    )
    rows = list(found.order_by("-newest"))
    others = [row for row in rows if row["integration"] not in listed][:MOST]
    rows = [row for row in rows if row["integration"] in listed] + others
    ids = {id for row in rows for id in (row["newest"], row["of_change"]) if id}
    whole = queued.select_related("integration__gate", "change", "since").in_bulk(ids)
    return {
        row["integration"]: Queued(
            whole[row["newest"]], whole.get(row["of_change"]), row["told_up_to"], row["given_up"]
        )
        for row in rows
        if row["newest"] in whole
    }


def _in_short(change: EntityChange, told: list[Told]) -> str:
    noun, done = entities.load(change.entity).noun, story.DONE[change.action]
    if not told:
        return _("No integration is about a {noun}: nobody was told.").format(noun=noun)
    queued = sum(each.object is not None for each in told)
    if queued:
        text = ngettext(
            "The last change of the {noun} was that it was {done}; {n} integration had to do with "
            "it.",
            "The last change of the {noun} was that it was {done}; {n} integrations had to do with "
            "it.",
            queued,
        )
    else:
        text = _(
            "The last change of the {noun} was that it was {done}; no integration has heard of it."
        )
    return text.format(noun=noun, done=done, n=queued)


def _words(queued: Iterable[Queued], listed: dict[UUID, Integration]) -> dict[int, str]:
    """What there is to say of each of these objects, by its number."""
    objects = [obj for each in queued for obj in (each.newest, each.of_change) if obj]
    for obj in objects:
        obj.integration = listed[obj.integration_id]
    around = surroundings.of(objects)
    return {obj.pk: " ".join(story.in_words(obj, around)) for obj in objects}


def _told(
    integration: Integration, queued: Queued | None, change: EntityChange, known: Known
) -> Told:
    missed = _missed(integration, queued, known)
    if queued is None:
        return Told(integration, None, _why_not(integration, change, known), missed)
    obj = queued.newest
    said = known.words[obj.pk]
    if obj.change.pk < change.pk:
        if obj.replay_of_id:
            text = _("Of the change of {at} ({done}), replayed: {said} Of the last one: {last}")
        else:
            text = _("Of the change of {at} ({done}): {said} Of the last one: {last}")
        of_change = queued.of_change
        of_last = of_change and known.words[of_change.pk]
        said = text.format(
            at=story.at(obj.change.created_at),
            done=story.DONE[obj.change.action],
            said=_ended(said),
            last=of_last or _why_not(integration, change, known),
        )
    if queued.given_up and obj.status != Status.ERROR:
        said = f"{_ended(said)} {_before_that(queued.given_up)}"
    return Told(integration, obj, said, missed)


def missed(integration: Integration, entity_id: Any) -> EntityChange | None:
    """The last change of this record, if the integration was not told of it and can still be."""
    entity = integration.trigger_entity
    found = record(integration.platform_id, entity, entity_id)
    return next(
        (each.missed for each in found.integrations if each.integration == integration), None
    )


def _missed(integration: Integration, queued: Queued | None, known: Known) -> EntityChange | None:
    actions = integration.trigger.get("actions", [])
    listened = [change for action, change in known.last.items() if action in actions]
    newest = max(listened, key=lambda change: change.pk, default=None)
    if newest is None or not integration.enabled or integration.deleted_at is not None:
        return None
    gone = known.last.get("deleted")
    # Nobody is told of a record that it is there no more, nor of an older state last.
    is_late = (gone and gone.pk > newest.pk) or (queued and queued.told_up_to >= newest.pk)
    # What was delivered before that is forgotten: it may have been told.
    kept = settings.OTMS_KEEP_DAYS
    is_forgotten = kept and newest.created_at < now() - timedelta(days=kept)
    is_ours = newest.entity == integration.trigger_entity
    brought = newest.origin_integration_id == integration.pk
    return newest if is_ours and not (is_late or is_forgotten or brought) else None


def _before_that(given_up: int) -> str:
    text = ngettext(
        "Before that, {n} change of it was given up.",
        "Before that, {n} changes of it were given up.",
        given_up,
    )
    return text.format(n=given_up)


def _ended(said: str) -> str:
    """With a full stop, which a reason may lack."""
    return said if said.endswith((".", "!", "?")) else f"{said}."


def _why_not(integration: Integration, change: EntityChange, known: Known) -> str:
    """Why it has nothing in the queue for this change, by what it says now."""
    actions = integration.trigger.get("actions", [])
    if change.origin_integration_id == integration.pk:
        return _("It brought this change in itself, by an import, and is not told what it told us.")
    if change.action not in actions:
        wanted = _(" and ").join(str(story.DONE.get(each, each)) for each in actions)
        text = _("It listens to records that are {wanted}; this one was {done}.")
        return text.format(wanted=wanted, done=story.DONE[change.action])
    saved, changed = story.at(change.created_at), story.at(integration.updated_at)
    if integration.created_at > change.created_at:
        text = _("It was made at {made}, after this change of {saved}.")
        return text.format(made=story.at(integration.created_at), saved=saved)
    if not integration.enabled:
        return _("It is paused: changes are not queued for it.")
    if resumed := known.resumed.get(integration.pk):
        text = _("It was paused when this was saved; it was resumed at {resumed}.")
        return text.format(resumed=story.at(resumed))
    if integration.updated_at > change.created_at:
        text = _(
            "It would listen as it is now, but was changed at {changed}, after this change of "
            "{saved}."
        )
        return text.format(changed=changed, saved=saved)
    return _("Nothing is known of it: what it had in the queue was forgotten with its history.")


def _resumptions(integrations: Iterable[Integration], change: EntityChange) -> dict[UUID, datetime]:
    """When each was switched on, of those that were off at the time of this change."""
    asked = {each.pk for each in integrations if each.updated_at > change.created_at}
    if not asked:
        return {}
    trail = AuditEntry.objects.of(change.platform_id).filter(entity_id__in=asked)
    since = trail.filter(created_at__gt=change.created_at).order_by("id")[:MOST_ENTRIES]
    first: dict[Any, AuditEntry] = {}
    for entry in since:
        if "enabled" in entry.changes:
            first.setdefault(entry.entity_id, entry)
    return {
        id: entry.created_at for id, entry in first.items() if entry.changes["enabled"].get("after")
    }
