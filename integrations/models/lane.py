"""A lane: the objects of one record for one integration, which leave one after the other, by id.

The head of a lane may be claimed. What stands behind it waits, put off, till the head is done, and
is due then.
"""

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Q

from integrations.models.gate import FOREVER
from integrations.models.status import Status
from otms.accounts.tenancy import PlatformQuerySet
from otms.db.text import Text

if TYPE_CHECKING:
    from integrations.models.object import IntegrationObject

# What stands before a row in its lane, its head first. As a range, though it is of one lane: else
# PostgreSQL, as long as it has no statistics, takes the order for that of the primary key, and
# walks past all that was there before.
AHEAD = """
  FROM integrations_integrationobject h
 WHERE h.integration_id = o.integration_id AND h.lane >= o.lane AND h.lane <= o.lane
   AND h.holds_lane AND h.id < o.id
 ORDER BY h.lane, h.id LIMIT 1
"""
# What is in flight in its lane. What was put back may be older than that.
BESIDE = """
  FROM integrations_integrationobject l
 WHERE l.integration_id = o.integration_id AND l.lane >= o.lane AND l.lane <= o.lane
   AND l.holds_lane AND l.leased
"""
FIND_HEADS = Text(
    """
SELECT o.id, o.interruptions, o.at_source, (SELECT h.id [ahead]),
       (o.integration_id, o.lane) IN (SELECT l.integration_id, l.lane
                                        FROM integrations_integrationobject l
                                       WHERE l.leased AND l.integration_id IN %(gates)s)
  FROM integrations_integrationobject o WHERE o.id IN %(ids)s
""",
    ahead=AHEAD,
)
# Its own time had come, so it is noted when it was put off: what waits to be tried again is woken
# only if it was.
# A head that is due but was not looked at keeps its followers waiting too: a window full of
# followers would never get to it. One whose outcome is just being written is locked: that may not
# have seen who is behind it, and will not wake them.
DEFER = Text(
    """
UPDATE integrations_integrationobject AS o
   SET claimed_at = %(now)s,
       due_at = COALESCE((SELECT GREATEST(COALESCE(h.due_at, %(forever)s), %(end)s) [ahead]
                             FOR SHARE SKIP LOCKED), %(now)s)
 WHERE id IN %(ids)s
""",
    ahead=AHEAD,
)
# So does what is in flight, though it came later.
AWAIT = Text(
    """
UPDATE integrations_integrationobject AS o
   SET claimed_at = %(now)s,
       due_at = COALESCE((SELECT GREATEST(l.due_at, %(end)s) [beside] LIMIT 1
                             FOR SHARE SKIP LOCKED), %(now)s)
 WHERE id IN %(ids)s
""",
    beside=BESIDE,
)
# The head of each lane that these left, which may be older than they: it was put back. What is in
# flight is passed by: its own outcome may just be written, by who saw no more than these.
FIND_NEXT = Text(
    """
SELECT DISTINCT (SELECT n.id FROM integrations_integrationobject n
                  WHERE n.integration_id = o.integration_id
                    AND n.lane >= o.lane AND n.lane <= o.lane  -- as a range: see above
                    AND n.holds_lane AND n.id <> o.id AND NOT n.leased
                  ORDER BY n.lane, n.id LIMIT 1)
  FROM integrations_integrationobject o WHERE o.id IN %(ids)s AND o.lane IS NOT NULL
"""
)


class LaneQuerySet(PlatformQuerySet["IntegrationObject"]):
    def _wake_next(self, ids: list[int], now: datetime) -> None:
        """The next of each lane is due now, or at its own tick: it waited for these.

        Whether it was put off is not asked: a claim may just be doing it, unseen. The UPDATE waits
        for that claim and has the last word.
        """
        if ids:
            self._wake([id for (id,) in FIND_NEXT.rows(self.db, ids=ids) if id], now)

    def _wake(self, next_ids: list[int], now: datetime) -> None:
        """These are due now, or at their own tick, whatever they were put off for."""
        # What waits to be tried again has a time of its own, unless that was over and it stood
        # behind others since.
        put_off = Q(claimed_at__isnull=False) | Q(due_at__gte=FOREVER)
        untried_or_put_off = Q(status=Status.QUEUE) | Q(put_off, status=Status.RETRY)
        waiting = self._all().filter(untried_or_put_off, id__in=next_ids, leased=False)
        due: dict[datetime, list[int]] = defaultdict(list)
        obj: IntegrationObject
        for obj in waiting.select_related("integration").defer("answers"):
            due[max(now, obj.own_due())].append(obj.pk)
        for then, rows in due.items():
            waiting.filter(id__in=rows).update(due_at=then)

    def _all(self) -> "LaneQuerySet":
        return self.model.objects.using(self.db).across_platforms()
