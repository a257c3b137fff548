"""The queue: IntegrationObject, its gate, and every transition there is.

    -                 -> QUEUE              enqueue()
    QUEUE, RETRY      -> the same, leased   claim_due()
    leased            -> SUCCESS            succeed()
    leased            -> RETRY or ERROR     fail()
    leased            -> SKIPPED            skip()
    leased            -> CANCELLED          drop()
    leased            -> the same, free     release(), or found again when the lease is over
    ERROR, RETRY, SKIPPED -> QUEUE          requeue()
    QUEUE, RETRY      -> CANCELLED          cancel()

A lease is a promise of time: `due_at` is its end while `leased`. The fence counts the claims, so a
worker that comes late with an outcome finds that its claim is gone.

Order: objects with the same lane leave one after the other, by id. Claims never wait for a lock
(SKIP LOCKED everywhere), outcomes touch only rows they lease and the next one of each lane.
"""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connections, models, transaction
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce, Greatest, Now

from integrations.core import schedule
from integrations.core.backoff import RetryPolicy
from integrations.core.delivery import DeliveryPolicy
from integrations.models.change import EntityChange
from integrations.models.gate import FOREVER, Gate
from integrations.models.integration import Integration
from integrations.models.log import Level, Log, RequestLog
from otms.accounts.tenancy import PlatformQuerySet

GATES_PER_CLAIM = 8
# Followers that are looked at for each free slot; they are deferred, so a look is never wasted.
LOOK_AHEAD = 4


class Status(models.TextChoices):
    QUEUE = "QUEUE"
    RETRY = "RETRY"
    SUCCESS = "SUCCESS"
    ERROR = "ERROR"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"


OPEN = (Status.QUEUE, Status.RETRY)


@dataclass
class Outcome:
    """What became of one claimed object, and what is written about it."""

    object: "IntegrationObject"
    changes: dict[str, Any]
    level: Level
    code: str
    message: str
    data: Any = None
    request: RequestLog | None = None
    pause_reason: str = ""
    wait: float | None = None

    @property
    def frees_lane(self) -> bool:
        return self.changes.get("holds_lane") is False

    def reduced(self) -> "Outcome | None":
        """The same transition with less about it, for a database that refuses the rest.

        Written down it must be: else the object is sent again. The data source may be gone since
        the call was made, and a text may hold what can't be stored.
        """
        if self.request and self.request.data_source_id:
            self.request.data_source_id = None
            return self
        if self.code == "not_recorded":
            return None
        text = f"What is known about this outcome ({self.code}) could not be stored."
        texts = {name: text for name in ("error", "reason") if self.changes.get(name)}
        return replace(
            self,
            changes={**self.changes, **texts},
            code="not_recorded",
            message=text,
            data=None,
            request=None,
        )


@dataclass
class Claims:
    """What was claimed; and if that is nothing, whether there may be more.

    `busy`: other workers hold the gates. `deferred`: what was found were followers, now put off; it
    is what stands behind them that comes next.
    """

    objects: list["IntegrationObject"] = field(default_factory=list)
    busy: bool = False
    deferred: bool = False


