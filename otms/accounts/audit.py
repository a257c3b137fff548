"""The audit trail: who did what to which record, and who looked at what was sent.

Whatever changes a record that people set up, or acts on what others see, says so in its own
transaction, at the place where it is done and not in the views that lead there:

    audit.record("update:integration", integration, difference.changes(before, after))

`before` and `after` are documents of what matters (difference.py). Who does it, and from where, is
known (actor.py).

Whoever shows a payload says `audit.looked("get:integration:object", obj)`; a refresh is no second
look. tests/rules/test_audit.py calls everything that changes something and looks for its entry.
"""

import hashlib
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from otms.accounts import actor
from otms.accounts.difference import Changes
from otms.accounts.tenancy import PlatformQuerySet
from otms.db.fields import DocumentField

SAME_LOOK = 600  # seconds in which to look again is the same look

# What is written down and is neither a call nor a page that somebody may be allowed.
BEYOND_CALLS = frozenset(
    {
        "create:platform",
        "create:user:passwordLink",
        "end:user:sessions",
        "lock:user",
        "rotate:keys",
        "use:user:recoveryCode",
    }
)

_act: ContextVar["list[AuditEntry] | None"] = ContextVar("act", default=None)


class AppendOnly(Exception):
    """Somebody wanted to change or remove what is written in the audit trail."""

    def __init__(self) -> None:
        super().__init__("The audit trail is only added to: an entry is never changed or deleted.")


class ActorKind(models.TextChoices):
    """`command` is an operator with a shell; `nobody` showed nothing, such as who logs in."""

    PERSON = actor.PERSON, _("Person")
    INTEGRATION = actor.INTEGRATION, _("Integration")
    APP = actor.APP, _("App")
    COMMAND = actor.COMMAND, _("Command")
    SYSTEM = actor.SYSTEM, _("System")
    NOBODY = actor.NOBODY, _("Nobody")


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
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    actor_kind = models.CharField(_("actor kind"), max_length=12, choices=ActorKind.choices)
    actor_id = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=200, blank=True)
    # "admin", a token by its name
    means = models.CharField(_("means"), max_length=200, blank=True)
    action = models.CharField(max_length=60)
    entity = models.CharField(max_length=60)
    entity_id = models.UUIDField()
    entity_name = models.CharField(max_length=200, blank=True)
    changes = DocumentField(default=dict)
    note = models.CharField(_("note"), max_length=500, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True)
    request_id = models.CharField(_("request id"), max_length=128, blank=True)
    # Of a look: the same for who looks at the same again within minutes.
    look = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001 - null is no look

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
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


def record(
    action: str, about: models.Model, changes: Changes | None = None, note: str = ""
) -> None:
    """Write down that it is done, in the transaction in which it is done."""
    entry, act = _entry(action, about, changes, note), _act.get()
    if act is None:
        entry.save()
    else:
        _add_to(act, entry)


@contextmanager
def one_act() -> Iterator[None]:
    """What is recorded in here is one act: an update goes into the entry about the same record."""
    if _act.get() is not None:
        yield
        return
    act: list[AuditEntry] = []
    token = _act.set(act)
    try:
        with transaction.atomic():
            yield
            for entry in act:
                entry.save()
    finally:
        _act.reset(token)


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


def _add_to(act: list[AuditEntry], entry: AuditEntry) -> None:
    """An update that needs no words of its own is part of what was done to the record before."""
    same = [
        each for each in act if (each.entity, each.entity_id) == (entry.entity, entry.entity_id)
    ]
    if not same or entry.note or not entry.action.startswith("update:"):
        act.append(entry)
        return
    found = same[-1].changes
    for path, change in entry.changes.items():
        found[path] = {**change, "before": found.get(path, change)["before"]}


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


def kind(model: type[models.Model]) -> str:
    """What the wire calls a kind of record: transportOrder."""
    name = model._meta.object_name or ""
    return name[:1].lower() + name[1:]


def _id(about: models.Model) -> uuid.UUID:
    """The id of a record on the wire."""
    return getattr(about, "uuid", about.pk)
