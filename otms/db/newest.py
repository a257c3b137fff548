"""A part of a text has no index: it is looked for in the newest records alone, however many there
are."""

from typing import Any

from django.db.models import Q

LOOKED_THROUGH = 30_000


def among(records: Any) -> Q:
    """What narrows records of a platform, which have `created_at`, to the newest 30 000."""
    moments = records.order_by("-created_at", "id").values_list("created_at", flat=True)
    before = moments[LOOKED_THROUGH : LOOKED_THROUGH + 1].first()
    return Q() if before is None else Q(created_at__gt=before)
