"""The queue: what becomes of many objects at once, and every transition there is.

What a worker may say of one object that it leases stands with the object, in object.py.

    -                 -> QUEUE              enqueue()
    QUEUE, RETRY      -> the same, leased   claim_due(), in claim.py
    leased            -> SUCCESS            succeed()
    leased            -> RETRY or ERROR     fail()
    leased            -> SKIPPED            skip()
    leased            -> CANCELLED          drop()
    leased            -> the same, free     release(), or found again when the lease is over
    ERROR, RETRY, SKIPPED -> QUEUE          requeue()
    QUEUE, RETRY, or ERROR that blocks -> CANCELLED    cancel()
    any               -> a new one, QUEUE   replay()

A lease is a promise of time: `due_at` is its end while `leased`. The fence counts the claims, so a
worker that comes late with an outcome finds that its claim is gone.

Order: objects with the same lane leave one after the other, by id. Claims never wait for a lock
(SKIP LOCKED everywhere), outcomes touch only rows they lease and the next one of each lane.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, TextField
from django.db.models.functions import Cast, Now, Upper

from integrations import entities
from integrations.core import origin
from integrations.core.trouble import Report
from integrations.models.change import EntityChange, up_to_now
from integrations.models.claim import GATE, ClaimQuerySet, database_now, moment_of
from integrations.models.counter import Counter
from integrations.models.data_source import DataSource
from integrations.models.gate import FOREVER, Gate
from integrations.models.integration import Integration
from integrations.models.log import Level, Log
from integrations.models.outcome import Outcome
from integrations.models.remote_record import RemoteRecord
from integrations.models.status import ENDABLE, REQUEUED, Status, finished
from integrations.models.trouble import Telling
from otms.accounts import audit
from otms.db.rows import insert
from otms.db.text import Text

if TYPE_CHECKING:
    from integrations.models.object import IntegrationObject

LOCK_LEASED = Text(
    """
SELECT id, fence, statement_timestamp() FROM integrations_integrationobject
 WHERE id IN %(ids)s AND leased ORDER BY id FOR NO KEY UPDATE
"""
)
# The head of each lane that these left, which may be older than they: it was put back.
FIND_NEXT = Text(
    """
SELECT DISTINCT (SELECT n.id FROM integrations_integrationobject n
                  WHERE n.integration_id = o.integration_id
                    AND n.lane >= o.lane AND n.lane <= o.lane  -- as a range: see claim.py
                    AND n.holds_lane AND n.id <> o.id
                  ORDER BY n.lane, n.id LIMIT 1)
  FROM integrations_integrationobject o WHERE o.id IN %(ids)s AND o.lane IS NOT NULL
"""
)
# Those that count calls, and those of targets that fail or did when they were called last.
LOCK_HEARING = GATE.where(
    """
WHERE integration_id IN %(called)s AND (rate_calls IS NOT NULL OR troubles IS NOT NULL)
   OR integration_id IN %(failing)s
