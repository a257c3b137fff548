"""The audit trail: who did what to which record, and who looked at what was sent.

Whatever changes a record that people set up, or acts on what others see, says so in its own
transaction, at the place where it is done and not in the views that lead there:

    audit.record("update:integration", integration, audit.changes(before, after))

`before` and `after` are documents of what matters; a secret in them is `audit.Secret(value)`: that
it was changed is said, never what it is. Who does it, and from where, is known (actor.py).

Whoever shows a payload says `audit.looked("get:integration:object", obj)`; a refresh is no second
look. tests/rules/test_audit.py calls everything that changes something and looks for its entry.
"""

import hashlib
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Self

from django.db import models

from otms.accounts import actor
from otms.accounts.tenancy import PlatformQuerySet
from otms.db.fields import DocumentField
from otms.db.sealing import CannotOpen
from otms.documents import dumps, pretty, shorten

MASK = "***"
CHANGED = "changed"
SAME_LOOK = 600  # seconds in which to look again is the same look
LONGEST_VALUE = 4000
MOST_CHANGES = 200
_PLAIN = bool | int | float | Decimal | str

Changes = dict[str, dict[str, Any]]


class AppendOnly(Exception):
    """Somebody wanted to change or remove what is written in the audit trail."""

    def __init__(self) -> None:
        super().__init__("The audit trail is only added to: an entry is never changed or deleted.")


class ActorKind(models.TextChoices):
    """`command` is an operator with a shell; `nobody` showed nothing, such as who logs in."""

    PERSON = actor.PERSON
    INTEGRATION = actor.INTEGRATION
    APP = actor.APP
    COMMAND = actor.COMMAND
    SYSTEM = actor.SYSTEM
    NOBODY = actor.NOBODY


class AuditQuerySet(PlatformQuerySet["AuditEntry"]):
    """Read, and nothing else; entries are added by record() and looked()."""

    def about(self, record: models.Model) -> Self:
        """The entries about this record, newest first."""
        return self.filter(entity_id=_id(record)).order_by("-id")

    def update(self, **kwargs: Any) -> int:
        self._check_scope()
        raise AppendOnly

    def delete(self) -> tuple[int, dict[str, int]]:
        self._check_scope()
        raise AppendOnly

    def _raw_delete(self, using: Any) -> int:
        self._check_scope()
        raise AppendOnly

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("update_conflicts"):
            raise AppendOnly
        return super().bulk_create(objs, *args, **kwargs)


