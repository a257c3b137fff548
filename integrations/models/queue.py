"""The queue: IntegrationObject, its gate, and every transition there is.

    -                 -> QUEUE              enqueue()
    QUEUE, RETRY      -> the same, leased   claim_due(), in claim.py
    leased            -> SUCCESS            succeed()
    leased            -> RETRY or ERROR     fail()
    leased            -> SKIPPED            skip()
    leased            -> CANCELLED          drop()
    leased            -> the same, free     release(), or found again when the lease is over
    ERROR, RETRY, SKIPPED -> QUEUE          requeue()
    QUEUE, RETRY, or ERROR that blocks -> CANCELLED    cancel()

A lease is a promise of time: `due_at` is its end while `leased`. The fence counts the claims, so a
worker that comes late with an outcome finds that its claim is gone.

Order: objects with the same lane leave one after the other, by id. Claims never wait for a lock
(SKIP LOCKED everywhere), outcomes touch only rows they lease and the next one of each lane.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from integrations.core import origin, schedule
from integrations.core.backoff import RetryPolicy
from integrations.core.delivery import DeliveryPolicy
from integrations.models.change import EntityChange
from integrations.models.claim import ClaimQuerySet, database_now
from integrations.models.gate import FOREVER, Gate
from integrations.models.integration import DataSource, Integration
from integrations.models.log import Level, Log, RequestLog
from integrations.models.outcome import Outcome
from otms.accounts import audit
from otms.db.fields import DocumentField
from otms.db.text import Text


class Status(models.TextChoices):
    QUEUE = "QUEUE"
    RETRY = "RETRY"
    SUCCESS = "SUCCESS"
    ERROR = "ERROR"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"


OPEN = (Status.QUEUE, Status.RETRY)
# By cancel(): what waits, and what keeps others waiting.
ENDABLE = Q(status__in=OPEN) | Q(status=Status.ERROR, holds_lane=True)
REQUEUED = (Status.ERROR, Status.RETRY, Status.SKIPPED)  # by requeue(), and no others


LOCK_LEASED = Text(
    """
SELECT id, fence FROM integrations_integrationobject
 WHERE id IN %(ids)s AND leased ORDER BY id FOR NO KEY UPDATE
"""
)
# The head of each lane that these left, which may be older than they: it was put back.
FIND_NEXT = Text(
    """
SELECT DISTINCT (SELECT n.id FROM integrations_integrationobject n
                  WHERE n.integration_id = o.integration_id AND n.lane = o.lane
                    AND n.holds_lane AND n.id <> o.id
                  ORDER BY n.id LIMIT 1)
  FROM integrations_integrationobject o WHERE o.id IN %(ids)s AND o.lane IS NOT NULL
"""
)
LOCK_RATED = Text(
    """
SELECT g.* FROM integrations_gate g
 WHERE g.integration_id IN %(gates)s AND g.rate_calls IS NOT NULL
 ORDER BY g.integration_id FOR NO KEY UPDATE
