"""A claim: the due heads of lanes are leased to one worker, within each integration's cap.

Claims never wait for a lock (SKIP LOCKED everywhere), write no status, and what they cost does not
grow with history: they read the indexes that hold only rows which wait.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django.apps import apps
from django.db import connections, transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce, Least

from integrations.core.share import Share
from integrations.models.change import EntityChange
from integrations.models.counter import Counter, interrupted
from integrations.models.gate import FOREVER, Gate
from integrations.models.lane import AHEAD, AWAIT, DEFER, FIND_HEADS, LaneQuerySet
from integrations.models.log import Level, Log, RequestLog
from integrations.models.targets import Targets
from otms.db.clock import database_now, moment_of
from otms.db.columns import Columns, Joined
from otms.db.text import Text, together

if TYPE_CHECKING:
    from integrations.models.object import IntegrationObject

GATES_PER_CLAIM = 8
# Rows that are looked at for each free slot, and at least: followers are deferred, so a look is
# never wasted; but who has one slot free, time and again, must not lock a hundred rows for it.
LOOK_AHEAD, LEAST_LOOK = 4, 20
MOST_COUNTED = 100
MOST_INTERRUPTIONS = 32767  # that fit into their column

GATE = Columns(Gate)
# Gates with something due and room for it: the full ones would keep others from a look.
OPEN = """
  FROM integrations_gate JOIN integrations_integration i ON i.id = integrations_gate.integration_id
 WHERE paused_until <= statement_timestamp() AND full_until <= statement_timestamp()
   AND EXISTS (SELECT 1 FROM integrations_integrationobject o
                WHERE o.integration_id = integrations_gate.integration_id
                  AND o.due_at <= statement_timestamp()
                  AND (o.leased OR o.interruptions <= %(interruptions)s))
   AND cap > (SELECT count(*) FROM integrations_integrationobject o
               WHERE o.integration_id = integrations_gate.integration_id AND o.leased
                 AND o.due_at > statement_timestamp())
"""
LOCK_GATES = Text(
    """
SELECT [columns], i.platform_id, statement_timestamp(),
       EXISTS (SELECT 1 FROM integrations_integrationobject o WHERE o.leased
                AND o.integration_id = integrations_gate.integration_id
                AND o.due_at <= statement_timestamp())
[open] AND NOT integrations_gate.integration_id IN %(spent)s
 ORDER BY served_at LIMIT %(gates)s FOR UPDATE OF integrations_gate SKIP LOCKED
""",
    columns=GATE.sql,
    open=OPEN,
)
ANY_OPEN = Text(
    "SELECT 1 [open] AND NOT integrations_gate.integration_id IN %(spent)s LIMIT 1", open=OPEN
)
OVERLOOKED = Text(
    """
SELECT 1 FROM integrations_integrationobject o
 WHERE o.due_at <= %(then)s AND NOT EXISTS (SELECT h.id [ahead])
   AND o.integration_id IN (SELECT integrations_gate.integration_id [open]
                               AND paused_until <= %(then)s AND full_until <= %(then)s
                               AND served_at <= %(then)s)
 LIMIT %(most)s
""",
    open=OPEN,
    ahead=AHEAD,
)
IN_FLIGHT = Text(
    """
SELECT integration_id, at_source FROM integrations_integrationobject
 WHERE leased AND integration_id IN %(gates)s
"""
)
LOCK_DUE = Text(
    """
SELECT id FROM integrations_integrationobject
 WHERE integration_id = %(gate)s AND due_at <= %(now)s AND NOT leased
   AND interruptions <= %(interruptions)s
 ORDER BY due_at, id LIMIT %(most)s FOR UPDATE SKIP LOCKED
"""
)
LEASE = Text(
    """
UPDATE integrations_integrationobject
   SET leased = true, claimed_at = %(now)s, due_at = %(end)s, fence = fence + 1,
       queued_at = CASE WHEN attempts = 0 THEN %(now)s ELSE queued_at END, attempts = attempts + 1,
       version = COALESCE(version, (SELECT i.version FROM integrations_integration i
                                     WHERE i.id = integration_id))
 WHERE id IN %(ids)s
