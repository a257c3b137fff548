"""A claim: the due heads of lanes are leased to one worker, within each integration's cap.

Claims never wait for a lock (SKIP LOCKED everywhere), write no status, and what they cost does not
grow with history: they read the indexes that hold only rows which wait.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.db import connections, transaction
from django.db.models import Case, Count, Exists, F, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Coalesce, Greatest

from integrations.models.gate import FOREVER, Gate
from integrations.models.log import Level, Log, RequestLog
from otms.accounts.tenancy import PlatformQuerySet

if TYPE_CHECKING:
    from integrations.models.queue import IntegrationObject

GATES_PER_CLAIM = 8
# Followers that are looked at for each free slot; they are deferred, so a look is never wasted.
LOOK_AHEAD = 4


@dataclass
class Claims:
    """What was claimed; and if that is nothing, whether there may be more.

    `busy`: other workers hold the gates. `deferred`: what was found were followers, now put off; it
    is what stands behind them that comes next.
    """

    objects: list["IntegrationObject"] = field(default_factory=list)
    busy: bool = False
    deferred: bool = False


class ClaimQuerySet(PlatformQuerySet["IntegrationObject"]):
    def claim_due(self, slots: int) -> Claims:
        """Lease up to `slots` due objects, the heads of their lanes; no other worker gets the same.

        Each step is a statement of its own, because a statement's snapshot is older than the locks
        it gets: caps are counted under the gate's lock, heads are looked up under the row's.
        """
        with transaction.atomic(using=self.db):
            now = database_now(self.db)
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
