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
import re
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from itertools import count, zip_longest
from typing import Any, NamedTuple, Self

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from otms.accounts import actor
from otms.accounts.tenancy import PlatformQuerySet
from otms.db.fields import DocumentField
from otms.db.sealing import CannotOpen
from otms.documents import dumps, pretty, shorten

MASK = "***"
CHANGED = "changed"
SAME_LOOK = 600  # seconds in which to look again is the same look
LONGEST_VALUE = 4000
LONGEST_KEY = 100
MOST_OF_A_PART = 100  # differences: what fills one part of a document hides nothing of another
AROUND = 80  # signs that are shown of a long text before the first that differs
_PLAIN = bool | int | float | Decimal | str
_NOTHING: tuple[Any, ...] = (None, "", [], {}, ())
_CLEAR_KEY = re.compile(r"[^.\[\]\"\\]+")  # can't be taken for a part of the path around it

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

Changes = dict[str, dict[str, Any]]

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


def changes(before: dict[str, Any], after: dict[str, Any]) -> Changes:
    """What differs, each with the path of its field; of a new record all that is said in it."""
    parts: dict[str, list[Difference]] = defaultdict(list)
    for each in _differences(before, after):
        parts[each.part].append(each)
    found: Changes = {}
    for part, differences in parts.items():
        shown = _in_turns(differences)[:MOST_OF_A_PART]
        for each in shown:
            _add(found, each.path, _shown(each.was, each.now))
        if more := len(differences) - len(shown):
            text = f"More fields changed than are kept: {more} more."
            _add(found, f"{part}..." if part else "...", {"before": None, "after": text})
    return found


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


class Difference(NamedTuple):
    """A field that is not as it was, what it stands in, and the part of a record that this is in.

    A part is what is said of a record in one field, such as its mapping; what is said of it in
    plain values is a part together.
    """

    path: str
    inside: str
    part: str
    was: Any
    now: Any


def _differences(
    was: Any, now: Any, path: str = "", inside: str = "", part: str = "", is_record: bool = True
) -> Iterator[Difference]:
    if was == now:
        return
    if path == part and (records := _records(was, now)):
        for name, then, since in records:
            where = f"{path}[{name}]"
            yield from _differences(then, since, where, path, where)
    elif (members := _members(was, now)) is not None:
        for key, then, since in members:
            where = f"{path}.{key}" if path and not key.startswith("[") else f"{path}{key}"
            begins = is_record and isinstance(then or since, dict | list)
            yield from _differences(then, since, where, path, where if begins else part, False)
    elif was not in _NOTHING or now not in _NOTHING:
        yield Difference(path, inside, part, was, now)


def _records(was: Any, now: Any) -> list[tuple[str, Any, Any]] | None:
    """Two lists of records, each record by its name, or by its id where that says more."""
    before, after = _by_id(was or []), _by_id(now or [])
    if before is None or after is None:
        return None
    every = {**before, **after}
    names = Counter([*every, *(str(each.get("name") or "") for each in every.values())])
    found = []
    for id, each in every.items():
        name = str(each.get("name") or "")
        called = name if name and names[name] == 1 else id
        found.append((_spelled(called), before.get(id), after.get(id)))
    return found


def _by_id(value: Any) -> dict[Any, Any] | None:
    """Records by their ids; None of what is no list of records."""
    if not isinstance(value, list) or not all(
        isinstance(each, dict) and "id" in each for each in value
    ):
        return None
    found = {str(each["id"]): each for each in value}
    return found if len(found) == len(value) else None


def _members(was: Any, now: Any) -> Iterable[tuple[str, Any, Any]] | None:
    """What two values hold, pair by pair; None when they are said whole.

    A list is, and what was not there before or is no more, unless it is longer than is kept.
    """
    there = [each for each in (was, now) if each is not None]
    is_long = any(map(_is_long, there))
    if all(isinstance(each, dict) for each in there) and (is_long or len(there) == 2):
        before, after = was or {}, now or {}
        return [(_key(key), before.get(key), after.get(key)) for key in {**before, **after}]
    if all(isinstance(each, list) for each in there) and is_long:
        both = zip_longest(was or [], now or [])
        return [(f"[{place}]", *pair) for place, pair in enumerate(both)]
    return None


def _key(key: Any) -> str:
    """A key as a part of a path."""
    spelled = _spelled(str(key))
    return f"[{spelled}]" if spelled.startswith('"') else spelled


def _spelled(name: str) -> str:
    """A name that can't be taken for more than one: in quotes, if it has signs of a path."""
    short = name if len(name) <= LONGEST_KEY else f"{name[:LONGEST_KEY]}…"
    return short if _CLEAR_KEY.fullmatch(short) else dumps(short).decode()


def _in_turns(differences: list[Difference]) -> list[Difference]:
    """As many as are kept: whatever holds some has its first kept before another its second."""
    if len(differences) <= MOST_OF_A_PART:
        return differences
    turns: dict[str, Iterator[int]] = defaultdict(count)
    ranked = sorted((next(turns[each.inside]), place) for place, each in enumerate(differences))
    return [differences[place] for place in sorted(place for _, place in ranked[:MOST_OF_A_PART])]


def _add(found: Changes, path: str, change: dict[str, Any]) -> None:
    """One never takes the place of another."""
    names = (f"{path} ({number})" for number in count(2))
    found[path if path not in found else next(each for each in names if each not in found)] = change


def _shown(was: Any, now: Any) -> dict[str, Any]:
    if isinstance(was, Secret) and isinstance(now, Secret):
        return {"before": MASK, "after": CHANGED}
    was, now = _said(was), _said(now)
    begin = 0
    if isinstance(was, str) and isinstance(now, str) and max(len(was), len(now)) > LONGEST_VALUE:
        pairs = enumerate(zip(was, now, strict=False))
        differs = next((place for place, (one, other) in pairs if one != other), None)
        begin = max(0, (min(len(was), len(now)) if differs is None else differs) - AROUND)
    return {"before": _bounded(was, begin), "after": _bounded(now, begin)}


def _bounded(value: Any, begin: int) -> Any:
    """What a person reads of a long value: that from where it differs."""
    if isinstance(value, str):
        end = begin + LONGEST_VALUE
        return f"{'...' * (begin > 0)}{value[begin:end]}{'...' * (len(value) > end)}"
    return shorten(value, LONGEST_VALUE) if _is_long(value) else value


def _is_long(value: Any) -> bool:
    return isinstance(value, dict | list) and len(dumps(_said(value))) > LONGEST_VALUE


def _said(value: Any) -> Any:
    """The value without secrets."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, dict):
        return {str(key): _said(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_said(each) for each in value]
    return value if value is None or isinstance(value, _PLAIN) else str(value)
