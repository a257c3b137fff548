"""The first page: is all well, and if not, where to look."""

from datetime import timedelta
from typing import Any

from django.db.models import Count
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.timezone import now

from integrations import definition
from integrations.admin.links import STATUS_COLOURS, STATUS_WORDS, health_label, list_of, page_of
from integrations.models import Integration, IntegrationObject, Status
from otms.accounts.asking import allowed

# The counts look at no more than this many of the newest: the page opens fast at any size.
COUNTED = 20_000
TROUBLES = 10


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the template `admin/index.html` shows beside unfold's own."""
    if not (allowed(request, "get:integration:object") and allowed(request, "get:integration")):
        return {**context, "title": "Overview"}
    platform = request.user.platform  # type: ignore[union-attr]
    queue = IntegrationObject.objects.of(platform)
    newest = queue.order_by("-id")
    floor = newest.values_list("id", flat=True)[COUNTED : COUNTED + 1].first()
    since = now() - timedelta(hours=24)
    recent = queue.filter(created_at__gte=since, id__gt=floor or 0)
    counts = dict(recent.values_list("status").annotate(Count("id")))
    troubles = newest.filter(status__in=(Status.ERROR, Status.RETRY), id__gt=floor or 0)
    living = Integration.objects.of(platform).living().select_related("gate")
    shown = definition.shown(living.prefetch_related("data_sources").order_by("name")[:50])
    return {
        **context,
        "title": "Overview",
        "counts": [
            {
                "status": status,
                "words": STATUS_WORDS[status],
                "colour": STATUS_COLOURS[status],
                "count": counts.get(status, 0),
                "list": list_of(IntegrationObject, status__exact=status),
            }
            for status in Status
        ],
        "counted_part": floor is not None,
        "troubles": [
            {
                "row": row,
                "colour": STATUS_COLOURS[Status(row.status)],
                "page": page_of(row),
                "error": Truncator(row.error).chars(110),
            }
            for row in troubles.select_related("integration")[:TROUBLES]
        ],
        "may_add": allowed(request, "create:integration"),
        "integrations": [
            {**each, "page": page_of(Integration(pk=each["id"])), "label": health_label(each)}
            for each in shown
        ],
    }