ORDER BY integration_id FOR NO KEY UPDATE
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
                listening[key] = Integration.listening(*key, self.db)
        rows = [
            self.model(
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
            gates = self._hearing_gates(outcomes)
            leased = LOCK_LEASED.rows(self.db, ids=[o.object.pk for o in outcomes])
            now = moment_of(leased[0][2]) if leased else database_now(self.db)
            held = {id: fence for id, fence, _ in leased}
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
            RemoteRecord.objects.using(self.db).remember(
                (outcome.object, outcome.remembered) for outcome in standing if outcome.remembered
            )
            for gate in gates:
                self._hear(gate, [o for o in standing if o.object.integration_id == gate.pk], now)
            self._wake_next([o.object.pk for o in standing if o.frees_lane], now)
            # Nobody knows of a COMMIT whose answer was lost whether it was made: written twice,
            # it is there once.
            requests = [o.request for o in outcomes if o.request]
            insert(requests, self.db, ignore_conflicts=True)
            lines = [o.object.line(o.level, o.code, o.message, o.data) for o in standing]
            insert(lines, self.db)
            for outcome in standing:
                if outcome.pause_reason:
                    source = outcome.report and outcome.report.source
                    self._suspend(outcome.object, source, outcome.pause_reason)
            # The last: its row of all time is what any two workers have in common.
            Counter.objects.using(self.db).record(standing, now)
        return standing

    def _hearing_gates(self, outcomes: Sequence[Outcome]) -> list[Gate]:
        """The gates that these tell something, locked, as they are now."""
        called = {o.object.integration_id for o in outcomes}
        reports = [(o.object.integration_id, o.report) for o in outcomes if o.report]
        failing = {id for id, report in reports if report.kind != "works"}
        return LOCK_HEARING.records(self.db, called=list(called), failing=list(failing))

    def _hear(self, gate: Gate, outcomes: list[Outcome], now: datetime) -> None:
        """Count the calls, and keep what they tell of their targets; people are told of trouble."""
        gate.count(len([o for o in outcomes if o.request]), now)
        reports = self._of_known(gate, [o.report for o in outcomes if o.report])

        def waits(source: str) -> bool:
            waiting = self._all().filter(integration_id=gate.pk, due_at__lt=FOREVER)
            return waiting.filter(Q(at_source=source) | Q(at_source=None)).exists()

        heard = gate.hear(reports, now, waits)
        if gate.blocked_by and not all(o.report for o in outcomes):
            gate.look_again()
        worked = {str(report.source) for report in reports if report.kind == "works"}
        for source, trouble in gate.held_back.items():
            if source in worked:
                self._of(gate).go_on([source], most=trouble.at_once)
        # Of what is gone for good another alert says more.
        for gone in (o.report.source for o in outcomes if o.pause_reason and o.report):
            heard.begun.pop(str(gone), None)
        for obj in (o.object for o in outcomes[:1]):
            self._of(gate).go_on(list(heard.over))
            Telling(self.db, obj.platform_id, gate.pk).heard(heard)
            for source, trouble in heard.hopeless.items():
                self._suspend(obj, source, f"It worked no more for days: {trouble.reason}")

    def _of(self, gate: Gate) -> "IntegrationObjectQuerySet":
        everywhere: Any = self._all()
        found: IntegrationObjectQuerySet = everywhere.filter(integration_id=gate.pk)
        return found

    def _of_known(self, gate: Gate, reports: list[Report]) -> list[Report]:
        """Without what calls that were under way tell of a data source that is gone."""
        new = {report.source for report in reports if report.kind != "works"}
        new -= {UUID(id) for id in gate.trouble}
        if not new:
            return reports
        living = DataSource.objects.using(self.db).across_platforms()
        living = living.filter(integration=gate.pk, integration__deleted_at=None, pk__in=new)
        gone = new - set(living.values_list("pk", flat=True))
        return [report for report in reports if report.source not in gone]

    def go_on(self, sources: list[str], *, most: int = PORTION) -> None:
        """What was put off because of the trouble of these targets is due now, the oldest first."""
        if not sources:
            return
        now = database_now(self.db)
        standing = self.filter(at_source__in=sources, status=Status.QUEUE, leased=False)
        off = standing.filter(due_at__gt=now, due_at__lt=FOREVER).order_by("due_at", "id")
        ids = list(off.values_list("pk", flat=True)[:most])
        if ids:
            self._all().filter(id__in=ids, leased=False, due_at__gt=now).update(due_at=now)

    def _suspend(self, obj: "IntegrationObject", source: Any, reason: str) -> None:
        """Nothing more is sent until a person says so, who is told once."""
        gates = Gate.objects.using(self.db).filter(pk=obj.integration_id)
        stopped = {"paused_until": FOREVER, "pause_reason": reason[:300]}
        if gates.filter(paused_until__lt=FOREVER).update(**stopped):
            Telling(self.db, obj.platform_id, obj.integration_id).suspended(source, reason)

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

    def requeue(
        self, by: str = "a person", *, anew: bool = False, as_it_began: bool = False
    ) -> int:
        """Put back what failed, waits to retry or was skipped: due now, same id, full budget.

        With the filters and mappings of now, or as it began. `anew` forgets what the targets where
        they failed call the records: they are created there once more.
        """
        ids = self.filter(status__in=REQUEUED, leased=False).order_by("id")
        version = {} if as_it_began else {"version": None}
        return sum(self._requeue(each, by, anew, version) for each in _portions(ids))

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
                # As if it had been claimed: it may be older than what was delivered meanwhile.
                fence=F("fence") + 1,
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

    def replay(
        self, by: str = "a person", *, as_it_is_now: bool = False, as_it_began: bool = False
    ) -> list["IntegrationObject"]:
        """Make a new object of each: a new id, at the end of its lane, due as a new change is.

        It tells the change as it was, or the record as it is now: those that are deleted are left
        out. It goes with the filters and mappings of now, or with those that the object used.
        """
        return [
            made
            for ids in _portions(self.order_by("id"))
            for made in self._replay(ids, by, as_it_is_now, as_it_began)
        ]

    def _replay(
        self, ids: list[int], by: str, as_it_is_now: bool, as_it_began: bool
    ) -> list["IntegrationObject"]:
        with transaction.atomic(using=self.db):
            found = list(
                self._all()
                .filter(id__in=ids)
                .order_by("id")
                .select_related("change", "since", "integration")
            )
            self._hold_records(found)
            now: list[EntityChange | None] = [None] * len(found)
            if as_it_is_now:
                now = up_to_now((row.whole for row in found), self.db)
                EntityChange.objects.using(self.db).bulk_create(filter(None, now))
            pairs = [
                (row, row.replayed(change, as_it_began=as_it_began))
                for row, change in zip(found, now, strict=True)
                if change or not as_it_is_now
            ]
            at = datetime.now(UTC)
            for _, row in pairs:
                if row.change.hops >= origin.MOST_HOPS:
                    row.go_round_no_more()
                else:
                    row.due_at = row.first_due(at)
            made = self.bulk_create([row for _, row in pairs])
            Log.objects.bulk_create(
                line
                for old, row in pairs
                for line in (
                    old.line(Level.INFO, "replayed", f"Replayed as {row.uuid} by {by}."),
                    row.line(Level.INFO, "replay", f"A replay of {old.uuid}, by {by}."),
                )
            )
            audit.record_each("replay:integration:objects", made)
        return made

    def _hold_records(self, found: Sequence["IntegrationObject"]) -> None:
        """Nobody changes these meanwhile: ids are drawn in the order of what they tell."""
        ids: dict[str, set[Any]] = defaultdict(set)
        for row in found:
            ids[row.entity].add(row.entity_id)
        for key in sorted(ids):
            entities.load(key).hold(ids[key], self.db)

    def overtaken(self) -> "IntegrationObjectQuerySet":
        """Those of whose record something newer was delivered: replayed, they tell an older state
        last."""
        # Integration and status are spelled so that no index has them: with old statistics, each
        # would be looked for among all that the integration delivered, and not by its record.
        newer = self._all().alias(of=Cast("integration_id", TextField()), state=Upper("status"))
        newer = newer.filter(
            platform_id=OuterRef("platform_id"),
            entity_id=OuterRef("entity_id"),
            id__gt=OuterRef("id"),
            of=Cast(OuterRef("integration_id"), TextField()),
            state=Status.SUCCESS,
        )
        return self.filter(Exists(newer))

    def without_record(self) -> "IntegrationObjectQuerySet":
        """Those whose record is deleted since."""
        there = Q(pk__in=[])
        for key in entities.known():
            root = entities.load(key).root._base_manager.using(self.db)
            same = root.filter(pk=OuterRef("entity_id"), platform=OuterRef("platform_id"))
            there |= Q(Exists(same), entity=key)
        return self.exclude(there)

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


def _portions(rows: IntegrationObjectQuerySet) -> Iterator[list[int]]:
    ids = list(rows.values_list("pk", flat=True))
    return (ids[start : start + PORTION] for start in range(0, len(ids), PORTION))


def _timed(outcome: Outcome, now: datetime) -> dict[str, Any]:
    """The changes, with the wait as a moment of the database's clock."""
    if outcome.wait is None:
        return outcome.changes
    return {**outcome.changes, "due_at": now + timedelta(seconds=outcome.wait)}
