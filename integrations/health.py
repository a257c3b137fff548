"""Whether integrations work, told from the newest of what they had to do."""

from datetime import datetime
from typing import Any

from django.db.models import Count, Min, OuterRef, QuerySet, Subquery
from django.utils.timezone import now

from integrations import pressure
from integrations.core.room import Level
from integrations.core.trouble import Trouble
from integrations.models import Integration, IntegrationObject, Status
from integrations.models.gate import moment
from otms.documents import timestamp

STATES = ("HEALTHY", "DEGRADED", "PAUSED", "SUSPENDED", "DELETED")
FAILED = (Status.RETRY, Status.ERROR, Status.SKIPPED)  # the last if it has an error


def of(integrations: list[Integration]) -> dict[Any, dict[str, Any]]:
    """The health of each, as the API shows it: three queries for any number of integrations.

    What waits is counted; of the history only the newest of each status is looked at.
    """
    ids = [each.pk for each in integrations]
    queue = IntegrationObject.objects.across_platforms()
    waiting = {
        row["integration"]: row
        for row in queue.filter(integration__in=ids, due_at__isnull=False)
        .values("integration")
        .annotate(queued=Count("id"), oldest=Min("due_at"))
    }
    newest = {row["pk"]: row for row in _newest(ids)}
    failed = {id: _failed(row) for id, row in newest.items()}
    found = queue.filter(id__in=[id for ids in failed.values() for id in ids])
    errors = dict(found.exclude(status=Status.SKIPPED, error="").values_list("id", "error"))
    return {
        each.pk: _told(
            each,
            waiting.get(each.pk, {"queued": 0, "oldest": None}),
            newest[each.pk]["delivered_at"],
            next((errors[id] for id in failed[each.pk] if id in errors), None),
        )
        for each in integrations
    }


def _newest(ids: list[Any]) -> QuerySet[Integration, Any]:
    """The newest object of each status that says how it goes; an index has it at hand."""

    def newest(status: Status, field: str) -> Subquery:
        of_integration = IntegrationObject.objects.across_platforms().filter(
            integration_id=OuterRef("pk"), status=status
        )
        return Subquery(of_integration.order_by("-id").values(field)[:1])

    return (
        Integration.objects.across_platforms()
        .filter(pk__in=ids)
        .values(
            "pk",
            delivered=newest(Status.SUCCESS, "id"),
            delivered_at=newest(Status.SUCCESS, "finished_at"),
            **{status.lower(): newest(status, "id") for status in FAILED},
        )
    )


def _failed(row: dict[str, Any]) -> list[int]:
    """The newest objects that failed and none after them was delivered, the newest first."""
    failed = (row[status.lower()] or 0 for status in FAILED)
    return sorted((id for id in failed if id > (row["delivered"] or 0)), reverse=True)


def _passed_over(integration: Integration, delivered_at: datetime | None) -> str | None:
    """What the last call was refused with, where that is passed over, if none went well since.

    In the queue it may stand behind any number of those that filters left out.
    """
    troubles = integration.gate.trouble.values()
    last = max(troubles, key=lambda each: each.last, default=None)
    if integration.policy.on_poison != "skip" or last is None:
        return None
    return None if delivered_at and moment(last.last) <= delivered_at else last.reason


def _told(
    integration: Integration, waiting: dict[str, Any], delivered_at: datetime | None, error: Any
) -> dict[str, Any]:
    reason = integration.gate.pause_reason
    state = "HEALTHY"
    if integration.deleted_at:
        state = "DELETED"
    elif not integration.enabled:
        state = "PAUSED"
    elif reason:
        state = "SUSPENDED"
    elif error is not None or (error := _passed_over(integration, delivered_at)) is not None:
        state, reason = "DEGRADED", error
    troubled = {id: each for id, each in integration.gate.trouble.items() if each.is_on}
    first = min(troubled.values(), key=lambda each: each.since, default=None)
    if first and state in ("HEALTHY", "DEGRADED"):
        state, reason = "DEGRADED", first.reason
    late = (now() - waiting["oldest"]).total_seconds() if waiting["oldest"] else 0
    return {
        "state": state,
        "reason": reason,
        "since": timestamp(moment(first.since)) if first else None,
        "queued": waiting["queued"],
        "oldestDueSeconds": max(0, round(late)),
        "lastSuccessAt": timestamp(delivered_at) if delivered_at else None,
        "targets": [_target(id, each) for id, each in troubled.items()],
        "intake": [_intake(each) for each in pressure.of_platform(integration.platform_id)],
    }


def _intake(facts: dict[str, Any]) -> dict[str, Any]:
    """What of the platform or the server runs full, and whether nothing more is taken in."""
    return {
        "full": facts["of"],
        "stopped": facts["level"] == Level.FULL,
        "since": facts["since"],
        "reason": pressure.said(facts, named=False),
    }


def _target(data_source_id: str, trouble: Trouble) -> dict[str, Any]:
    """A target in trouble: what it said last, and when it is called again, if it is held back."""
    return {
        "dataSourceId": data_source_id,
        "name": trouble.name,
        "since": timestamp(moment(trouble.since)),
        "failures": trouble.failures,
        "reason": trouble.reason,
        "heldBack": trouble.held,
        "nextTrialAt": timestamp(moment(trouble.until)) if trouble.held else None,
        "atOnce": trouble.at_once if trouble.held else None,
    }