"""
)
SERVE = Text("UPDATE integrations_gate SET served_at = %(now)s WHERE integration_id IN %(gates)s")


@dataclass
class Claims:
    """What was claimed; and if that is nothing, whether there may be more.

    `busy`: other workers hold the gates. `deferred`: what was found were followers, now put off; it
    is what stands behind them that comes next. `more`: not all that was due was looked at.
    """

    objects: list["IntegrationObject"] = field(default_factory=list)
    busy: bool = False
    deferred: bool = False
    more: bool = False


class Due(NamedTuple):
    """What is due at a gate: rows, how many of them may go, and where what is leased stands.

    The latter is the data source of each; null before the first call.
    """

    gate: Gate
    room: int
    rows: list[int]
    in_flight: list[UUID | None]


class ClaimQuerySet(LaneQuerySet):
    def claim_due(
        self,
        slots: int,
        *,
        share: Share | None = None,
        suspect: bool = True,
        expected: bool = True,
    ) -> Claims:
        """Lease up to `slots` due objects, the heads of their lanes; no other worker gets the same.

        Of no integration more than its share of the window.

        At most one of them was interrupted before, and none unless a `suspect` is wanted: what
        brings its worker down does so alone, and those beside it are not suspected again and again.

        When nothing is `expected`, it is one statement that finds it so.

        Each step is a statement of its own, because a statement's snapshot is older than the locks
        it gets: caps are counted under the gate's lock, heads are looked up under the row's.
        """
        # Those that have their share, or suspects alone, would only keep others from a look.
        wanted = {
            "spent": share.spent() if share else [],
            "interruptions": MOST_INTERRUPTIONS if suspect else 0,
        }
        if not expected and not ANY_OPEN.rows(self.db, **wanted):
            return Claims()
        with transaction.atomic(using=self.db):
            gates, now = self._lock_open_gates(wanted)
            if not gates:
                others = connections[self.db].features.has_select_for_update
                return Claims(busy=others and bool(ANY_OPEN.rows(self.db, **wanted)))
            self._end_leases([gate for gate in gates if gate.has_over], now)
            found = self._candidates(gates, slots, share, now, suspect=suspect)
            claims = self._lease(found, now)
            claims.more = (
                len(gates) == GATES_PER_CLAIM
                or len(found) < len(gates)
                or any(0 < due.room <= len(due.rows) for due in found)
            )
            return claims

    def overlooked(self, seconds: float) -> int:
        """How many heads of lanes (100 at most) could have been claimed for so long, and were not.

        Their gates were open and nobody served them in all that time.
        """
        then = database_now(self.db) - timedelta(seconds=seconds)
        most = {"most": MOST_COUNTED, "interruptions": MOST_INTERRUPTIONS}
        return len(OVERLOOKED.rows(self.db, then=then, **most))

    def _lock_open_gates(self, wanted: dict[str, Any]) -> tuple[list[Gate], datetime]:
        """Those that anything may be claimed of, and the moment of that."""
        gates, now = [], datetime.now(UTC)
        for row in LOCK_GATES.rows(self.db, gates=GATES_PER_CLAIM, **wanted):
            *columns, platform, read_at, over = row
            gate, now = GATE.record(self.db, tuple(columns)), moment_of(read_at)
            gate.of_platform, gate.has_over = UUID(str(platform)), bool(over)
            gates.append(gate)
        return gates, now

    def _end_leases(self, gates: list[Any], now: datetime) -> None:
        """A lease that ended without an outcome was an attempt: it is counted and told."""
        if not gates:
            return
        over = self._all().filter(
            integration_id__in=[gate.pk for gate in gates], leased=True, due_at__lte=now
        )
        rows = list(over.order_by("id").select_for_update(skip_locked=True))
        if not rows:
            return
        # Due as long as it is there, and not behind what waits: it was the first before, and must
        # not wait a second time. The clock that it was created by may be ahead of this one.
        of_gate = self._all().filter(integration_id=OuterRef("integration_id"), leased=False)
        oldest = of_gate.filter(due_at__lte=now).order_by("due_at").values("due_at")
        self._all().filter(id__in=[row.pk for row in rows]).update(
            leased=False,
            claimed_at=None,
            due_at=Least("created_at", Coalesce(Subquery(oldest[:1]), now)),
            interruptions=F("interruptions") + 1,
        )
        for gate in gates:
            if calls := sum(row.integration_id == gate.pk for row in rows):
                gate.count(calls, now)
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
        Counter.objects.using(self.db).add(interrupted(rows), now)

    def _candidates(
        self, gates: list[Any], slots: int, share: Share | None, now: datetime, *, suspect: bool
    ) -> list["Due"]:
        """Due rows of each gate, locked, each gate with no more room than its cap leaves."""
        found: list[Due] = []
        share = share.copy() if share else None
        in_flight = self._in_flight(gates)
        # A look that is full of suspects would find nothing else.
        interruptions = MOST_INTERRUPTIONS if suspect else 0
        for gate in gates:
            if slots <= 0:
                break
            platform = gate.of_platform
            room = min(slots, gate.room(len(in_flight[gate.pk]), now))
            if share:
                room = min(room, share.of(platform, gate.pk))
            most = room * LOOK_AHEAD + LEAST_LOOK
            due = {"gate": gate.pk, "now": now, "interruptions": interruptions, "most": most}
            rows = [id for (id,) in LOCK_DUE.rows(self.db, **due)] if room else []
            found.append(Due(gate, room, rows, in_flight[gate.pk]))
            slots -= min(room, len(rows))
            if share:
                share.take(platform, gate.pk, min(room, len(rows)))
        return found

    def _lease(self, candidates: list["Due"], now: datetime) -> Claims:
        """Lease the heads of lanes; defer the followers until their head is done."""
        looked = [id for due in candidates for id in due.rows]
        gates = [due.gate.pk for due in candidates]
        found = FIND_HEADS.rows(self.db, ids=looked, gates=gates) if looked else []
        # Seen when the rows are locked: whoever finishes what is before these has the last word.
        follows = {id for id, _, _, ahead, _ in found if ahead is not None}
        taken = {id for id, *_, beside in found if beside} - follows
        suspects = {id for id, interruptions, *_ in found if interruptions} - follows
        places = {id: at and UUID(str(at)) for id, _, at, *_ in found}
        leased: dict[datetime, list[int]] = defaultdict(list)  # by the end of the lease
        shut: dict[int, dict[UUID | None, datetime]] = {}
        served: list[Any] = []  # those that were not come to keep their place in the row
        tried = False
        for due in candidates:
            end = now + timedelta(seconds=due.gate.lease_seconds)
            passed = suspects.intersection(due.rows) - taken
            if not passed or not tried:
                served.append(due.gate.pk)
            if passed and not tried:  # of the gate whose turn it is
                passed.remove(min(passed))
                tried = True
            beyond = follows | passed | taken
            targets = Targets(due.gate, due.in_flight, now)
            heads: list[int] = []
            for id in (id for id in due.rows if id not in beyond):
                if len(heads) < due.room and targets.may(places[id], id):
                    heads.append(id)
            leased[end] += heads
            shut |= {id: targets.shut(places[id]) for id in heads}
            if behind := [id for id in due.rows if id in follows]:
                DEFER.run(self.db, ids=behind, now=now, end=end, forever=FOREVER)
            if waiting := [id for id in due.rows if id in taken]:
                AWAIT.run(self.db, ids=waiting, now=now, end=end)
            targets.put_others_off(self.db)
        claimed = self._claimed(leased, served, now)
        for obj in claimed:
            obj.shut = shut[obj.pk]
        return Claims(claimed, deferred=bool(follows))

    def _claimed(
        self, leased: dict[datetime, list[int]], served: list[Any], now: datetime
    ) -> list["IntegrationObject"]:
        """These, leased, with their changes; and the first of those that they stand for, of the few
        that replaced some. The gates that were served are the last in the row."""
        ids = [id for each in leased.values() for id in each]
        joined = _with_changes()
        *_, rows = together(
            self.db,
            SERVE.asking(self.db, now=now, gates=served),
            *(
                LEASE.asking(self.db, ids=some, now=now, end=end)
                for end, some in leased.items()
                if some
            ),
            joined.text.asking(self.db, ids=ids),
        )
        objects = []
        for obj, change, newest in joined.records_of(self.db, rows):
            obj.change, obj.newest_version = change, newest
            objects.append(obj)
        if replacing := [obj for obj in objects if obj.since_id]:
            everywhere = EntityChange.objects.using(self.db).across_platforms()
            since = everywhere.in_bulk({obj.since_id for obj in replacing})
            for obj in replacing:
                obj.since = since.get(obj.since_id)
        return objects

    def _in_flight(self, gates: list[Any]) -> dict[UUID, list[UUID | None]]:
        """By gate, where each row that is leased stands."""
        flying: dict[UUID, list[UUID | None]] = defaultdict(list)
        for gate, at in IN_FLIGHT.rows(self.db, gates=[gate.pk for gate in gates]):
            flying[UUID(str(gate))].append(at and UUID(str(at)))
        return flying


@cache
def _with_changes() -> Joined:
    return Joined(
        """
  FROM integrations_integrationobject
  JOIN integrations_entitychange ON integrations_entitychange.id = change_id
  JOIN integrations_integration i ON i.id = integration_id
 WHERE integrations_integrationobject.id IN %(ids)s ORDER BY integrations_integrationobject.id
""",
        apps.get_model("integrations", "IntegrationObject"),
        EntityChange,
        beside="i.version",
    )
