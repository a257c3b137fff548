"""The targets of an integration, when some are in trouble: which may be called, and who waits."""

from collections import defaultdict
from datetime import datetime, timedelta
from uuid import UUID

from integrations.models.gate import Gate, moment
from integrations.models.lane import AHEAD
from otms.db.text import Text

MOST_PUT_OFF = 5000  # at once
# What waits for a target in trouble is not looked at for so long; the next to be tried is made due.
ASIDE = timedelta(minutes=1)

PUT_OFF = Text("UPDATE integrations_integrationobject SET due_at = %(end)s WHERE id IN %(ids)s")
# Whatever stands at a target in trouble, at once: looked at one after the other, a long queue of
# them would keep others from their turn.
THERE = """
UPDATE integrations_integrationobject SET due_at = %(end)s
 WHERE id IN (SELECT id FROM integrations_integrationobject
               WHERE integration_id = %(gate)s AND due_at <= %(now)s AND NOT leased AND [place]
               LIMIT %(most)s FOR UPDATE SKIP LOCKED)
"""
PUT_OFF_THERE = Text(THERE, place="at_source = %(source)s")
PUT_OFF_UNTRIED = Text(THERE, place="at_source IS NULL")
# Of what was put off there, and waits for nothing older, the oldest.
FIND_PUT_OFF = Text(
    """
SELECT o.id FROM integrations_integrationobject o
 WHERE o.integration_id = %(gate)s AND o.due_at > %(at)s AND o.due_at < %(forever)s
   AND NOT o.leased AND o.status = 'QUEUE'
   AND (o.at_source = %(source)s OR (o.at_source IS NULL AND %(first)s))
   AND NOT EXISTS (SELECT h.id [ahead])
 ORDER BY o.due_at, o.id LIMIT %(most)s
""",
    ahead=AHEAD,
)


class Targets:
    """Which of an integration's targets may be called now, when some are in trouble.

    What stands at one that may not is put off. Where it will stand that was not sent anywhere yet
    may only be known when filters were asked: it takes along which targets are shut.
    """

    def __init__(self, gate: Gate, in_flight: list[UUID | None], now: datetime) -> None:
        self._put_off: dict[datetime, list[int]] = defaultdict(list)
        self._closed: dict[UUID | None, datetime] = {}
        self._left: dict[UUID | None, int] = {}
        self._next: dict[UUID | None, int] = {}  # how many may go when it is tried again
        self._until: dict[UUID | None, datetime] = {}
        self._first: UUID | None = None
        self._gate, self._now = gate, now
        for id, trouble in gate.held_back.items():
            source = UUID(id)
            self._first = source if trouble.first else self._first
            called = sum((each or self._first) == source for each in in_flight)
            self._left[source] = trouble.room(called, now.timestamp()) or 0
            # While one is tried it is waited for how that goes, and for no worker that died.
            until = moment(trouble.until)
            self._until[source] = until if until > now else now + ASIDE
            self._next[source] = trouble.at_once if until > now else 0

    def may(self, source: UUID | None, id: int) -> bool:
        """May this object go to the target where it stands? Else it is put off."""
        at = source or self._first
        if at not in self._left:
            return True
        if self._left[at]:
            self._left[at] -= 1
            return True
        if self._next[at]:
            self._next[at] -= 1
            self._put_off[self._until[at]].append(id)
        else:
            self._closed[source] = max(self._until[at], self._now + ASIDE)
        return False

    def shut(self, source: UUID | None) -> dict[UUID | None, datetime]:
        """Until when the others may not be called, for one that stands here.

        Those with room for some neither: it has to stand there first, to be counted.
        """
        here = source or self._first
        return {
            at: self._now if self._left[at] else until
            for at, until in self._until.items()
            if at != here
        }

    def put_others_off(self, using: str) -> None:
        """Those that may not go now, and whatever else stands there: one statement for each."""
        for until, ids in self._put_off.items():
            PUT_OFF.run(using, ids=ids, end=until)
        for source, until in self._closed.items():
            there = {"gate": self._gate.pk, "now": self._now, "end": until, "most": MOST_PUT_OFF}
            if source:
                PUT_OFF_THERE.run(using, source=source, **there)
            else:
                PUT_OFF_UNTRIED.run(using, **there)
