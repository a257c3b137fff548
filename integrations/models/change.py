"""EntityChange: what one transaction did to one entity."""

from collections import defaultdict
from collections.abc import Iterable
from copy import copy
from typing import Any
from uuid import UUID

from django.db import models

from integrations import entities
from integrations.core import origin
from integrations.core.changes import changed_fields
from integrations.core.trace import LONGEST, Trace
from otms.accounts.tenancy import PlatformQuerySet
from otms.db.fields import DocumentField


class Action(models.TextChoices):
    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


class OriginKind(models.TextChoices):
    """What caused a change: `system` is a command or a shell, `person` the admin.

    Of a `replay` nothing did: it is the record as it was when it was told of once more.
    """

    SYSTEM = origin.SYSTEM
    PERSON = origin.PERSON
    API = origin.API
    IMPORT = origin.IMPORT
    REPLAY = origin.REPLAY


class EntityChange(models.Model):
    """One change of one entity in one transaction: snapshots before and after, and what differs.

    Ids are drawn while the entity's row is locked, so that their order is the order of the changes.
    """

    platform = models.ForeignKey(
        "accounts.Platform", models.CASCADE, related_name="+", db_index=False
    )
    entity = models.CharField(max_length=60)
    entity_id = models.UUIDField()
    reference = models.CharField(max_length=255, blank=True)
    action = models.CharField(max_length=10, choices=Action.choices)
    before = DocumentField(null=True)
    after = DocumentField(null=True)
    changed_fields = DocumentField(default=list)
    origin = models.CharField(max_length=10, choices=OriginKind.choices, default=origin.SYSTEM)
    # Who brought it in, and therefore does not hear of it.
    origin_integration = models.ForeignKey(
        "integrations.Integration", models.SET_NULL, null=True, related_name="+", db_index=False
    )
    hops = models.PositiveSmallIntegerField(default=0)
    # Where the call that caused it stands in a trace of the caller's; null: it said nothing.
    trace = models.CharField(max_length=LONGEST, null=True)  # noqa: DJ001
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["platform", "entity_id", "-id"], name="change_of_entity"),
            # Deleting an integration asks what it brought in.
            models.Index(
                fields=["origin_integration"],
                name="change_of_origin",
                condition=models.Q(origin_integration__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entity} {self.reference} {self.action}"

    @property
    def document(self) -> dict[str, Any]:
        """What filters and mappings see: the entity now (a deleted one: as it was), as it was
        before, and what was done."""
        now = self.after if self.after is not None else self.before
        before = {self.entity: self.before} if self.before is not None else None
        return {self.entity: now, "before": before, "action": self.action}

    @property
    def traced(self) -> Trace | None:
        """Where it stands in a trace."""
        return Trace.kept(self.trace) if self.trace else None

    @property
    def is_nothing(self) -> bool:
        """Is it all undone again? Of one change never, of several it may be."""
        if self.before is None or self.after is None:
            return self.before is self.after
        return not self.changed_fields

    def since(self, first: "EntityChange") -> "EntityChange":
        """All changes of the record from the first one up to this, as if they were one."""
        whole = copy(self)
        whole.before = first.before
        if first.before is None:
            whole.action = Action.CREATED if self.after is not None else Action.DELETED
            whole.changed_fields = []
        elif self.after is not None:
            whole.changed_fields = changed_fields(first.before, self.after)
        return whole


def up_to_now(changes: Iterable[EntityChange], using: str) -> list[EntityChange | None]:
    """Each of these with its record as it is now, not stored; None where that is deleted."""
    changes, ids = list(changes), defaultdict[str, set[UUID]](set)
    for each in changes:
        ids[each.entity].add(each.entity_id)
    now = {
        (key, id): snapshot
        for key, of in ids.items()
        for id, snapshot in entities.load(key).snapshots(of, using).items()
    }
    return [_up_to(each, now.get((each.entity, each.entity_id))) for each in changes]


def _up_to(change: EntityChange, now: Any) -> EntityChange | None:
    if now is None:
        return None
    before, cause = change.before, origin.current()
    return EntityChange(
        platform_id=change.platform_id,
        entity=change.entity,
        entity_id=change.entity_id,
        reference=entities.load(change.entity).reference(now)[:255],
        action=Action.CREATED if before is None else Action.UPDATED,
        before=before,
        after=now,
        changed_fields=[] if before is None else changed_fields(before, now),
        origin=cause.kind,
        hops=cause.hops,
    )
