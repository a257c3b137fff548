"""How an integration's day looks, wherever it is shown."""

from math import inf
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from integrations import glance
from integrations.core import span

CHART = 32  # the height of a day's chart; an hour is BAR wide
BAR = 6


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
    told = _("From {at}: {sent:,} sent, {failed:,} failed")
    bars = []
    for place, hour in enumerate(day.hours):
        sent, failed = (_height(count, day.most) for count in (hour.sent, hour.failed))
        at = f"{localtime(hour.at):%H:%M}"
        title = told.format(at=at, sent=hour.sent, failed=hour.failed)
        bars.append((format_html(_bar(place * BAR, sent, failed), title),))
    label = _("The last {n} hours: {sent:,} sent, {failed:,} failed").format(
        n=len(day.hours), sent=day.sent, failed=day.failed
    )
    return {
        "bars": format_html_join("", "{}", bars),
        "width": BAR * len(day.hours),
        "height": CHART,
        "label": label,
    }


def _bar(x: int, sent: int, failed: int) -> str:
    """An hour, as SVG; written here, because a template takes ten times as long for so much."""
    top = CHART - sent
    return (
        f'<g><title>{{}}</title><rect x="{x}" y="0" width="{BAR - 1}" height="{CHART}" '
        f'fill="transparent" /><rect x="{x}" y="{top}" width="{BAR - 1}" height="{sent}" '
        f'class="chart-sent" /><rect x="{x}" y="{top - failed}" width="{BAR - 1}" '
        f'height="{failed}" class="chart-failed" /></g>'
    )


def _height(count: int, most: int) -> int:
    """One that is there is seen, however small."""
    return max(1, round(count * (CHART - 2) / most)) if count else 0


def _within(seconds: float | None) -> str:
    """How fast most of it was delivered; nothing where there was nothing."""
    if seconds is None:
        return ""
    return _("more than 15 min") if seconds == inf else span.in_words(seconds)