"""
)
PORTION = 500  # rows that a person's act changes at once: workers wait for no more


class IntegrationObjectQuerySet(ClaimQuerySet):
    def enqueue(self, changes: Sequence[EntityChange]) -> list["IntegrationObject"]:
        """Queue each change for each integration that listens, in the change's transaction.

        The integration that imported it is left out: it would send back what it brought.
        """
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
            )
            for change in changes
            for integration in listening[change.platform_id, change.entity]
            if change.action in integration.trigger["actions"]
            and change.origin_integration_id != integration.pk
        ]
        for row in rows:
            if row.change.hops >= origin.MOST_HOPS:
                row.go_round_no_more()
        queued = [row for row in rows if row.status == Status.QUEUE]
        with transaction.atomic(using=self.db, savepoint=False):
            older = self._replaceable(queued)
            now = datetime.now(UTC)
            for row in queued:
                row.due_at = row.first_due(now)
            for old, row in older:
                row.take_the_place_of(old, now)
            made = self.bulk_create(rows)
            self._replace(older)
        return made

    def _replaceable(
        self, rows: list["IntegrationObject"]
    ) -> list[tuple["IntegrationObject", "IntegrationObject"]]:
        """What waits untried where only the newest counts, each with the new row that replaces it.

        The record is locked, so nobody else queues a change of it. What a worker claims at this
        moment is left alone: it goes out, and the new one after it. So does what was claimed or put
        back before, and what waits since before an import by the integration itself: the receiver
        has something newer than what was before it, and undone it would not be told.
        """
        coalescing = {
            (row.integration_id, row.lane): row
            for row in rows
            if row.integration.policy.coalesce is not None
        }
        if not coalescing:
            return []
        untried = self._all().filter(
            integration_id__in={integration for integration, _ in coalescing},
            lane__in={lane for _, lane in coalescing},
            holds_lane=True,
            status=Status.QUEUE,
            attempts=0,
            fence=0,
            step=0,
            leased=False,
        )
        brought = EntityChange.objects.using(self.db).across_platforms()
        brought = brought.filter(
            platform_id=OuterRef("platform_id"),
            entity_id=OuterRef("entity_id"),
            id__gt=OuterRef("change_id"),
            origin_integration_id=OuterRef("integration_id"),
        )
        locked = untried.exclude(Exists(brought))
        locked = locked.select_for_update(skip_locked=True, of=("self",), no_key=True)
        found = []
        for old in locked.order_by("id").select_related("change", "since"):
            if row := coalescing.get((old.integration_id, old.lane)):
                row.since = row.since or old.since or old.change
                found.append((old, row))
        return found

    def _replace(self, older: list[tuple["IntegrationObject", "IntegrationObject"]]) -> None:
        for old, row in older:
            text = f"Replaced by {row.uuid}: it changed again before this was sent."
            for name, value in {**_finished(Status.SKIPPED), "reason": text}.items():
                setattr(old, name, value)
        fields = [*_finished(Status.SKIPPED), "reason"]
        self._all().bulk_update([old for old, _ in older], fields)
        Log.objects.bulk_create(old.line(Level.INFO, "replaced", old.reason) for old, _ in older)

    def finish(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Write outcomes down, with their logs; those whose claim still stands.

        A late outcome changes no status, but its request log is kept: it is the only trace of what
        the receiver got.
        """
        with transaction.atomic(using=self.db):
            # Before the objects, as whoever retires an integration does: or the two could deadlock.
            gates = self._rated_gates(outcomes)
            now = database_now(self.db)
            held = dict(LOCK_LEASED.rows(self.db, ids=[o.object.pk for o in outcomes]))
            standing = [o for o in outcomes if held.get(o.object.pk) == o.object.fence]
            alike: dict[Any, list[int]] = defaultdict(list)
            for outcome in standing:
                alike[tuple(_timed(outcome, now).items())].append(outcome.object.pk)
            for changes, ids in alike.items():
                ended = {"leased": False, "claimed_at": None, "interruptions": 0}
                self._all().filter(id__in=ids).update(**ended | dict(changes))
            for outcome in standing:
                if outcome.answers is not None:
                    self._all().filter(pk=outcome.object.pk).update(answers=outcome.answers)
            for gate in gates:
                made = [o for o in standing if o.request and o.object.integration_id == gate.pk]
                gate.count(len(made), now)
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

    def _rated_gates(self, outcomes: Sequence[Outcome]) -> list[Gate]:
        """The gates that count calls, locked, as they are now: a rate may have been set since."""
        ids = {o.object.integration_id for o in outcomes if o.request}
        return LOCK_RATED.records(Gate, self.db, gates=list(ids)) if ids else []

    def _wake_next(self, ids: list[int], now: datetime) -> None:
        """The next of each lane is due now, or at its own tick: it waited for these.

        Whether it was put off is not asked: a claim may just be doing it, unseen. The UPDATE waits
        for that claim and has the last word.
        """
        next_ids = [id for (id,) in FIND_NEXT.rows(self.db, ids=ids) if id] if ids else []
        # What waits to be tried again has a time of its own, unless it stood behind who blocks.
        untried_or_held = Q(status=Status.QUEUE) | Q(status=Status.RETRY, due_at__gte=FOREVER)
        waiting = self._all().filter(untried_or_held, id__in=next_ids, leased=False)
        due: dict[datetime, list[int]] = defaultdict(list)
        for obj in waiting.select_related("integration").defer("answers"):
            due[max(now, obj.own_due())].append(obj.pk)
        for moment, rows in due.items():
            waiting.filter(id__in=rows).update(due_at=moment)

    def requeue(self, by: str = "a person") -> int:
        """Put back what failed, waits to retry or was skipped: due now, same id, full budget."""
        ids = self.filter(status__in=REQUEUED, leased=False).order_by("id")
        return sum(self._requeue(each, by) for each in _portions(ids))

    def _requeue(self, ids: list[int], by: str) -> int:
        with transaction.atomic(using=self.db):
            rows = self._all().filter(id__in=ids, status__in=REQUEUED, leased=False)
            found = list(rows.order_by("id").select_for_update(no_key=True))
            self._all().filter(id__in=[row.pk for row in found]).update(
                status=Status.QUEUE,
                due_at=Now(),
                attempts=0,
                interruptions=0,
                version=None,  # it begins anew, with what the integration says now
                # As if it had been claimed: it may be older than what was delivered meanwhile.
                fence=F("fence") + 1,
                queued_at=Now(),
                holds_lane=Q(lane__isnull=False),
                error="",
                reason="",
                finished_at=None,
            )
            Log.objects.bulk_create(
                row.line(Level.INFO, "requeued", f"Put back in the queue by {by}.") for row in found
            )
            audit.record_each("requeue:integration:object", found)
        return len(found)

    def cancel(self, reason: str) -> int:
        """End objects that still wait, or block their lane; one that is being sent is left."""
        return self.end(reason, by_itself=True)

    def end(self, reason: str, *, by_itself: bool = False, most: int | None = None) -> int:
        """The same as a part of something larger, of which the audit trail says that it was done.

        Of each object it says so only when that was what somebody did.
        """
        ids = self.filter(ENDABLE, leased=False).order_by("id")[:most]
        return sum(self._end(each, reason, by_itself) for each in _portions(ids))

    def _end(self, ids: list[int], reason: str, by_itself: bool) -> int:
        with transaction.atomic(using=self.db):
            now = database_now(self.db)
            rows = self._all().filter(ENDABLE, id__in=ids, leased=False).order_by("id")
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
            if by_itself:
                audit.record_each("cancel:integration:object", found)
        return len(found)

    def unblock(self) -> None:
        """Let the lanes go on that an error holds: errors block them no more."""
        held = self.filter(status=Status.ERROR, holds_lane=True).order_by("id")
        for ids in _portions(held):
            with transaction.atomic(using=self.db):
                self._all().filter(id__in=ids, status=Status.ERROR).update(holds_lane=False)
                self._wake_next(ids, database_now(self.db))


