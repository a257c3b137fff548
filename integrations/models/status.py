"""The statuses of an object, and what may become of which."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Status(models.TextChoices):
    QUEUE = "QUEUE"
    RETRY = "RETRY"
    SUCCESS = "SUCCESS"
    ERROR = "ERROR"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"


OPEN = (Status.QUEUE, Status.RETRY)
# By cancel(): what waits, and what keeps others waiting.
ENDABLE = Q(status__in=OPEN) | Q(status=Status.ERROR, holds_lane=True)
REQUEUED = (Status.ERROR, Status.RETRY, Status.SKIPPED)  # by requeue(), and no others


def finished(status: Status) -> dict[str, Any]:
    """What an object that has come to its end has in its columns."""
    return {"status": status, "holds_lane": False, "due_at": None, "finished_at": Now()}