class AuditEntry(models.Model):
    """One thing that somebody did; the name of the action is that of the route."""

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    # The index of each order below begins with it.
    platform = models.ForeignKey(
        "accounts.Platform", models.PROTECT, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    actor_kind = models.CharField(max_length=12, choices=ActorKind.choices)
    actor_id = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=200, blank=True)
    means = models.CharField(max_length=200, blank=True)  # "admin", a token by its name
    action = models.CharField(max_length=60)
    entity = models.CharField(max_length=60)
    entity_id = models.UUIDField()
    entity_name = models.CharField(max_length=200, blank=True)
    changes = DocumentField(default=dict)
    note = models.CharField(max_length=500, blank=True)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=128, blank=True)
    # Of a look: the same for who looks at the same again within minutes.
    look = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001 - null is no look

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit trail"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["platform", "-id"], name="audit_newest"),
            models.Index(fields=["platform", "entity_id", "-id"], name="audit_of_entity"),
            models.Index(fields=["platform", "actor_id", "-id"], name="audit_by_actor"),
            models.Index(fields=["platform", "action", "-id"], name="audit_by_action"),
            models.Index(fields=["platform", "created_at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.entity_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnly


class Secret:
    """A value that is compared and never shown."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return MASK


def record(
    action: str, about: models.Model, changes: Changes | None = None, note: str = ""
) -> None:
    """Write down that it is done, in the transaction in which it is done."""
    _entry(action, about, changes, note).save()


def record_each(action: str, about: Iterable[models.Model], note: str = "") -> None:
    """The same for many records at once."""
    AuditEntry.objects.bulk_create([_entry(action, each, None, note) for each in about])


def looked(action: str, about: models.Model) -> None:
    """Write down that somebody sees what was sent or came in: once in ten minutes for each."""
    entry = _entry(action, about, None, "")
    who = entry.actor_kind, entry.actor_id, entry.actor_name
    said = (*who, action, entry.entity, entry.entity_id, int(time.time()) // SAME_LOOK)
    entry.look = hashlib.sha256(repr(said).encode()).hexdigest()
    AuditEntry.objects.bulk_create([entry], ignore_conflicts=True)


def changes(before: dict[str, Any], after: dict[str, Any]) -> Changes:
    """What differs, each with the path of its field; of a new record all that is said in it."""
    found: Changes = {}
    for path, was, now in _differences(before, after, ""):
        if len(found) == MOST_CHANGES:
            found["..."] = {"before": None, "after": "More fields changed than are kept."}
            break
        found[path] = _shown(was, now)
    return found


def _entry(action: str, about: models.Model, changes: Changes | None, note: str) -> AuditEntry:
    call = actor.current()
    platform_id = getattr(about, "platform_id", about.pk)  # a platform is its own
    return AuditEntry(
        platform_id=platform_id,
        actor_kind=call.actor.kind,
        actor_id=call.actor.id,
        actor_name=call.actor.name[:200],
        means=call.actor.means[:200],
        action=action,
        entity=kind(type(about)),
        entity_id=_id(about),
        entity_name=str(getattr(about, "audit_name", about))[:200],
        changes=changes or {},
        note=note[:500],
        address=call.address,
        request_id=call.request_id,
    )


def hidden(secrets: Mapping[str, Any]) -> dict[str, Secret]:
    """Secrets as a part of what is compared; those under a lost key are not."""
    try:
        return {name: Secret(value) for name, value in secrets.items()}
    except CannotOpen:
        return {}


def kind(model: type[models.Model]) -> str:
    """What the wire calls a kind of record: transportOrder."""
    name = model._meta.object_name or ""
    return name[:1].lower() + name[1:]


def rows(changes: Changes) -> list[tuple[str, str | None, str | None]]:
    """Changes for a table: the field, what it was, what it became; nothing is None."""

    def text(value: Any) -> str | None:
        return value if value is None or isinstance(value, str) else pretty(value)

    return [
        (name, text(each.get("before")), text(each.get("after"))) for name, each in changes.items()
    ]


def _id(about: models.Model) -> uuid.UUID:
    """The id of a record on the wire."""
    return getattr(about, "uuid", about.pk)


def _differences(was: Any, now: Any, path: str) -> Iterable[tuple[str, Any, Any]]:
    if was == now:
        return
    if isinstance(was, dict) and isinstance(now, dict):
        for key in {**was, **now}:
            where = f"{path}.{key}" if path else str(key)
            yield from _differences(was.get(key), now.get(key), where)
    elif _are_records(was) and _are_records(now):
        before, after = ({each["id"]: each for each in records} for records in (was, now))
        every = {**before, **after}
        names = Counter(each.get("name") for each in every.values())
        for id, each in every.items():
            name = each.get("name") if names[each.get("name")] == 1 else ""
            yield from _differences(before.get(id), after.get(id), f"{path}[{name or id}]")
    elif was or now or was is False or now is False:  # nothing and empty are the same to a person
        yield path, was, now


def _are_records(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, dict) and "id" in each for each in value
    )


def _shown(was: Any, now: Any) -> dict[str, Any]:
    if isinstance(was, Secret) and isinstance(now, Secret):
        return {"before": MASK, "after": CHANGED}
    return {"before": _bounded(_said(was)), "after": _bounded(_said(now))}


def _bounded(value: Any) -> Any:
    """The beginning of what is longer than a person reads."""
    if isinstance(value, str):
        long = len(value) > LONGEST_VALUE
        return f"{value[:LONGEST_VALUE]}..." if long else value
    if isinstance(value, dict | list) and len(dumps(value)) > LONGEST_VALUE:
        return shorten(value, LONGEST_VALUE)
    return value


def _said(value: Any) -> Any:
    """The value without secrets."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, dict):
        return {str(key): _said(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_said(each) for each in value]
    return value if value is None or isinstance(value, _PLAIN) else str(value)
