"""Gate: what a claim must pass, one narrow row per integration; its lock makes caps exact."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from integrations.core.rate import Rate
from integrations.core.trouble import Place, Report, Trouble
from otms.db.fields import DocumentField

EVER = datetime(1970, 1, 1, tzinfo=UTC)
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
LOOK_AGAIN = timedelta(seconds=1)  # at a gate that is full only with what is in flight


@dataclass
class Heard:
    """Whose trouble began or ended with what was heard, by the ids of their data sources.

    `hopeless` are those that had no success for so long that nobody tries any more; `freed`, those
    that are held back no more, told or not.
    """

    begun: dict[str, Trouble] = field(default_factory=dict)
    over: dict[str, Trouble] = field(default_factory=dict)
    hopeless: dict[str, Trouble] = field(default_factory=dict)
    freed: dict[str, Trouble] = field(default_factory=dict)


@dataclass
class Calm:
    """Who was in trouble before, and who of those is gone with its data source."""

    before: dict[str, Trouble] = field(default_factory=dict)
    gone: dict[str, Trouble] = field(default_factory=dict)


class Gate(models.Model):
    """How many at once, for how long, and whether at all; served in turn (`served_at`)."""

    integration = models.OneToOneField(
        "integrations.Integration", models.CASCADE, primary_key=True, related_name="gate"
    )
    cap = models.PositiveIntegerField(default=8)
    lease_seconds = models.FloatField(default=30)
    served_at = models.DateTimeField(default=EVER)
    paused_until = models.DateTimeField(default=EVER)
    pause_reason = models.CharField(max_length=300, blank=True)
    # The rate its target wants; null for none.
    rate_calls = models.PositiveIntegerField(null=True)
    rate_seconds = models.PositiveIntegerField(null=True)
    called = DocumentField(default=list)
    full_until = models.DateTimeField(default=EVER)
    # Of the targets that failed last, by the id of their data source; null when none did.
    troubles = DocumentField(null=True)

    # What a claim saw with it: whose it is, and whether it has leases that are over.
    of_platform: UUID
    has_over = False

    class Meta:
        indexes = [models.Index(fields=["served_at"], name="gate_served")]

    def __str__(self) -> str:
        return f"gate of {self.integration_id}"

    @property
    def rate(self) -> Rate | None:
        if self.rate_calls is None or self.rate_seconds is None:
            return None
        return Rate(self.rate_calls, self.rate_seconds)

    @property
    def trouble(self) -> dict[str, Trouble]:
        """What is wrong with each target that failed last."""
        found = (self.troubles or {}).items()
        return {source: Trouble.read(document) for source, document in found}

    @property
    def blocked_by(self) -> Trouble | None:
        """The trouble that holds back all of the integration: of the only target it has."""
        return next((each for each in self.trouble.values() if each.held and each.alone), None)

    @property
    def held_back(self) -> dict[str, Trouble]:
        """The targets that are held back while others of the integration are not."""
        return {id: each for id, each in self.trouble.items() if each.held and not each.alone}

    def room(self, in_flight: int, now: datetime) -> int:
        """How many more may be called now; a gate that has none for another reason than its cap
        says until when."""
        room, at = max(0, self.cap - in_flight), now.timestamp()
        if rate := self.rate:
            room = min(room, rate.left(self.called, in_flight, at))
            opens_at = rate.opens_at(self.called, at)
            if not room and opens_at:
                # Calls in flight may come to none.
                self._close(opens_at, now, looks_again=bool(rate.left(self.called, 0, at)))
        left = trouble.room(in_flight, at) if (trouble := self.blocked_by) else None
        if trouble and left is not None and left < room:
            room = left
            if not room:
                self._close(trouble.until, now, looks_again=trouble.until <= at)
        return room

    def _close(self, until: float, now: datetime, *, looks_again: bool) -> None:
        """Full until then, or until it is heard how the calls in flight went."""
        self.full_until, soon = moment(until), now + LOOK_AGAIN
        if looks_again:
            self.full_until = min(self.full_until, soon) if self.full_until > now else soon
        self.save(update_fields=["full_until"])

    def count(self, calls: int, now: datetime) -> None:
        """Calls of which the outcome is known now; its row is locked."""
        if rate := self.rate:
            self.called = rate.with_calls(self.called, calls, now.timestamp())
            self.save(update_fields=["called"])

    def hear(
        self,
        reports: Iterable[Report],
        now: datetime,
        places: Mapping[str, Place],
        waits: Callable[[str], bool],
    ) -> Heard:
        """Keep what calls tell of their targets; its row is locked.

        Of those that failed it needs their `places`. A target that works again, and that nothing
        `waits` for, is in trouble no more.
        """
        before, known, failed = self.trouble, self.trouble, set()
        for report in reports:
            id, at = str(report.source), now.timestamp()
            if report.kind != "works":
                if id not in places:  # a call that was under way when it was taken away
                    continue
                failed.add(id)
            trouble = Trouble.after(known.pop(id, None), report, at, cap=self.cap)
            if trouble:
                known[id] = trouble.placed(places[id]) if id in places else trouble
        for id in [id for id, each in known.items() if each.works_for_now and id not in failed]:
            if not waits(id):
                del known[id]
        if known != before:
            self._keep_troubles(known)
        return Heard(
            begun={id: each for id, each in known.items() if each.told and not _told(before, id)},
            over={id: each for id, each in before.items() if each.told and not _told(known, id)},
            hopeless={id: known[id] for id in failed & known.keys() if _is_hopeless(known[id])},
            freed={id: each for id, each in before.items() if each.held and id not in known},
        )

    def look_again(self) -> None:
        """A call that was waited for came to none: the next may be made."""
        self.full_until = EVER
        self.save(update_fields=["full_until"])

    def _keep_troubles(self, troubles: dict[str, Trouble]) -> None:
        self.troubles = {id: each.written() for id, each in troubles.items()} or None
        self.full_until = EVER  # the next claim looks anew how many may go
        self.save(update_fields=["troubles", "full_until"])

    @classmethod
    def calm(cls, integration: Any) -> "Calm":
        """A person changed it: what is in trouble is tried at once, what is gone is in none."""
        # The clock of the workers: one that is ahead of it would hold them back.
        rows = cls.objects.select_for_update(no_key=True, of=("self",)).annotate(at=Now())
        if not (gate := rows.filter(pk=integration.pk, troubles__isnull=False).first()):
            return Calm()
        living = integration.data_sources.values_list("pk", "filters")
        found = {} if integration.deleted_at else places(living)
        before, at = gate.trouble, gate.at.timestamp()
        calm = {id: each.calm(at) for id, each in before.items() if id in found}
        gate._keep_troubles({id: each.placed(found[id]) for id, each in calm.items() if each})
        gone = {id: each for id, each in before.items() if each.told and id not in found}
        return Calm(before, gone)

    @classmethod
    def keep(cls, integration: Any) -> None:
        """Make the gate fit what the integration says now; saving it also ends a pause."""
        # What a deleted one left behind, a call in flight or a save at that moment, comes through
        # and is cancelled when its turn comes.
        rate, concurrency = integration.policy.rate, integration.policy.concurrency
        held = not integration.enabled and integration.deleted_at is None
        cls.objects.update_or_create(
            integration=integration,
            defaults={
                "cap": min(concurrency, rate.calls) if rate else concurrency,
                "rate_calls": rate.calls if rate else None,
                "rate_seconds": rate.seconds if rate else None,
                "full_until": EVER,
                # Resumed, it has its turn like all others, and the watchdog gives it time.
                "served_at": Now(),
                "lease_seconds": integration.policy.timeout + settings.OTMS_LEASE_MARGIN_SECONDS,
                "paused_until": FOREVER if held else EVER,
                "pause_reason": "The integration is not enabled." if held else "",
            },
        )


def places(data_sources: Iterable[tuple[UUID, Any]]) -> dict[str, Place]:
    """Where each target of an integration is, by the ids and filters of its steps in order."""
    steps = list(data_sources)
    return {
        str(id): Place(alone=len(steps) == 1, first=place == 0 and not filters)
        for place, (id, filters) in enumerate(steps)
    }


def moment(seconds: float) -> datetime:
    """As trouble counts time."""
    return datetime.fromtimestamp(seconds, UTC)


def _told(troubles: dict[str, Trouble], id: str) -> bool:
    return id in troubles and troubles[id].told


def _is_hopeless(trouble: Trouble) -> bool:
    """Has it had no success for so long that nobody tries any more?"""
    days = settings.OTMS_SUSPEND_DAYS
    return bool(days) and trouble.held and trouble.last - trouble.patience > days * 86_400
