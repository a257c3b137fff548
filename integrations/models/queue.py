"""The queue: what becomes of many objects at once, and every transition there is.

What a worker may say of one object that it leases stands with the object, in object.py.

    -                 -> QUEUE              enqueue(), tell()
    QUEUE, RETRY      -> the same, leased   claim_due(), in claim.py
    leased            -> SUCCESS            succeed()
    leased            -> RETRY or ERROR     fail()
    leased            -> SKIPPED            skip()
    leased            -> CANCELLED          drop()
    leased            -> the same, free     release(), or found again when the lease is over
    ERROR, RETRY, SKIPPED -> QUEUE          requeue()
    QUEUE, RETRY, or ERROR that blocks -> CANCELLED    cancel()
    any               -> a new one, QUEUE   replay(), in anew.py

A lease is a promise of time: `due_at` is its end while `leased`. The fence counts the claims, so a
worker that comes late with an outcome finds that its claim is gone.

Order: objects with the same lane leave one after the other, by id. Claims never wait for a lock
(SKIP LOCKED everywhere), outcomes touch only rows they lease and the next one of each lane.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Now

from integrations import entities
from integrations.core import origin
from integrations.models.anew import AnewQuerySet
from integrations.models.change import EntityChange
from integrations.models.counter import Counter
from integrations.models.hearing import portions
from integrations.models.integration import Integration
from integrations.models.lane import FIND_NEXT
from integrations.models.log import Level, Log
from integrations.models.outcome import Outcome
from integrations.models.remote_record import RemoteRecord
from integrations.models.status import ENDABLE, REQUEUED, Status, finished
from otms.accounts import audit
from otms.db.clock import database_now
from otms.db.fields import DocumentField
from otms.db.rows import insert, inserting
from otms.db.swap import swapping
from otms.db.text import together

if TYPE_CHECKING:
    from integrations.models.object import IntegrationObject


UNDONE = Q(step=0, done__isnull=True)


class IntegrationObjectQuerySet(AnewQuerySet):
    def enqueue(self, changes: Sequence[EntityChange]) -> list["IntegrationObject"]:
        """Queue each change for each integration that listens, in the change's transaction.

        The integration that imported it is left out: it would send back what it brought.
        """
        listening: dict[tuple[Any, str], list[Integration]] = {}
        for change in changes:
            key = (change.platform_id, change.entity)
            if key not in listening:
                listening[key] = Integration.listening(*key, self.db)
        rows = [
            self._of(change, integration)
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
            insert(rows, self.db, keys=True)
            self._replace(older)
        return rows

    def tell(
        self, integration: Integration, change: EntityChange, by: str = "a person"
    ) -> "IntegrationObject | None":
        """Queue a change for an integration that was not told of it; None where it is not to be.

        Judged while nobody else changes the record: told of this change or of a later one, the
        integration is not told an older state last.
        """
        with transaction.atomic(using=self.db):
            entities.load(change.entity).hold([change.entity_id], self.db)
            # What was deleted has no row to hold, but its change has.
            changes = EntityChange.objects.using(self.db).of(change.platform_id)
            list(changes.filter(pk=change.pk).select_for_update(no_key=True).values_list("pk"))
            told = self._all().filter(integration=integration, entity_id=change.entity_id)
            listens = Integration.objects.using(self.db).of(change.platform_id).living()
            listens = listens.filter(pk=integration.pk, enabled=True)
            if told.filter(change__gte=change).exists() or not listens.exists():
                return None
            row = self._of(change, integration)
            # As if it had been tried: no newer one replaces it.
            row.done, row.due_at = [], row.first_due(datetime.now(UTC))
            if change.hops >= origin.MOST_HOPS:
                row.go_round_no_more()
            row.save(using=self.db)
            text = f"Told of a change that it was not told when that was saved, by {by}."
            row.line(Level.INFO, "told", text).save(using=self.db)
            audit.record("replay:integration:objects", row)
        return row

    def _of(self, change: EntityChange, integration: Integration) -> "IntegrationObject":
        in_order = integration.policy.ordering == "perEntity"
        return self.model(
            platform_id=change.platform_id,
            integration=integration,
            change=change,
            entity=change.entity,
            entity_id=change.entity_id,
            reference=change.reference,
            lane=str(change.entity_id) if in_order else None,
            holds_lane=in_order,
        )

    def _replaceable(
        self, rows: list["IntegrationObject"]
    ) -> list[tuple["IntegrationObject", "IntegrationObject"]]:
        """What waits untried where only the newest counts, each with the new row that replaces it.

        The record is locked, so nobody else queues a change of it. What a worker claims at this
        moment is left alone: it goes out, and the new one after it. So does what was tried or put
        back before, and what waits since before an import by the integration itself: the receiver
        has something newer than what was before it, and undone it would not be told. A claim that
        was given back, because the target was in trouble, was no try.
        """
        coalescing = {
            (row.integration_id, row.lane): row
            for row in rows
            if row.integration.policy.coalesce is not None
        }
        if not coalescing:
            return []
        untried = self._all().filter(
            UNDONE,
            integration_id__in={integration for integration, _ in coalescing},
            lane__in={lane for _, lane in coalescing},
            holds_lane=True,
            status=Status.QUEUE,
            attempts=0,
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
            for name, value in {**finished(Status.SKIPPED), "reason": text}.items():
                setattr(old, name, value)
        fields = [*finished(Status.SKIPPED), "reason"]
        self._all().bulk_update([old for old, _ in older], fields)
        Log.objects.bulk_create(old.line(Level.INFO, "replaced", old.reason) for old, _ in older)

    def finish(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Write outcomes down, with their logs; those whose claim still stands.

        A late outcome changes no status, but its request log is kept: it is the only trace of what
        the receiver got.
        """
        with transaction.atomic(using=self.db):
            # Before the objects, as whoever retires an integration does: or the two could deadlock.
            gates, now = self._hearing_gates(outcomes)
            standing = self._end_claims(outcomes, now)
            RemoteRecord.objects.using(self.db).remember(
                (outcome.object, outcome.remembered) for outcome in standing if outcome.remembered
            )
            for gate in gates:
                if told := [o for o in standing if o.object.integration_id == gate.pk]:
                    self._hear(gate, told, now)
            # Nobody knows of a COMMIT whose answer was lost whether it was made: written twice,
            # it is there once.
            requests = [o.request for o in outcomes if o.request]
            lines = [o.object.line(o.level, o.code, o.message, o.data) for o in standing]
            together(
                self.db,
                *inserting(requests, self.db, ignore_conflicts=True),
                *inserting(lines, self.db),
                # The last: its row of all time is what any two workers have in common.
                *Counter.objects.using(self.db).recording(standing, now),
            )
        return standing

    def _end_claims(self, outcomes: Sequence[Outcome], now: datetime) -> list[Outcome]:
        """Those whose claim stood; it is over now, and the next of their lanes are due."""
        rows = [
            (
                {"id": each.object.pk, "fence": each.object.fence, "leased": True},
                _changes(each, now),
            )
            for each in outcomes
        ]
        freed = [outcome.object.pk for outcome in outcomes if outcome.frees_lane]
        *ended, behind = together(
            self.db,
            *swapping(self.model, rows, self.db),
            FIND_NEXT.asking(self.db, ids=freed),
        )
        self._wake([id for (id,) in behind if id], now)
        known = {id for each in ended for (id,) in each}
        return [outcome for outcome in outcomes if outcome.object.pk in known]

    def requeue(
        self, by: str = "a person", *, anew: bool = False, as_it_began: bool = False
    ) -> int:
        """Put back what failed, waits to retry or was skipped: due now, same id, full budget.

        With the filters and mappings of now, or as it began. `anew` forgets what the targets where
        they failed call the records: they are created there once more.
        """
        ids = self.filter(status__in=REQUEUED, leased=False).order_by("id")
        version = {} if as_it_began else {"version": None}
        return sum(self._requeue(each, by, anew, version) for each in portions(ids))

    def _requeue(self, ids: list[int], by: str, anew: bool, version: dict[str, None]) -> int:
        with transaction.atomic(using=self.db):
            rows = self._all().filter(id__in=ids, status__in=REQUEUED, leased=False)
            locked = rows.order_by("id").select_for_update(no_key=True, of=("self",))
            found = list(locked.select_related("change"))
            self._all().filter(id__in=[row.pk for row in found]).update(
                status=Status.QUEUE,
                due_at=Now(),
                attempts=0,
                interruptions=0,
                **version,
                fence=F("fence") + 1,
                # As if it had been tried: it may be older than what was delivered meanwhile.
                done=Case(When(UNDONE, then=Value([], DocumentField())), default=F("done")),
                queued_at=Now(),
                holds_lane=Q(lane__isnull=False),
                error="",
                reason="",
                finished_at=None,
            )
            text = f"Put back in the queue by {by}."
            if anew:
                RemoteRecord.objects.using(self.db).forget_for(found)
                text += " What its target calls it is forgotten: it is created there anew."
            Log.objects.bulk_create(row.line(Level.INFO, "requeued", text) for row in found)
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
        return sum(self._end(each, reason, by_itself) for each in portions(ids))

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
        for ids in portions(held):
            with transaction.atomic(using=self.db):
                self._all().filter(id__in=ids, status=Status.ERROR).update(holds_lane=False)
                self._wake_next(ids, database_now(self.db))


def _changes(outcome: Outcome, now: datetime) -> dict[str, Any]:
    """All that an outcome changes, with its moments by the database's clock."""
    ended = {"leased": False, "claimed_at": None, "interruptions": 0}
    changes = {**ended, **outcome.changes}
    if outcome.wait is not None:
        changes["due_at"] = now + timedelta(seconds=outcome.wait)
    if outcome.answers is not None:
        changes["answers"] = outcome.answers
    return {name: now if isinstance(value, Now) else value for name, value in changes.items()}
