"""Times in the zone of who looks: their browser names it in a cookie."""

import re
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html

COOKIE = "otms_zone"
# As in the IANA database: Europe/Amsterdam, Etc/GMT+5.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", re.ASCII)
LONGEST = 64


def moment(at: datetime | None) -> str:
    """A point in time, to the second: what happened first matters here."""
    if at is None:
        return "-"
    text = f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}"
    return format_html('<span class="whitespace-nowrap">{}</span>', text)


class ViewersZone:
    """In the admin, moments are shown and read as on the clock of who looks at them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        zone = _zone(request.COOKIES.get(COOKIE, ""))
        if zone is None or not request.path.startswith("/admin/"):
            return self.get_response(request)
        # Till the answer is rendered, which it is when it comes back here.
        with timezone.override(zone):
            return self.get_response(request)


def _zone(name: str) -> ZoneInfo | None:
    """The zone of this name; None if there is none, and the server's is taken."""
    if len(name) > LONGEST or not NAME.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return None
