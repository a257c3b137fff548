"""A claim: the due heads of lanes are leased to one worker, within each integration's cap.

Claims never wait for a lock (SKIP LOCKED everywhere), write no status, and what they cost does not
grow with history: they read the indexes that hold only rows which wait.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connections, transaction
from django.db.models import Case, Count, Exists, F, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Coalesce, Greatest, Least

from integrations.core.share import Share
from integrations.models.gate import FOREVER, Gate
from integrations.models.log import Level, Log, RequestLog
from otms.accounts.tenancy import PlatformQuerySet

if TYPE_CHECKING:
    from integrations.models.queue import IntegrationObject

GATES_PER_CLAIM = 8
# Followers that are looked at for each free slot; they are deferred, so a look is never wasted.
LOOK_AHEAD = 4
MOST_COUNTED = 100


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


class ClaimQuerySet(PlatformQuerySet["IntegrationObject"]):
    def claim_due(self, slots: int, *, share: Share | None = None, suspect: bool = True) -> Claims:
        """Lease up to `slots` due objects, the heads of their lanes; no other worker gets the same.

        Of no integration more than its share of the window.

        At most one of them was interrupted before, and none unless a `suspect` is wanted: what
        brings its worker down does so alone, and those beside it are not suspected again and again.

        Each step is a statement of its own, because a statement's snapshot is older than the locks
        it gets: caps are counted under the gate's lock, heads are looked up under the row's.
        """
        with transaction.atomic(using=self.db):
            now = database_now(self.db)
            gates = self._open_gates(now)
            over = self._over(now).filter(integration_id=OuterRef("pk"))
            in_turn = gates.order_by("served_at").annotate(
                platform_id=F("integration__platform_id"), over=Exists(over)
            )
            locked: list[Any] = list(
                in_turn.select_for_update(skip_locked=True, of=("self",))[:GATES_PER_CLAIM]
            )
            if not locked:
                others = connections[self.db].features.has_select_for_update and gates.exists()
                return Claims(busy=bool(others))
            self._end_leases([gate for gate in locked if gate.over], now)
            found = self._candidates(locked, slots, share, now, suspect=suspect)
            claims = self._lease(found, now)
            claims.more = (
                len(locked) == GATES_PER_CLAIM
                or len(found) < len(locked)
                or any(len(rows) >= room for _, room, rows in found)
            )
            # Those that were not come to keep their place in the row.
            Gate.objects.using(self.db).filter(pk__in=[gate.pk for gate, _, _ in found]).update(
                served_at=now
            )
            return claims

    def overlooked(self, seconds: float) -> int:
        """How many heads of lanes (100 at most) could have been claimed for so long, and were not.

        Their gates were open and nobody served them in all that time.
        """
        now = database_now(self.db)
        then = now - timedelta(seconds=seconds)
        gates = self._open_gates(now).filter(
            paused_until__lte=then, full_until__lte=then, served_at__lte=then
        )
        found = self._all().filter(integration_id__in=gates.values("pk"), due_at__lte=then)
        return found.exclude(Exists(self._ahead())).values("pk")[:MOST_COUNTED].count()

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
                full_until__lte=now,
                in_flight__lt=F("cap"),
            )
        )

    def _end_leases(self, gates: list[Any], now: datetime) -> None:
        """A lease that ended without an outcome was an attempt: it is counted and told."""
        if not gates:
            return
        over = self._over(now).filter(integration_id__in=[gate.pk for gate in gates])
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

    def _over(self, now: datetime) -> "ClaimQuerySet":
        """Leases that ended."""
        return self._all().filter(leased=True, due_at__lte=now)

    def _candidates(
        self, gates: list[Any], slots: int, share: Share | None, now: datetime, *, suspect: bool
    ) -> list[tuple[Gate, int, list[int]]]:
        """Due rows of each gate, locked, each gate with no more room than its cap leaves."""
        found: list[tuple[Gate, int, list[int]]] = []
        share = share.copy() if share else None
        for gate in gates:
            if slots <= 0:
                break
            of_gate = self._all().filter(integration_id=gate.pk)
            room = min(slots, gate.room(of_gate.filter(leased=True).count(), now))
            if share:
                room = min(room, share.of(gate.platform_id, gate.pk))
            due = of_gate.filter(due_at__lte=now, leased=False).order_by("due_at", "id")
            if not suspect:  # a look that is full of them would find nothing else
                due = due.filter(interruptions=0)
            ids = due.select_for_update(skip_locked=True).values_list("id", flat=True)
            rows = list(ids[: room * LOOK_AHEAD + 100]) if room else []
            found.append((gate, room, rows))
            slots -= min(room, len(rows))
            if share:
                share.take(gate.platform_id, gate.pk, min(room, len(rows)))
        return found

    def _lease(self, candidates: list[tuple[Gate, int, list[int]]], now: datetime) -> Claims:
        """Lease the heads of lanes; defer the followers until their head is done."""
        ids = [id for _, _, rows in candidates for id in rows]
        head = self._ahead().order_by("id")
        looked = self._all().filter(id__in=ids).annotate(head=Subquery(head.values("id")[:1]))
        follows, suspects = set(), set()
        for id, ahead, interruptions in looked.values_list("id", "head", "interruptions"):
            if ahead is not None:
                follows.add(id)
            elif interruptions:
                suspects.add(id)
        if suspects:
            suspects.remove(min(suspects))
        leased: list[int] = []
        for gate, room, rows in candidates:
            end = now + timedelta(seconds=gate.lease_seconds)
            heads = [id for id in rows if id not in follows and id not in suspects][:room]
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
                due_at=Coalesce(Subquery(until[:1]), now)
            )
        claimed = list(
            self._all().filter(id__in=leased).order_by("id").select_related("change", "since")
        )
        rated = {gate.pk for gate, _, _ in candidates if gate.rate}
        for obj in claimed:
            obj.rated = obj.integration_id in rated
        return Claims(claimed, deferred=bool(follows))

    def _ahead(self) -> "ClaimQuerySet":
        """What stands before a row in its lane."""
        return self._all().filter(
            integration_id=OuterRef("integration_id"),
            lane=OuterRef("lane"),
            holds_lane=True,
            id__lt=OuterRef("id"),
        )

    def _all(self) -> "ClaimQuerySet":
        return self.model.objects.using(self.db).across_platforms()


def database_now(using: str) -> datetime:
    """The clock that all workers share."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]
