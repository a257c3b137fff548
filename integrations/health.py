"""Whether integrations work, told from the newest of what they had to do."""

from datetime import datetime
from typing import Any

from django.db.models import Count, Min, OuterRef, QuerySet, Subquery
from django.utils.timezone import now

from integrations.core.trouble import Trouble
from integrations.models import Integration, IntegrationObject, Status
from integrations.models.gate import moment
from otms.documents import timestamp

STATES = ("HEALTHY", "DEGRADED", "PAUSED", "SUSPENDED", "DELETED")
FAILED = (Status.RETRY, Status.ERROR)


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
    errors = dict(
        queue.filter(id__in=[_failed(row) for row in newest.values()]).values_list("id", "error")
    )
    return {
        each.pk: _told(
            each,
            waiting.get(each.pk, {"queued": 0, "oldest": None}),
            newest[each.pk]["delivered_at"],
            errors.get(_failed(newest[each.pk])),
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


def _failed(row: dict[str, Any]) -> int | None:
    """The newest object that failed, if none after it was delivered."""
    failed = max(row[status.lower()] or 0 for status in FAILED)
    return failed if failed > (row["delivered"] or 0) else None


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
    elif error is not None:
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
