"""How an integration's day looks, wherever it is shown."""

from math import inf
from typing import Any

from django.utils.html import format_html_join
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from integrations import glance
from integrations.core import span

CHART = 32  # the height of a day's chart; an hour is BAR wide
BAR = 6
# An hour, as SVG; written here, because a template takes ten times as long for so many numbers.
HOUR = (
    f'<g><title>{{}}</title><rect x="{{}}" y="0" width="{BAR - 1}" height="{CHART}" '
    f'fill="transparent" /><rect x="{{}}" y="{{}}" width="{BAR - 1}" height="{{}}" '
    f'class="chart-sent" /><rect x="{{}}" y="{{}}" width="{BAR - 1}" height="{{}}" '
    'class="chart-failed" /></g>'
)


def shown_day(day: glance.Day, health: dict[str, Any]) -> dict[str, Any]:
    """The chart of an integration's day, how fast it delivered, and since when the oldest waits."""
    return {
        "day": day,
        "chart": _chart(day),
        "p95": _within(day.p95),
        "oldest": span.in_words(late) if (late := health["oldestDueSeconds"]) else "",
    }


def _chart(day: glance.Day) -> dict[str, Any]:
    """A bar for each hour: what failed stands on what was sent."""
    hours = []
    for place, hour in enumerate(day.hours):
        sent, failed = (_height(count, day.most) for count in (hour.sent, hour.failed))
        title = _("From {at}: {sent:,} sent, {failed:,} failed").format(
            at=f"{localtime(hour.at):%H:%M}", sent=hour.sent, failed=hour.failed
        )
        x, top = place * BAR, CHART - sent
        hours.append((title, x, x, top, sent, x, top - failed, failed))
    label = _("The last {n} hours: {sent:,} sent, {failed:,} failed").format(
        n=len(day.hours), sent=day.sent, failed=day.failed
    )
    bars = format_html_join("", HOUR, hours)
    return {"bars": bars, "width": BAR * len(hours), "height": CHART, "label": label}


def _height(count: int, most: int) -> int:
    """One that is there is seen, however small."""
    return max(1, round(count * (CHART - 2) / most)) if count else 0


def _within(seconds: float | None) -> str:
    """How fast most of it was delivered; nothing where there was nothing."""
    if seconds is None:
        return ""
    return _("more than 15 min") if seconds == inf else span.in_words(seconds)
