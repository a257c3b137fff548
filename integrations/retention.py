"""History is forgotten after a while: what went well sooner than what failed.

The oldest first, a few rows in a transaction of their own, and between two of them a pause:
deliveries wait for none of it. What waits, and what holds others up, is never forgotten, however
old it is. Each look begins at the oldest and ends where it is young enough, so it costs the same
however much history there is.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.timezone import now

from integrations import pressure
from integrations.models import (
    Alert,
    EntityChange,
    Integration,
    IntegrationObject,
    Log,
    Notice,
    RequestLog,
    Status,
)
from integrations.models import Counter as MinuteCounter
from integrations.models.gate import EVER
from otms.db.deadlock import again_after_deadlock

log = logging.getLogger(__name__)

PORTION = 25  # rows that one transaction takes away, with what hangs on them
PAGE = 200  # rows that are looked at, in one statement, for some that may go
PAGES = 20  # that are looked at behind some that finished late
PAUSE = 0.05  # seconds between two looks, and at least so many times what the last one took:
REST = 9  # most of the time the database is there for deliveries alone
SECONDS = 300.0  # that one run may take; the next goes on

LOOSE: dict[Any, str] = {RequestLog: "requestLogs", Log: "logs"}
WENT_WELL = (Status.SUCCESS, Status.SKIPPED, Status.CANCELLED)
WALKED = "retention-walked"  # to which change all workers have come, in the cache


def work_off(*, seconds: float = SECONDS, pause: float = PAUSE) -> dict[str, int]:
    """Forget what is old enough, for so long; how much of each kind that was."""
    end, forgotten = time.monotonic() + seconds, Counter[str]()
    began = time.monotonic()
    for portion in _portions():
        forgotten.update(portion)
        took = time.monotonic() - began
        if began + took > end:
            break
        time.sleep(max(pause, REST * took) if pause and not pressure.disk_is_full() else 0)
        began = time.monotonic()
    if forgotten:
        log.info("history was forgotten", extra=dict(forgotten))
    return dict(forgotten)


def _portions() -> Iterator[Counter[str]]:
    """What each look forgets, which may be nothing; nothing that is younger than its limit."""
    kept = _limit(settings.OTMS_KEEP_DAYS)
    failed = _limit(settings.OTMS_KEEP_FAILED_DAYS)
    limits = [*((status, kept) for status in WENT_WELL), (Status.ERROR, failed)]
    integrations = list(Integration.objects.across_platforms().order_by("pk"))
    looks = [
        partial(_objects, integration, status, limit)
        for integration in integrations
        for status, limit in limits
        if limit
    ]
    if counters := _limit(settings.OTMS_KEEP_COUNTERS_DAYS):
        looks += [partial(_minutes, each, counters) for each in integrations]
    looks += [partial(_loose, model, kept) for model in LOOSE if kept]
    looks += [partial(_changes, kept), partial(_alerts, kept)] if kept else []
    for look in looks:
        try:
            while portion := again_after_deadlock(look):
                yield portion
            yield Counter()
        except Exception:
            # What can't be forgotten of one keeps nothing of the others.
            log.exception("history could not be forgotten")


def _limit(days: float) -> datetime | None:
    """What is older goes; None for never."""
    return now() - timedelta(days=days) if days else None


def _objects(integration: Integration, status: Status, limit: datetime) -> Counter[str]:
    """Forget the oldest of this status with their logs; nothing where they are too young."""
    # As ranges, though each is of one value: else PostgreSQL takes the order for that of the
    # primary key, and walks past all that is older and stays.
    of_status = IntegrationObject.objects.of(integration.platform_id).filter(
        integration_id__gte=integration.pk,
        integration_id__lte=integration.pk,
        status__gte=status,
        status__lte=status,
        holds_lane=False,  # what holds its lane up waits for a person
    )
    old = _oldest(of_status.order_by("-integration_id", "-status", "id"), limit)
    if not old:
        return Counter()
    with transaction.atomic():
        # Somebody may be putting one back: then it stays.
        mine = of_status.filter(pk__in=old, finished_at__lt=limit).order_by("pk")
        rows = list(mine.select_for_update(skip_locked=True).values_list("pk", "change", "since"))
        ids = [pk for pk, _, _ in rows]
        if not ids:
            return Counter()
        gone = Counter(
            requestLogs=_gone(RequestLog, integration, object__in=ids),
            logs=_gone(Log, integration, object__in=ids),
            objects=_gone(IntegrationObject, integration, pk__in=ids),
        )
        changes = {id for _, *of in rows for id in of if id}
        return +(gone + Counter(changes=_unused(integration.platform_id, changes)))


def _oldest(rows: Any, limit: datetime) -> list[int]:
    """The first of these rows that finished before the limit, behind some that finished late."""
    after = 0
    for _ in range(PAGES):
        page = rows.filter(pk__gt=after).values_list("pk", "finished_at", "created_at")[:PAGE]
        found = list(page)
        if old := [pk for pk, finished, _ in found if finished is not None and finished < limit]:
            return old[:PORTION]
        if len(found) < PAGE or all(created >= limit for _, _, created in found):
            return []
        after = found[-1][0]
    return []


def _gone(model: Any, of: Any, **which: Any) -> int:
    rows = model.objects.of(of.platform_id).filter(**which)
    # The keys alone: of what goes nothing is read, which may be much, or broken.
    gone: int = rows.only("pk").delete()[1].get(model._meta.label, 0)
    return gone


def _unused(platform_id: Any, ids: set[int]) -> int:
    """Forget those of these changes that no object is about, or has to know of, any more."""
    objects = IntegrationObject.objects.of(platform_id)
    changes = EntityChange.objects.of(platform_id).filter(pk__in=ids)
    about = (
        objects.filter(change=OuterRef("pk")),
        objects.filter(since=OuterRef("pk")),
        # Whether it may be replaced is told by what was brought in since it waits.
        objects.filter(entity_id=OuterRef("entity_id"), holds_lane=True),
    )
    for each in about:
        changes = changes.exclude(Exists(each))
    return changes.only("pk").delete()[0]


def _minutes(integration: Integration, limit: datetime) -> Counter[str]:
    """Forget what was counted in single minutes; the sums of all time stay."""
    minutes = MinuteCounter.objects.of(integration.platform_id).filter(
        integration=integration, minute__gt=EVER, minute__lt=limit
    )
    oldest = list(minutes.order_by("minute").values_list("minute", flat=True)[:PORTION])
    rows = minutes.filter(minute__lte=oldest[-1]) if oldest else minutes.none()
    return +Counter(counters=rows.delete()[0])


def _loose(model: Any, limit: datetime) -> Counter[str]:
    """Forget what was written about no object, such as the calls of a test."""
    loose = model.objects.across_platforms().filter(object=None, created_at__lt=limit)
    ids = list(loose.order_by("created_at").values_list("pk", flat=True)[:PORTION])
    rows = model.objects.across_platforms().filter(pk__in=ids)
    return +Counter({LOOSE[model]: rows.only("pk").delete()[0] if ids else 0})


def _alerts(limit: datetime) -> Counter[str]:
    """Forget alerts, with who was told of them; not those that somebody has still to be told of."""
    everywhere = Alert.objects.across_platforms()
    waiting = Notice.objects.across_platforms().waiting().filter(alert=OuterRef("pk"))
    old = everywhere.filter(~Exists(waiting), created_at__lt=limit)
    ids = list(old.order_by("created_at").values_list("pk", flat=True)[:PORTION])
    rows = everywhere.filter(pk__in=ids).only("pk")
    return +Counter(alerts=rows.delete()[1].get(Alert._meta.label, 0) if ids else 0)


def _changes(limit: datetime) -> Counter[str]:
    """Forget changes that nobody listened to; those of what is kept are gone past.

    The next look goes on behind them, and after the last one at the first again.
    """
    everywhere, after = EntityChange.objects.across_platforms(), cache.get(WALKED, 0)
    for _ in range(PAGES):
        rows = everywhere.filter(pk__gt=after).order_by("pk")
        found = list(rows.values_list("pk", "platform", "created_at")[:PAGE])
        old: dict[Any, set[int]] = defaultdict(set)
        for pk, platform, at in found:
            if at < limit:
                old[platform].add(pk)
        gone = sum(_unused(platform, ids) for platform, ids in old.items())
        if sum(map(len, old.values())) < PAGE:
            cache.set(WALKED, 0, None)
            return +Counter(changes=gone)
        after = found[-1][0]
        cache.set(WALKED, after, None)
        if gone:
            return Counter(changes=gone)
    return Counter()
