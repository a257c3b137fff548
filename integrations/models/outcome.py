"""Outcome: what became of one claimed object, on its way from the worker to the database."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from integrations.core.trouble import Report
from integrations.models.log import Level, RequestLog
from integrations.models.remote_record import Remembered
from integrations.models.status import Status

if TYPE_CHECKING:
    from integrations.models.object import IntegrationObject

COUNTED = {
    Status.RETRY: "retried",
    Status.ERROR: "failed",
    Status.SKIPPED: "skipped",
    Status.CANCELLED: "cancelled",
}


@dataclass
class Outcome:
    """The transition, made by a verb of the object, and what is written about it."""

    object: "IntegrationObject"
    changes: dict[str, Any]
    level: Level
    code: str
    message: str
    data: Any = None
    request: RequestLog | None = None
    pause_reason: str = ""
    wait: float | None = None
    answers: dict[str, Any] | None = None  # of steps that enrich, all so far
    remembered: Remembered | None = None
    report: Report | None = None  # what it tells of its target

    @property
    def frees_lane(self) -> bool:
        return self.changes.get("holds_lane") is False

    @property
    def is_delivered(self) -> bool:
        """Was this call the last that its object needed?"""
        return self.changes["status"] == Status.SUCCESS and self.request is not None

    @property
    def counted_as(self) -> str:
        """The counter that it adds to; "" for what is no outcome, such as a lease given back."""
        status = self.changes["status"]
        if self.code == "released":
            return ""
        if status in (Status.SUCCESS, Status.QUEUE):  # the last step, or one before it
            return "sent" if self.request else ""
        if status == Status.SKIPPED and self.changes.get("error"):
            return "failed"
        return COUNTED[status]

    def reduced(self) -> "Outcome | None":
        """The same transition with less about it, for a database that refuses the rest.

        Written down it must be: else the object is sent again. The data source may be gone since
        the call was made, and a text may hold what can't be stored.
        """
        if self.request and self.request.data_source_id:
            self.request.data_source_id = None
            self.remembered = None
            return self
        if self.code == "not_recorded":
            return None
        text = f"What is known about this outcome ({self.code}) could not be stored."
        texts = {name: text for name in ("error", "reason") if self.changes.get(name)}
        return replace(
            self,
            changes={**self.changes, **texts},
            code="not_recorded",
            message=text,
            data=None,
            request=None,
        )
