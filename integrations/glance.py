"""The last day of integrations at a glance: told from what was counted, never from the logs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Sum
from django.db.models.functions import TruncHour
from django.utils.timezone import now

from integrations.models import Counter, Integration
from integrations.models.counter import BUCKETS, DELAYS

HOURS = 24
COUNTED = ("sent", "failed", *DELAYS)
# After its end an hour is added to by what was under way then.
SETTLED = timedelta(minutes=5)
KEPT = timedelta(hours=1)


@dataclass(frozen=True)
class Hour:
    """What became of an integration's objects in the hour that begins at `at`."""

    at: datetime
    sent: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Day:
    """The last hours of one integration, the oldest first.

    `p95`: seconds from a change to its last delivery, within which 95 of a hundred were, of those
    that are told apart (BUCKETS); None where nothing was delivered, infinite where it took longer.
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
    """The day of each, by at most two queries for any number of them.

    The hours that nobody adds to any more are added up once for all who look.
    """
    ids = [each.pk for each in integrations]
    moment = now()
    this, until = (_hour(each) for each in (moment, moment - SETTLED))
    hours = [this - timedelta(hours=back) for back in reversed(range(HOURS))]
    names = {id: f"glance:{id}:{until.isoformat()}" for id in ids}
    kept = cache.get_many(names.values())
    unknown = [id for id, name in names.items() if name not in kept]
    if unknown:
        settled = _counted(unknown, minute__gte=hours[0], minute__lt=until)
        new = {names[id]: settled[id] for id in unknown}
        cache.set_many(new, timeout=KEPT.total_seconds())
        kept |= new
    open_ = _counted(ids, minute__gte=until)
    return {id: _day(hours, [*kept[names[id]], *open_[id]]) for id in ids}


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _counted(ids: list[Any], **when: datetime) -> dict[Any, list[list[Any]]]:
    """Of each the hours in which something was counted: when it began, and the sums of COUNTED."""
    counted = (
        Counter.objects.across_platforms()
        .filter(integration__in=ids, **when)
        .order_by()
        .annotate(hour=TruncHour("minute", tzinfo=UTC))
        .values_list("integration", "hour")
        .annotate(*(Sum(name) for name in COUNTED))
    )
    found: dict[Any, list[list[Any]]] = {id: [] for id in ids}
    for id, hour, *sums in counted:
        found[id].append([hour.isoformat(), *sums])
    return found


def _day(hours: list[datetime], counted: list[list[Any]]) -> Day:
    sums = {datetime.fromisoformat(at): rest for at, *rest in counted}
    none = [0] * len(COUNTED)
    day = [(at, sums.get(at, none)) for at in hours]
    delays = [sum(each) for each in zip(*(rest[2:] for _, rest in day), strict=True)]
    return Day([Hour(at, sent, failed) for at, (sent, failed, *_) in day], within(delays, 0.95))


def within(counts: Sequence[int], share: float) -> float | None:
    """Of a histogram over BUCKETS, the end below which this share is."""
    rest = share * sum(counts)
    for end, count in zip(BUCKETS, counts, strict=True):
        rest -= count
        if count and rest <= 0:
            return end
    return None