class IntegrationObjectQuerySet(PlatformQuerySet["IntegrationObject"]):
    def enqueue(self, changes: Sequence[EntityChange]) -> list["IntegrationObject"]:
        """Queue each change for each integration that listens, in the change's transaction."""
        listening: dict[tuple[Any, str], list[Integration]] = {}
        for change in changes:
            key = (change.platform_id, change.entity)
            if key not in listening:
                of_platform = Integration.objects.filter(platform_id=change.platform_id)
                listening[key] = list(of_platform.using(self.db).listening(change.entity))
        rows = [
            IntegrationObject(
                platform_id=change.platform_id,
                integration=integration,
                change=change,
                entity=change.entity,
                entity_id=change.entity_id,
                reference=change.reference,
                lane=str(change.entity_id) if integration.policy.ordering == "perEntity" else None,
                holds_lane=integration.policy.ordering == "perEntity",
                due_at=schedule.next_tick(integration.schedule, datetime.now(UTC))
                if integration.schedule
                else Now(),
            )
            for change in changes
            for integration in listening[change.platform_id, change.entity]
            if change.action in integration.trigger["actions"]
        ]
        return self.bulk_create(rows)

    def claim_due(self, slots: int) -> Claims:
        """Lease up to `slots` due objects, the heads of their lanes; no other worker gets the same.

        Each step is a statement of its own, because a statement's snapshot is older than the locks
        it gets: caps are counted under the gate's lock, heads are looked up under the row's.
        """
        with transaction.atomic(using=self.db):
            now = _database_now(self.db)
            gates = self._open_gates(now)
            locked = list(
                gates.order_by("served_at").select_for_update(skip_locked=True)[:GATES_PER_CLAIM]
            )
            if not locked:
                others = connections[self.db].features.has_select_for_update and gates.exists()
                return Claims(busy=bool(others))
            found = self._candidates(locked, slots, now)
            claims = self._lease(found, now)
            # Those that were not come to keep their place in the row.
            Gate.objects.using(self.db).filter(pk__in=[gate.pk for gate, _, _ in found]).update(
                served_at=now
            )
            return claims

    def _open_gates(self, now: datetime) -> QuerySet[Gate]:
        """Those with something due and room for it; the full ones would keep others from a look."""
        of_gate = self._all().filter(integration_id=OuterRef("pk"))
        in_flight = of_gate.filter(leased=True, due_at__gt=now).order_by().values("integration_id")
        return (
            Gate.objects.using(self.db)
            .alias(in_flight=Coalesce(Subquery(in_flight.values(n=Count("id"))), 0))
            .filter(
                Exists(of_gate.filter(due_at__lte=now)),
                paused_until__lte=now,
                in_flight__lt=F("cap"),
            )
        )

    def _candidates(
        self, gates: list[Gate], slots: int, now: datetime
    ) -> list[tuple[Gate, int, list[int]]]:
        """Due rows of each gate, locked, each gate with no more room than its cap leaves."""
        found: list[tuple[Gate, int, list[int]]] = []
        for gate in gates:
            if slots <= 0:
                break
            of_gate = self._all().filter(integration_id=gate.pk)
            in_flight = of_gate.filter(leased=True, due_at__gt=now).count()
            room = max(0, min(slots, gate.cap - in_flight))
            due = of_gate.filter(due_at__lte=now).order_by("due_at", "id")
            ids = due.select_for_update(skip_locked=True).values_list("id", flat=True)
            rows = list(ids[: room * LOOK_AHEAD + 100]) if room else []
            found.append((gate, room, rows))
            slots -= min(room, len(rows))
        return found

    def _lease(self, candidates: list[tuple[Gate, int, list[int]]], now: datetime) -> Claims:
        """Lease the heads of lanes; defer the followers until their head is done."""
        ids = [id for _, _, rows in candidates for id in rows]
        older = self._all().filter(
            integration_id=OuterRef("integration_id"),
            lane=OuterRef("lane"),
            holds_lane=True,
            id__lt=OuterRef("id"),
        )
        head = older.order_by("id")
        looked = self._all().filter(id__in=ids).annotate(head=Subquery(head.values("id")[:1]))
        follows = {id for id, ahead in looked.values_list("id", "head") if ahead is not None}
        over = list(self._all().filter(id__in=ids, leased=True))
        interrupted = {row.pk for row in over}
        leased = []
        for gate, room, rows in candidates:
            end = now + timedelta(seconds=gate.lease_seconds)
            heads = [id for id in rows if id not in follows][:room]
            self._all().filter(id__in=heads).update(
                leased=True,
                claimed_at=now,
                due_at=end,
                fence=F("fence") + 1,
                queued_at=Case(When(attempts=0, then=now), default=F("queued_at")),
                attempts=F("attempts") + 1,
            )
            leased += heads
            # A head that is due but was not looked at keeps its followers waiting too: a window
            # full of followers would never get to it.
            until = head.values(until=Greatest(Coalesce("due_at", FOREVER), end))
            self._all().filter(id__in=follows.intersection(rows)).update(
                leased=False, claimed_at=None, due_at=Coalesce(Subquery(until[:1]), now)
            )
        self._note_interrupted([row for row in over if row.pk in follows or row.pk in leased])
        claimed = list(self._all().filter(id__in=leased).order_by("id").select_related("change"))
        for obj in claimed:
            obj.interrupted = obj.pk in interrupted
        return Claims(claimed, deferred=bool(follows))

    def _note_interrupted(self, rows: list["IntegrationObject"]) -> None:
        """A lease that ended without an outcome was an attempt: it is counted and told."""
        text = "The worker stopped before it had the answer; the receiver may have got this call."
        RequestLog.objects.bulk_create(
            RequestLog(
                platform_id=row.platform_id,
                integration_id=row.integration_id,
                object=row,
                attempt=row.attempts,
                interrupted=True,
                error=text,
            )
            for row in rows
        )
        Log.objects.bulk_create(
            row.line(
                Level.WARNING, "interrupted", f"Attempt {row.attempts} was interrupted. {text}"
            )
            for row in rows
        )

    def finish(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Write outcomes down, with their logs; those whose claim still stands.

        A late outcome changes no status, but its request log is kept: it is the only trace of what
        the receiver got.
        """
        with transaction.atomic(using=self.db):
            now = _database_now(self.db)
            held = dict(
                self._all()
                .filter(id__in=[outcome.object.pk for outcome in outcomes], leased=True)
                .order_by("id")
                .select_for_update(no_key=True)
                .values_list("id", "fence")
            )
            standing = [o for o in outcomes if held.get(o.object.pk) == o.object.fence]
            alike: dict[Any, list[int]] = defaultdict(list)
            for outcome in standing:
                alike[tuple(_timed(outcome, now).items())].append(outcome.object.pk)
            for changes, ids in alike.items():
                self._all().filter(id__in=ids).update(
                    leased=False, claimed_at=None, **dict(changes)
                )
            self._wake_next([o.object.pk for o in standing if o.frees_lane], now)
            # Nobody knows of a COMMIT whose answer was lost whether it was made: written twice,
            # it is there once.
            RequestLog.objects.bulk_create(
                (o.request for o in outcomes if o.request), ignore_conflicts=True
            )
            Log.objects.bulk_create(
                o.object.line(o.level, o.code, o.message, o.data) for o in standing
            )
            for outcome in standing:
                if outcome.pause_reason:
                    Gate.objects.using(self.db).filter(pk=outcome.object.integration_id).update(
                        paused_until=FOREVER, pause_reason=outcome.pause_reason[:300]
                    )
        return standing

    def _wake_next(self, ids: list[int], now: datetime) -> None:
        """The next of each lane is due now, or at its own tick: it waited for these.

        Whether it was put off is not asked: a claim may just be doing it, unseen. The UPDATE waits
        for that claim and has the last word.
        """
        behind = self._all().filter(
            integration_id=OuterRef("integration_id"),
            lane=OuterRef("lane"),
            holds_lane=True,
            id__gt=OuterRef("id"),
        )
        done = self._all().filter(id__in=ids, lane__isnull=False)
        next_ids = done.values_list(Subquery(behind.order_by("id").values("id")[:1]), flat=True)
        waiting = self._all().filter(id__in=set(next_ids) - {None}, status__in=OPEN, leased=False)
        due: dict[datetime, list[int]] = defaultdict(list)
        for id, queued_at, ticks in waiting.values_list("id", "queued_at", "integration__schedule"):
            due[max(now, schedule.next_tick(ticks, queued_at))].append(id)
        for moment, rows in due.items():
            waiting.filter(id__in=rows).update(due_at=moment)

    def requeue(self) -> int:
        """Put back what failed, waits to retry or was skipped: due now, same id, full budget."""
        with transaction.atomic(using=self.db):
            rows = self.filter(
                status__in=(Status.ERROR, Status.RETRY, Status.SKIPPED), leased=False
            )
            found = list(rows.order_by("id").select_for_update(no_key=True))
            self._all().filter(id__in=[row.pk for row in found]).update(
                status=Status.QUEUE,
                due_at=Now(),
                attempts=0,
                queued_at=Now(),
                holds_lane=Q(lane__isnull=False),
                error="",
                reason="",
                finished_at=None,
            )
            Log.objects.bulk_create(
                row.line(Level.INFO, "requeued", "Put back in the queue by a person.")
                for row in found
            )
        return len(found)

    def cancel(self, reason: str) -> int:
        """End objects that still wait; one that is being sent right now is left to finish."""
        with transaction.atomic(using=self.db):
            now = _database_now(self.db)
            rows = self.filter(status__in=OPEN, leased=False).order_by("id")
            found = list(rows.select_for_update(no_key=True))
            ids = [row.pk for row in found]
            self._all().filter(id__in=ids).update(
                status=Status.CANCELLED,
                due_at=None,
                holds_lane=False,
                reason=reason,
                finished_at=now,
            )
            self._wake_next(ids, now)
            Log.objects.bulk_create(row.line(Level.INFO, "cancelled", reason) for row in found)
        return len(found)

    def _all(self) -> "IntegrationObjectQuerySet":
        return IntegrationObject.objects.using(self.db).across_platforms()


class IntegrationObject(models.Model):
    """One EntityChange queued for one Integration: the durable queue row.

    `id` is the sequence a receiver sees (drawn while the entity is locked); `uuid` is the id on the
    wire and the webhook-id, the same on every attempt.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    platform = models.ForeignKey("accounts.Platform", models.CASCADE, related_name="+")
    integration = models.ForeignKey(Integration, models.CASCADE, related_name="queue")
    change = models.ForeignKey(EntityChange, models.CASCADE, related_name="queue")
    replay_of = models.ForeignKey("self", models.SET_NULL, null=True, related_name="replays")
    entity = models.CharField(max_length=60)
    entity_id = models.UUIDField()
    reference = models.CharField(max_length=255, blank=True)

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUE)
    lane = models.CharField(max_length=100, null=True)  # noqa: DJ001 - null: no order to keep
    holds_lane = models.BooleanField(default=False)
    due_at = models.DateTimeField(null=True)
    leased = models.BooleanField(default=False)
    claimed_at = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    step = models.PositiveSmallIntegerField(default=0)
    reason = models.TextField(blank=True)
    error = models.TextField(blank=True)
    external_id = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Its time for retries counts from here: the first attempt, not what it waited before.
    queued_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    objects = IntegrationObjectQuerySet.as_manager()

    # Set by a claim: the lease before it ended without an outcome.
    interrupted = False

    class Meta:
        indexes = [
            # Claims read these three; they hold only rows that wait, so history costs nothing.
            models.Index(
                fields=["integration", "due_at", "id"],
                name="queue_due",
                condition=Q(due_at__isnull=False),
            ),
            models.Index(
                fields=["integration", "lane", "id"],
                name="queue_lane",
                condition=Q(holds_lane=True),
            ),
            models.Index(fields=["integration"], name="queue_leased", condition=Q(leased=True)),
            # The monitoring lists and the search read these.
            models.Index(fields=["integration", "-id"], name="queue_newest"),
            models.Index(fields=["integration", "status", "-id"], name="queue_by_status"),
            models.Index(fields=["platform", "-id"], name="queue_of_platform"),
            models.Index(fields=["platform", "entity_id", "-id"], name="queue_of_entity"),
            models.Index(fields=["platform", "reference", "-id"], name="queue_by_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} ({self.status})"

    @property
    def lease(self) -> timedelta:
        """How long this claim was given; only of a leased object."""
        assert self.due_at  # noqa: S101 - for the type checker: a lease has both ends
        assert self.claimed_at  # noqa: S101
        return self.due_at - self.claimed_at

    def line(self, level: Level, code: str, message: str, data: Any = None) -> Log:
        """A log line about this object."""
        return Log(
            platform_id=self.platform_id,
            integration_id=self.integration_id,
            object_id=self.pk,
            level=level,
            code=code,
            message=message,
            data=data,
        )

    # What a worker may say about an object it leases.

    def succeed(
        self, message: str, *, steps_left: bool = False, level: Level = Level.INFO, **extra: Any
    ) -> Outcome:
        """Delivered; with steps left, the next one is due now."""
        if steps_left:
            changes = {"status": Status.QUEUE, "step": self.step + 1, "attempts": 0, "due_at": None}
            return Outcome(self, changes, level, "step_delivered", message, wait=0, **extra)
        changes = {**_finished(Status.SUCCESS), "error": "", "reason": ""}
        return Outcome(self, changes, level, "delivered", message, **extra)

    def fail(
        self,
        code: str,
        error: str,
        policy: DeliveryPolicy,
        *,
        permanent: bool,
        retry_after: float | None = None,
        **extra: Any,
    ) -> Outcome:
        """Try again later, unless the error is permanent or the budget in time is spent."""
        changes: dict[str, Any]
        wait = None if permanent else self._wait(policy.retry, retry_after)
        if wait is not None:
            changes = {"status": Status.RETRY, "error": error}
            message = f"{error} Attempt {self.attempts}; the next one in {_spoken(wait)}."
            return Outcome(
                self, changes, Level.WARNING, "retry_scheduled", message, wait=wait, **extra
            )
        if not permanent:
            error = (
                f"{error} Given up after {self.attempts} attempts: the time for retries is over."
            )
        if policy.on_poison == "skip":
            changes = {**_finished(Status.SKIPPED), "error": error, "reason": f"Skipped: {error}"}
        else:
            held = policy.on_poison == "block" and self.lane is not None
            changes = {**_finished(Status.ERROR), "error": error, "holds_lane": held}
        return Outcome(self, changes, Level.ERROR, code, error, **extra)

    def skip(self, code: str, reason: str, data: Any = None) -> Outcome:
        """Nothing is sent, and this is why."""
        changes = {**_finished(Status.SKIPPED), "reason": reason}
        return Outcome(self, changes, Level.INFO, code, reason, data)

    def drop(self, reason: str) -> Outcome:
        """Nobody wants it any more."""
        changes = {**_finished(Status.CANCELLED), "reason": reason}
        return Outcome(self, changes, Level.INFO, "cancelled", reason)

    def release(self, reason: str) -> Outcome:
        """Give the lease back; the attempt was not made and is not charged."""
        changes = {"status": self.status, "attempts": self.attempts - 1}
        return Outcome(self, changes, Level.DEBUG, "released", reason, wait=0)

    def is_given_up(self, policy: DeliveryPolicy) -> bool:
        """Is the time for retries over?"""
        return self._wait(policy.retry, None) is None

    def _wait(self, retry: RetryPolicy, retry_after: float | None) -> float | None:
        elapsed = datetime.now(UTC) - self.queued_at
        return retry.delay(self.attempts, retry_after=retry_after, elapsed=elapsed)


def _finished(status: Status) -> dict[str, Any]:
    return {"status": status, "holds_lane": False, "due_at": None, "finished_at": Now()}


def _timed(outcome: Outcome, now: datetime) -> dict[str, Any]:
    """The changes, with the wait as a moment of the database's clock."""
    if outcome.wait is None:
        return outcome.changes
    return {**outcome.changes, "due_at": now + timedelta(seconds=outcome.wait)}


def _database_now(using: str) -> datetime:
    """The clock that all workers share."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def _spoken(seconds: float) -> str:
    """A wait for people: 7 s, 12 min, 3.5 h."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
