"""Where a call comes from."""

from ipaddress import ip_address
from typing import Any

from django.conf import settings


def caller_address(request: Any) -> str:
    """The address of the caller; behind the operator's proxy, what that proxy says.

    Anybody may send X-Forwarded-For: only its last entry, and only behind a proxy, is not the
    caller's own word.
    """
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    direct = str(request.META.get("REMOTE_ADDR", ""))
    try:
        return str(ip_address(forwarded)) if settings.SECURE_PROXY_SSL_HEADER else direct
    except ValueError:
        return direct