class IntegrationObject(models.Model):
    """One EntityChange queued for one Integration: the durable queue row.

    `id` is the sequence a receiver sees (drawn while the entity is locked); `uuid` is the id on the
    wire and the webhook-id, the same on every attempt.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    platform = models.ForeignKey("accounts.Platform", models.CASCADE, related_name="+")
    integration = models.ForeignKey(Integration, models.CASCADE, related_name="queue")
    change = models.ForeignKey(EntityChange, models.CASCADE, related_name="queue")
    # The first of the changes it stands for, when it replaced others.
    since = models.ForeignKey(
        EntityChange, models.SET_NULL, null=True, related_name="+", db_index=False
    )
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
    # Claims in a row, the last ones, that ended without an outcome.
    interruptions = models.PositiveSmallIntegerField(default=0)
    step = models.PositiveSmallIntegerField(default=0)
    # The data source of that step: others may have been put before it, or taken away, since.
    at_source = models.UUIDField(null=True)
    # Of the integration, whose filters and mappings it began with: a retry sends the same.
    version = models.PositiveIntegerField(null=True)
    answers = DocumentField(null=True)  # of the steps that enrich, by name
    reason = models.TextField(blank=True)
    error = models.TextField(blank=True)
    external_id = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Its time for retries counts from here: the first attempt, not what it waited before.
    queued_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    objects = IntegrationObjectQuerySet.as_manager()

    # What a log line of the server calls it, if that is not its reference.
    told_as: str | None = None

    class Meta:
        verbose_name_plural = "queue"
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
            # Deleting a change asks who stands for it.
            models.Index(fields=["since"], name="queue_since", condition=Q(since__isnull=False)),
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
    def audit_name(self) -> str:
        """Without its reference, which may be a person's name."""
        return f"{self.entity} {str(self.entity_id)[:8]}"

    @property
    def lease(self) -> timedelta:
        """How long this claim was given; only of a leased object."""
        assert self.due_at  # noqa: S101 - for the type checker: a lease has both ends
        assert self.claimed_at  # noqa: S101
        return self.due_at - self.claimed_at

    @cached_property
    def whole(self) -> EntityChange:
        """Its change, together with those that it replaced; compared once, for it never changes."""
        return self.change.since(self.since) if self.since else self.change

    @property
    def document(self) -> dict[str, Any]:
        """What mappings see: the change, and what steps before this one were answered."""
        document = self.whole.document
        return {**document, "steps": self.answers} if self.answers else document

    def first_due(self, now: datetime) -> Any:
        """At the integration's next tick, or at once; when it waits for newer ones, after that."""
        due = self.own_due(now, (self.since or self.change).created_at)
        return due if due > now else Now()

    def own_due(self, since: datetime | None = None, changed: datetime | None = None) -> datetime:
        """When it would be due if nothing stood before it: at a tick, after a wait for others."""
        since, changed = since or self.queued_at, changed or self.created_at
        ticks, seconds = self.integration.schedule, self.integration.policy.coalesce
        due = schedule.next_tick(ticks, since) if ticks else since
        if seconds and not self.attempts:
            due = max(due, changed + timedelta(seconds=seconds))
        return due

    def take_the_place_of(self, old: "IntegrationObject", now: datetime) -> None:
        """Be due no later than what it replaces, or a record that never rests would never leave."""
        due = self.due_at if isinstance(self.due_at, datetime) else now
        if old.due_at and old.due_at < due:
            self.due_at = old.due_at

    def go_round_no_more(self) -> None:
        """End it before it is queued: what our own deliveries cause would go round for ever."""
        for name, value in _finished(Status.SKIPPED).items():
            setattr(self, name, value)
        self.reason = (
            f"This change is the work of {self.change.hops} deliveries of ours, each the cause of "
            "the next: it is not sent on, or it would go round for ever."
        )

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
        self,
        message: str,
        *,
        then: DataSource | None = None,
        level: Level = Level.INFO,
        **extra: Any,
    ) -> Outcome:
        """Delivered; if there is a next step, it is due now."""
        if then:
            changes = {
                "status": Status.QUEUE,
                "step": self.step + 1,
                "at_source": then.pk,
                "attempts": 0,
                "due_at": None,
            }
            return Outcome(self, changes, level, "step_delivered", message, wait=0, **extra)
        changes = {**_finished(Status.SUCCESS), "error": "", "reason": "", "answers": None}
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
        changes = {
            "status": self.status,
            "attempts": self.attempts - 1,
            "interruptions": self.interruptions,  # it is as suspect as it was
        }
        return Outcome(self, changes, Level.DEBUG, "released", reason, wait=0)

    @property
    def interrupted(self) -> bool:
        """Did the claim before this one end without an outcome?"""
        return self.interruptions > 0

    def is_given_up(self, policy: DeliveryPolicy) -> bool:
        """Is the time for retries over?"""
        return self._wait(policy.retry, None) is None

    def _wait(self, retry: RetryPolicy, retry_after: float | None) -> float | None:
        elapsed = datetime.now(UTC) - self.queued_at
        return retry.delay(self.attempts, retry_after=retry_after, elapsed=elapsed)


def _portions(rows: models.QuerySet[IntegrationObject]) -> Iterator[list[int]]:
    ids = list(rows.values_list("pk", flat=True))
    return (ids[start : start + PORTION] for start in range(0, len(ids), PORTION))


def _finished(status: Status) -> dict[str, Any]:
    return {"status": status, "holds_lane": False, "due_at": None, "finished_at": Now()}


def _timed(outcome: Outcome, now: datetime) -> dict[str, Any]:
    """The changes, with the wait as a moment of the database's clock."""
    if outcome.wait is None:
        return outcome.changes
    return {**outcome.changes, "due_at": now + timedelta(seconds=outcome.wait)}


def _spoken(seconds: float) -> str:
    """A wait for people: 7 s, 12 min, 3.5 h."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
