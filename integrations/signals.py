"""A record is saved: its change is written down, in the same transaction, once, when it is final.

What is compared is the database at the first touch and the database at the commit, so saves and
their reversal, and parts saved one by one, come out right by themselves.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Model
from django.db.models.signals import post_save, pre_delete, pre_save
from django.db.transaction import TransactionManagementError

from integrations import entities
from integrations.core import origin
from integrations.core.changes import changed_fields
from integrations.entities.base import Entity
from integrations.models import Alert, EntityChange, IntegrationObject
from integrations.models.change import Action
from integrations.tasks import wake, wake_alerts
from otms.db.before_commit import last_read, until_commit
from otms.db.rows import insert

log = logging.getLogger(__name__)


def connect() -> None:
    """Listen to the models of every entity file, and to alerts."""
    for key in entities.known():
        entity = entities.load(key)
        for model in (entity.root, *entity.parts):
            listen = partial(_touched, entity)
            for signal in (pre_save, pre_delete):
                signal.connect(listen, sender=model, weak=False, dispatch_uid=f"touched {key}")
        post_save.connect(
            partial(_created, entity), sender=entity.root, weak=False, dispatch_uid=f"created {key}"
        )
    post_save.connect(_alerted, sender=Alert, dispatch_uid="alerted")


def record_changes(key: str, ids: list[UUID], using: str = "default") -> None:
    """Capture records before `bulk_create()`, `update()` or raw SQL changes them.

    Those send no signals. Call this first, inside the same transaction.
    """
    if transaction.get_autocommit(using):
        raise TransactionManagementError(
            "Call record_changes() in the transaction that makes the changes."
        )
    seen = until_commit(_write_changes, using)
    if missing := sorted(id for id in ids if (key, id) not in seen):
        entity = entities.load(key)
        entity.hold(missing, using)
        snapshots = entity.snapshots(missing, using)
        cause = origin.current()
        seen.update({(key, id): (snapshots.get(id), cause) for id in missing})


def _touched(entity: Entity, instance: Model, using: str, raw: bool = False, **_: Any) -> None:
    """pre_save, pre_delete: remember the record as it was, and hold its root row.

    Without the lock, two transactions that change different parts would each write a snapshot
    without the other's part, and no snapshot would ever show the truth.
    """
    if raw:  # loaddata restores a record; nothing happened to it
        return
    if isinstance(instance, entity.root) and instance._state.adding:
        return  # see _created
    record_changes(entity.key, list(entity.roots(instance, using)), using)


def _created(
    entity: Entity, instance: Model, created: bool, using: str, raw: bool = False, **_: Any
) -> None:
    """post_save of a root: it was not there before. (At pre_save it may have no id yet.)"""
    if raw:
        return
    seen = until_commit(_write_changes, using)
    if created:
        seen.setdefault((entity.key, instance.pk), (None, origin.current()))
    elif (entity.key, instance.pk) not in seen:
        # As of `Model(pk=..., ...).save(force_update=True)`: nobody has seen what was there.
        raise TransactionManagementError(
            f"{instance._meta.object_name} {instance.pk} was overwritten without being read; its "
            "change can't be told: read it first, or call record_changes()."
        )


def _alerted(created: bool, using: str, raw: bool = False, **_: Any) -> None:
    """post_save of an alert: whoever it is for is told soon."""
    if created and not raw:
        transaction.on_commit(wake_alerts, using=using)


def _write_changes(seen: dict[Any, Any], using: str) -> None:
    """Before COMMIT: one change for each record that differs, and its queue rows."""
    by_entity: dict[str, list[UUID]] = defaultdict(list)
    for key, id in seen:
        by_entity[key].append(id)
    afters = {
        (key, id): after
        for key, ids in by_entity.items()
        for id, after in _afters(entities.load(key), ids, using).items()
    }
    changes = []
    # In the order in which they were touched: rows of an import are told of as they came.
    for (key, id), (before, cause) in seen.items():
        if change := _change(entities.load(key), id, before, afters.get((key, id))):
            change.origin, change.origin_integration_id = cause.kind, cause.integration_id
            change.hops = cause.hops
            change.trace = str(cause.trace) if cause.trace else None
            changes.append(change)
    if changes:
        insert(changes, using, keys=True)
        queued = IntegrationObject.objects.using(using).enqueue(changes)
        ids = [change.pk for change in changes]
        log.debug("written down", extra={"changes": ids, "objects": len(queued)})
        if queued:
            transaction.on_commit(wake, using=using)


def _afters(entity: Entity, ids: Iterable[UUID], using: str) -> dict[UUID, Any]:
    """The records as they will be committed; one that was read to answer with is not read again."""
    read = last_read(using)
    known = {id: read[entity.root, id] for id in ids if (entity.root, id) in read}
    if missing := [id for id in ids if id not in known]:
        known |= entity.snapshots(missing, using)
    return known


def _change(entity: Entity, id: UUID, before: Any, after: Any) -> EntityChange | None:
    if before is None and after is None:
        return None
    if before is not None and after is not None:
        action, changed = Action.UPDATED, changed_fields(before, after)
        if not changed:
            return None
    else:
        action, changed = (Action.CREATED if before is None else Action.DELETED), []
    shown = after if after is not None else before
    return EntityChange(
        platform_id=UUID(shown["primaryPlatformId"]),
        entity=entity.key,
        entity_id=id,
        reference=entity.reference(shown)[:255],
        action=action,
        before=before,
        after=after,
        changed_fields=changed,
    )
