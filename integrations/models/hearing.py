"""What calls tell of their targets, and what goes to these next because of it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Q

from integrations.core.trouble import Place, Report, Trouble
from integrations.models.claim import GATE, ClaimQuerySet
from integrations.models.data_source import DataSource
from integrations.models.gate import FOREVER, Gate, Heard, moment, places
from integrations.models.outcome import Outcome
from integrations.models.status import Status
from integrations.models.targets import FIND_PUT_OFF
from integrations.models.trouble import Telling
from otms.db.clock import database_now, moment_of
from otms.db.text import Text

if TYPE_CHECKING:
    from integrations.models.object import IntegrationObject

# Those that count calls, and those of targets that fail or did when they were called last.
# And the moment, though there may be none.
LOCK_HEARING = Text(
    """
SELECT statement_timestamp(), [columns]
  FROM (SELECT 1) AS always LEFT JOIN (
       SELECT * FROM integrations_gate
        WHERE integration_id IN %(called)s AND (rate_calls IS NOT NULL OR troubles IS NOT NULL)
           OR integration_id IN %(failing)s
        ORDER BY integration_id FOR NO KEY UPDATE) AS integrations_gate ON true
""",
    columns=GATE.sql,
)
ALL = 10**9
PORTION = 500  # rows that are changed at once: others wait for no more


class HearingQuerySet(ClaimQuerySet):
    def _hearing_gates(self, outcomes: Sequence[Outcome]) -> tuple[list[Gate], datetime]:
        """The gates that these tell something, locked, as they are now; and the moment of that."""
        called = {o.object.integration_id for o in outcomes}
        reports = [(o.object.integration_id, o.report) for o in outcomes if o.report]
        failing = {id for id, report in reports if report.kind != "works"}
        rows = LOCK_HEARING.rows(self.db, called=list(called), failing=list(failing))
        gates = [GATE.record(self.db, row[1:]) for row in rows if row[1]]
        return gates, moment_of(rows[0][0])

    def _hear(self, gate: Gate, outcomes: list[Outcome], now: datetime) -> None:
        """Count the calls, and keep what they tell of their targets; people are told of trouble."""
        gate.count(len([o for o in outcomes if o.request]), now)
        reports = [o.report for o in outcomes if o.report]

        def waits(source: str) -> bool:
            waiting = self._all().filter(integration_id=gate.pk, due_at__lt=FOREVER)
            return waiting.filter(Q(at_source=source) | Q(at_source=None)).exists()

        heard = gate.hear(reports, now, self._places(gate, reports), waits)
        if gate.blocked_by and not all(o.report for o in outcomes):
            gate.look_again()
        self._try_next(gate, outcomes, now)
        for source, trouble in heard.freed.items():
            self._go_on(gate.pk, source, trouble, now, most=PORTION)
        self._tell(gate, outcomes, heard)

    def _tell(self, gate: Gate, outcomes: list[Outcome], heard: Heard) -> None:
        """People of what began and ended; whom nobody tries any more is suspended."""
        obj = outcomes[0].object
        for outcome in outcomes:
            if outcome.pause_reason:
                source = outcome.report and outcome.report.source
                if self._suspend(outcome.object, source, outcome.pause_reason):
                    heard.begun.pop(str(source), None)  # that alert says more
        Telling(self.db, obj.platform_id, gate.pk).heard(heard)
        for source, trouble in heard.hopeless.items():
            self._suspend(obj, source, f"It worked no more for days: {trouble.reason}")

    def _places(self, gate: Gate, reports: list[Report]) -> dict[str, Place]:
        """Where the targets of its integration are, if any failed: as it is now, whatever it was
        when the call began."""
        if all(report.kind == "works" for report in reports):
            return {}
        living = DataSource.objects.using(self.db).across_platforms()
        living = living.filter(integration=gate.pk, integration__deleted_at=None)
        return places(living.values_list("pk", "filters"))

    def _try_next(self, gate: Gate, outcomes: list[Outcome], now: datetime) -> None:
        """What was put off at a target that one of these stood at is due when it may be called."""
        stood = [o.report.source if o.report else o.object.at_source for o in outcomes]
        there = {source and str(source) for source in stood}
        for source, trouble in gate.held_back.items():
            if source in there or (trouble.first and None in there):
                at = max(now, moment(trouble.until))
                self._go_on(gate.pk, source, trouble, at, most=trouble.at_once)

    def _go_on(
        self, integration_id: Any, source: str, trouble: Trouble, at: datetime, *, most: int
    ) -> None:
        """What was put off because of the trouble of this target is due then, the oldest first."""
        there = {"gate": integration_id, "source": UUID(source), "first": trouble.first}
        found = FIND_PUT_OFF.rows(self.db, at=at, forever=FOREVER, most=most, **there)
        for start in range(0, len(found), PORTION):
            self._wake([id for (id,) in found[start : start + PORTION]], at)

    def go_on(self, integration_id: Any, troubles: dict[str, Trouble]) -> None:
        """What was put off because of the trouble of these is due now, and retries with it."""
        now = database_now(self.db)
        for source, trouble in troubles.items():
            self._go_on(integration_id, source, trouble, now, most=ALL)
            retried = self._all().filter(integration_id=integration_id, at_source=source)
            retried = retried.filter(status=Status.RETRY, leased=False, due_at__gt=now)
            retried.filter(due_at__lte=moment(trouble.until)).update(due_at=now)

    def _suspend(self, obj: "IntegrationObject", source: Any, reason: str) -> bool:
        """Nothing more is sent until a person says so, who is told once."""
        gates = Gate.objects.using(self.db).filter(pk=obj.integration_id)
        stopped = {"paused_until": FOREVER, "pause_reason": reason[:300]}
        if not gates.filter(paused_until__lt=FOREVER).update(**stopped):
            return False
        Telling(self.db, obj.platform_id, obj.integration_id).suspended(source, reason)
        return True


def portions(rows: Any) -> Iterator[list[int]]:
    """The numbers of these rows, as many at a time as are changed at once."""
    ids = list(rows.values_list("pk", flat=True))
    return (ids[start : start + PORTION] for start in range(0, len(ids), PORTION))
