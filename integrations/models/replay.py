"""Replay: which objects are made anew, as what, how fast, and how far it is."""

from contextlib import AbstractContextManager
from datetime import datetime
from uuid import UUID

from django.db import models
from django.utils.translation import gettext as _

from integrations.core.rate import Rate
from integrations.models.object import IntegrationObject
from integrations.models.queue import IntegrationObjectQuerySet
from integrations.models.status import Status
from otms.accounts import actor
from otms.accounts.tenancy import Record
from otms.db.fields import DocumentField

# What narrows a list of objects narrows a replay: each name is that of a parameter there.
LOOKUPS = {
    "status": "status__in",
    "since": "created_at__gte",
    "until": "created_at__lt",
    "entityId": "entity_id",
    "q": "reference",
}
REPLAYS = "replays"  # also what was itself a replay: else each change is told once
REPAIRED = "repaired"  # also what failed, and a replay of it was delivered or waits
CHOICES = (REPLAYS, REPAIRED)  # which narrow by more than a column
PORTIONS = 6  # of a minute: what may be made in it does not leave in its first second


class AsOf(models.TextChoices):
    """The change as it was, or the record as it is now; the mapping of then, or that of now."""

    ORIGINAL = "original"
    CURRENT = "current"


class Replay(Record):
    """What was chosen, bounded by the newest object of that moment: what comes later is not of it.

    Objects are gone through in the order of their ids. How far that is, is written in the
    transaction of what was made, so each is made once, whoever goes on.
    """

    integration = models.ForeignKey("integrations.Integration", models.CASCADE, related_name="+")
    task = models.OneToOneField("integrations.Task", models.CASCADE, related_name="replay")
    rows = DocumentField(null=True)  # the ids of rows, or ...
    chosen = DocumentField(null=True)  # ... what narrows the list of objects
    snapshot = models.CharField(max_length=10, choices=AsOf.choices, default=AsOf.ORIGINAL)
    mapping = models.CharField(max_length=10, choices=AsOf.choices, default=AsOf.CURRENT)
    per_minute = models.PositiveIntegerField(null=True)
    up_to = models.BigIntegerField(default=0)
    after = models.BigIntegerField(default=0)
    made = models.PositiveIntegerField(default=0)
    gone = models.PositiveIntegerField(default=0)  # left out: the record was deleted since
    # How many were made when, in the last minute.
    lately = DocumentField(default=list)
    by = DocumentField(default=dict)  # who asked for it, as the audit trail names them

    def __str__(self) -> str:
        return f"replay {self.task_id}"

    @property
    def objects_chosen(self) -> IntegrationObjectQuerySet:
        """All of them, in no order."""
        if self.rows is not None:
            of = IntegrationObject.objects.of(self.platform_id)
            return of.filter(integration=self.integration_id, pk__in=self.rows)
        return self._narrowed.filter(**({} if self.with_replays else {"replay_of": None}))

    @property
    def replays_left_out(self) -> int:
        """How many would have been chosen, but are replays: what they tell is told by the first."""
        if self.rows is not None or self.with_replays:
            return 0
        return self._narrowed.exclude(replay_of=None).count()

    @property
    def repaired_left_out(self) -> int:
        """How many failed and would have been chosen, but a replay repaired them."""
        if self.rows is not None or not self.without_repaired:
            return 0
        failed = self._of_choice.filter(status=Status.ERROR)
        return failed.filter(failed.replayed_since()).count()

    @property
    def blocked(self) -> int:
        """How many of them are about a record whose lane an error blocks: what is made anew of
        these waits behind it."""
        policy = self.integration.policy
        if policy.ordering != "perEntity" or policy.on_poison != "block":
            return 0
        of = IntegrationObject.objects.of(self.platform_id).filter(integration=self.integration_id)
        errors = of.filter(status=Status.ERROR, holds_lane=True)
        records = set(errors.values_list("entity_id", flat=True))
        if not records:
            return 0
        # Joined, PostgreSQL would look through all errors for each that was chosen, or through all
        # of its record, when its statistics are old.
        chosen = self.objects_chosen.values_list("entity_id", flat=True)
        return sum(each in records for each in chosen.iterator())

    @property
    def with_replays(self) -> bool:
        return bool((self.chosen or {}).get(REPLAYS))

    @property
    def _narrowed(self) -> IntegrationObjectQuerySet:
        found = self._of_choice
        if not self.without_repaired:
            return found
        return found.exclude(found.replayed_since(), status=Status.ERROR)

    @property
    def _of_choice(self) -> IntegrationObjectQuerySet:
        of = IntegrationObject.objects.of(self.platform_id).filter(integration=self.integration_id)
        chosen = (self.chosen or {}).items()
        narrowed = {LOOKUPS[name]: value for name, value in chosen if name not in CHOICES}
        return of.filter(pk__lte=self.up_to, **narrowed)

    @property
    def without_repaired(self) -> bool:
        return (self.chosen or {}).get(REPAIRED) is False

    @property
    def tells_now(self) -> bool:
        return self.snapshot == AsOf.CURRENT

    @property
    def as_it_began(self) -> bool:
        return self.mapping == AsOf.ORIGINAL

    @property
    def in_words(self) -> list[str]:
        """What was asked for."""
        chosen = self.chosen or {}
        which = [
            f"{name} {', '.join(value) if isinstance(value, list) else value}"
            for name, value in chosen.items()
            if name not in CHOICES
        ]
        which += [_("also what was itself a replay")] if self.with_replays else []
        which += [_("not what a replay repaired")] if self.without_repaired else []
        if self.rows is not None:
            which = [_("{count} chosen by their ids").format(count=len(self.rows))]
        found = [
            "; ".join(which),
            _("the record as it is now") if self.tells_now else _("each change as it was"),
            _("the mapping of then") if self.as_it_began else _("the mapping of now"),
        ]
        if self.per_minute:
            found.append(_("at most {count} a minute").format(count=self.per_minute))
        return found

    def bound(self) -> None:
        """What is there now is chosen from, and nothing that comes later."""
        of = IntegrationObject.objects.of(self.platform_id).filter(integration=self.integration_id)
        self.up_to = of.order_by("-id").values_list("pk", flat=True).first() or 0

    # How fast.

    def room(self, now: datetime) -> int | None:
        """How many more may be made at this look; None for as many as there are."""
        if self.per_minute is None:
            return None
        left = Rate(self.per_minute, 60).left(self.lately, 0, now.timestamp())
        return min(left, -(-self.per_minute // PORTIONS))

    def note(self, made: int, gone: int, now: datetime) -> None:
        """So many were made now, and so many left out."""
        self.made += made
        self.gone += gone
        if self.per_minute is not None and made:
            rate = Rate(self.per_minute, 60)
            self.lately = rate.with_calls(self.lately, made, now.timestamp())

    # Who asked for it.

    def asked_by(self, who: actor.Actor) -> None:
        id = str(who.id) if who.id else None
        self.by = {"kind": who.kind, "name": who.name, "id": id, "means": who.means}

    def on_behalf(self) -> AbstractContextManager[None]:
        """What is done in here is done by who asked for it."""
        id = self.by.get("id")
        who = actor.Actor(
            self.by.get("kind") or actor.SYSTEM,
            self.by.get("name") or "",
            UUID(id) if id else None,
            self.by.get("means") or "",
        )
        return actor.done_by(who)
