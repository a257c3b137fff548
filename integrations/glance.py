"""The last day of integrations at a glance: told from what was counted, never from the logs."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import Any

from django.db.models import Sum
from django.db.models.functions import TruncHour
from django.utils.timezone import now

from integrations.models import Counter, Integration
from integrations.models.counter import BUCKETS, DELAYS

HOURS = 24


@dataclass(frozen=True)
class Hour:
    """What became of an integration's objects in the hour that begins at `at`."""

    at: datetime
    sent: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Day:
    """The last hours of one integration, the oldest first.

    `p95`: seconds from a change to its last delivery, which 95 of a hundred took at most; None
    where nothing was delivered, infinite where it took longer than is told apart.
    """

    hours: list[Hour]
    p95: float | None

    @property
    def sent(self) -> int:
        return sum(each.sent for each in self.hours)

    @property
    def failed(self) -> int:
        return sum(each.failed for each in self.hours)

    @property
    def most(self) -> int:
        """Of an hour: how high a chart of it is."""
        return max(each.sent + each.failed for each in self.hours)


def of(integrations: Iterable[Integration]) -> dict[Any, Day]:
    """The day of each, by one query for any number of them."""
    ids = [each.pk for each in integrations]
    this = now().replace(minute=0, second=0, microsecond=0)
    hours = [this - timedelta(hours=back) for back in reversed(range(HOURS))]
    counted = (
        Counter.objects.across_platforms()
        .filter(integration__in=ids, minute__gte=hours[0])
        .order_by()
        .annotate(hour=TruncHour("minute"))
        .values("integration", "hour")
        .annotate(**{f"sum_{name}": Sum(name) for name in ("sent", "failed", *DELAYS)})
    )
    found: dict[Any, dict[datetime, Hour]] = defaultdict(dict)
    delays: dict[Any, list[int]] = {id: [0] * len(DELAYS) for id in ids}
    for row in counted:
        id, at = row["integration"], row["hour"]
        found[id][at] = Hour(at, row["sum_sent"], row["sum_failed"])
        delays[id] = [
            count + row[f"sum_{name}"] for count, name in zip(delays[id], DELAYS, strict=True)
        ]
    return {
        id: Day([found[id].get(at, Hour(at)) for at in hours], percentile(delays[id], 0.95))
        for id in ids
    }


def percentile(counts: Sequence[int], share: float) -> float | None:
    """Of a histogram over BUCKETS, the value below which this share is; as if each were even."""
    rest = share * sum(counts)
    if not rest:
        return None
    low = 0.0
    for end, count in zip(BUCKETS, counts, strict=True):
        if count and rest <= count:
            return inf if end == inf else low + (end - low) * rest / count
        rest -= count
        low = end
    return inf
