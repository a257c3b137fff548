"""The first page: is all well, and if not, where to look."""

from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Max
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_celery_beat.models import PeriodicTask

from integrations import definition, glance, pressure
from integrations.admin.chart import shown_day
from integrations.admin.links import (
    STATUS_COLOURS,
    STATUS_WORDS,
    health_label,
    list_of,
    page_of,
)
from integrations.models import Integration, IntegrationObject, Status
from otms.accounts.asking import allowed

# The counts look at no more than this many of the newest: the page opens fast at any size.
COUNTED = 10_000
TROUBLES = 10
LISTED = 50  # integrations
OVERLOOKED, LOOKED_FOR = "overview-overlooked", 20  # seconds, for all who look at the page
QUIET = timedelta(minutes=1)  # without a sign of beat, or of a worker where there is work


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the template `admin/index.html` shows beside unfold's own."""
    if not (allowed(request, "get:integration:object") and allowed(request, "get:integration")):
        return {**context, "title": _("Overview")}
    platform = request.user.platform  # type: ignore[union-attr]
    queue = IntegrationObject.objects.of(platform)
    newest = queue.order_by("-id")
    floor = newest.values_list("id", flat=True)[COUNTED : COUNTED + 1].first()
    since = now() - timedelta(hours=24)
    recent = queue.filter(created_at__gte=since, id__gt=floor or 0)
    counts = dict(recent.values_list("status").annotate(Count("id")))
    failed = queue.filter(status__in=(Status.ERROR, Status.RETRY), id__gt=floor or 0)
    # A limit keeps them apart: else a database may look for replays of all that there are.
    failed = queue.filter(pk__in=failed.values("pk")[:COUNTED]).order_by()
    given_up = failed.filter(status=Status.ERROR, created_at__gte=since)
    replayed = given_up.filter(queue.delivered_anew()).count()
    living = Integration.objects.of(platform).living().select_related("gate")
    listed = list(living.prefetch_related("data_sources").order_by("name")[:LISTED])
    days, shown = glance.of(listed), definition.shown(listed)
    integrations = [
        {
            **each,
            "page": page_of(integration),
            "label": health_label(each),
            **shown_day(days[integration.pk], each["health"]),
        }
        for integration, each in zip(listed, shown, strict=True)
    ]
    return {
        **context,
        "title": _("Overview"),
        "pressures": [pressure.told(each) for each in pressure.of_platform(platform.pk)],
        "counts": [
            {
                "status": status,
                "words": STATUS_WORDS[status],
                "colour": STATUS_COLOURS[status],
                "count": counts.get(status, 0),
                "replayed": replayed if status == Status.ERROR else 0,
                "list": list_of(IntegrationObject, status__exact=status),
            }
            for status in Status
        ],
        "counted_part": floor is not None,
        "wanted": [*_stands_still(), *_suspended(integrations), *_blocked(queue)],
        "troubles": _troubles(failed.exclude(queue.delivered_anew())),
        "may_add": allowed(request, "create:integration"),
        "integrations": integrations,
    }


# What needs a person, each in a sentence, with where to look.


def _stands_still() -> list[dict[str, str]]:
    """Those who deliver, and who wakes them: of everybody, so nothing is said of how much waits."""
    said = []
    if cache.get_or_set(OVERLOOKED, _overlooked, LOOKED_FOR):
        said.append(_("Deliveries are due for a minute, and no worker takes them: is one running?"))
    beat = PeriodicTask.objects.filter(enabled=True).aggregate(newest=Max("last_run_at"))["newest"]
    if beat and now() - beat > QUIET:
        at = f"{localtime(beat):%Y-%m-%d %H:%M:%S %Z}"
        said.append(_("Nothing was scheduled since {at}: is beat running?").format(at=at))
    return [{"text": text, "page": "", "name": ""} for text in said]


def _overlooked() -> int:
    return IntegrationObject.objects.all().overlooked(QUIET.total_seconds())


def _suspended(integrations: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [
        {
            "name": each["name"],
            "page": each["page"],
            "text": _("is suspended until somebody resumes it: {reason}").format(
                reason=each["health"]["reason"]
            ),
        }
        for each in integrations
        if each["health"]["state"] == "SUSPENDED"
    ]


def _blocked(queue: Any) -> list[dict[str, str]]:
    """What failed and holds up the later changes of its record."""
    blocked = queue.filter(status=Status.ERROR, holds_lane=True).order_by()
    counted = blocked.values("integration", "integration__name").annotate(count=Count("id"))
    return [
        {
            "name": row["integration__name"],
            "page": list_of(
                IntegrationObject,
                status__exact=Status.ERROR,
                integration__id__exact=row["integration"],
            ),
            "text": ngettext(
                "has one that failed and holds up what came after: put it back or cancel it.",
                "has {n} that failed and hold up what came after: put them back or cancel them.",
                row["count"],
            ).format(n=row["count"]),
        }
        for row in counted.order_by("integration__name")
    ]


def _troubles(failed: Any) -> list[dict[str, Any]]:
    """The newest of what failed, all that did so in the same integration and words as one."""
    alike = failed.order_by().values("integration", "status", "error")
    newest = alike.annotate(newest=Max("id"), count=Count("id")).order_by("-newest")[:TROUBLES]
    counts = {each["newest"]: each["count"] for each in newest}
    rows = failed.filter(pk__in=counts).select_related("integration").order_by("-pk")
    return [
        {
            "row": row,
            "colour": STATUS_COLOURS[Status(row.status)],
            "page": page_of(row),
            "others": counts[row.pk] - 1,
            "list": list_of(
                IntegrationObject,
                status__exact=row.status,
                integration__id__exact=row.integration_id,
            ),
            "error": Truncator(row.error).chars(110),
        }
        for row in rows
    ]
