"""When something was last used: known to the minute, and nobody waits for it to be written."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils.timezone import now

from otms.db.at_once import update_at_once

COARSE = timedelta(minutes=1)


def this_minute() -> datetime:
    return now().replace(second=0, microsecond=0)


def touch(record: Any) -> None:
    """Set `last_used_at`, unless that was done in this minute, or somebody else has the row."""
    at = this_minute()
    if record.last_used_at is not None and record.last_used_at > at - COARSE:
        return
    rows = type(record)._base_manager.filter(pk=record.pk)
    stale = rows.filter(Q(last_used_at=None) | Q(last_used_at__lte=at - COARSE))
    update_at_once(stale, last_used_at=at)
    record.last_used_at = at
