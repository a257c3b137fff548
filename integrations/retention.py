"""History is forgotten after a while: what went well sooner than what failed.

The oldest first, a few hundred rows in a transaction of their own, and between two of them a pause:
deliveries wait for none of it. What waits is never forgotten, however old it is. Each look begins
at the oldest and ends where it is young enough, so it costs the same however much history there is.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.timezone import now

from integrations.models import (
    EntityChange,
    Integration,
    IntegrationObject,
    Log,
    RequestLog,
    Status,
)

log = logging.getLogger(__name__)

PORTION = 200  # rows that one transaction takes away, with what hangs on them
PAUSE = 0.05  # seconds between two portions
SECONDS = 120.0  # that one run may take; the next goes on

LOOSE: dict[Any, str] = {RequestLog: "requestLogs", Log: "logs"}
WENT_WELL = (Status.SUCCESS, Status.SKIPPED, Status.CANCELLED)


def work_off(*, seconds: float = SECONDS, pause: float = PAUSE) -> dict[str, int]:
    """Forget what is old enough, for so long; how much of each kind that was."""
    end, forgotten = time.monotonic() + seconds, Counter[str]()
    for portion in _portions():
        forgotten.update(portion)
        if time.monotonic() > end:
            break
        time.sleep(pause)
    if forgotten:
        log.info("history was forgotten", extra=dict(forgotten))
    return dict(forgotten)


def _portions() -> Iterator[Counter[str]]:
    """What is forgotten, portion by portion; nothing that is younger than its limit."""
    kept = _limit(settings.OTMS_KEEP_DAYS)
    failed = _limit(settings.OTMS_KEEP_FAILED_DAYS)
    limits = [*((status, kept) for status in WENT_WELL), (Status.ERROR, failed)]
    for integration in Integration.objects.across_platforms().order_by("pk"):
        for status, limit in limits:
            while limit and (portion := _objects(integration, status, limit)):
                yield portion
    if kept:
        for model in LOOSE:
            while portion := _loose(model, kept):
                yield portion
        yield from _changes(kept)


def _limit(days: float) -> datetime | None:
    """What is older goes; None for never."""
    return now() - timedelta(days=days) if days else None


def _objects(integration: Integration, status: Status, limit: datetime) -> Counter[str]:
    """Forget the oldest of this status with their logs; nothing where they are too young."""
    of_status = IntegrationObject.objects.of(integration.platform_id).filter(
        integration=integration, status=status
    )
    # Looked at are the oldest and no others: further behind nothing is older.
    oldest = dict(of_status.order_by("id").values_list("pk", "finished_at")[:PORTION])
    old = [pk for pk, finished in oldest.items() if finished is not None and finished < limit]
    if not old:
        return Counter()
    with transaction.atomic():
        # Somebody may be putting one back: then it stays.
        mine = of_status.filter(pk__in=old).order_by("pk")
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
        return gone + Counter(changes=_unused(integration.platform_id, changes))


def _gone(model: Any, of: Any, **which: Any) -> int:
    gone: int = (
        model.objects.of(of.platform_id).filter(**which).delete()[1].get(model._meta.label, 0)
    )
    return gone


def _unused(platform_id: Any, ids: set[int]) -> int:
    """Forget those of these changes that no object is about any more."""
    objects = IntegrationObject.objects.of(platform_id)
    changes = EntityChange.objects.of(platform_id).filter(pk__in=ids)
    free = changes.exclude(Exists(objects.filter(change=OuterRef("pk")))).exclude(
        Exists(objects.filter(since=OuterRef("pk")))
    )
    return free.delete()[0]


def _loose(model: Any, limit: datetime) -> Counter[str]:
    """Forget what was written about no object, such as the calls of a test."""
    loose = model.objects.across_platforms().filter(object=None, created_at__lt=limit)
    ids = list(loose.order_by("created_at").values_list("pk", flat=True)[:PORTION])
    gone = model.objects.across_platforms().filter(pk__in=ids).delete()[0] if ids else 0
    return Counter({LOOSE[model]: gone}) if gone else Counter()


def _changes(limit: datetime) -> Iterator[Counter[str]]:
    """Forget changes that nobody listened to; those of what is kept are gone past."""
    everywhere, after = EntityChange.objects.across_platforms(), 0
    while True:
        rows = everywhere.filter(pk__gt=after).order_by("pk")
        found = list(rows.values_list("pk", "platform", "created_at")[:PORTION])
        old = [(pk, platform) for pk, platform, at in found if at < limit]
        by_platform: dict[Any, set[int]] = {}
        for pk, platform in old:
            by_platform.setdefault(platform, set()).add(pk)
        for platform, ids in by_platform.items():
            if gone := _unused(platform, ids):
                yield Counter(changes=gone)
        if len(old) < PORTION:
            return
        after = old[-1][0]
