"""Where a call comes from."""

import re
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings

ONE_HOME = (
    64  # bits of an IPv6 address that are somebody's network; the others are theirs to choose
)
# Some proxies write the port too: 203.0.113.52:4711, [2001:db8::1]:443.
WITH_PORT = re.compile(r"([0-9.]+):[0-9]+|\[(.+)\](?::[0-9]+)?")


def caller_address(request: Any) -> str:
    """Where a call comes from; behind the operator's proxy, what that proxy says.

    Anybody may send X-Forwarded-For: only its last entry, and only behind a proxy, is not the
    caller's own word.
    """
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    direct = str(request.META.get("REMOTE_ADDR", ""))
    if found := WITH_PORT.fullmatch(forwarded):
        forwarded = found[1] or found[2]
    try:
        return str(ip_address(forwarded)) if settings.SECURE_PROXY_SSL_HEADER else direct
    except ValueError:
        return direct


def home(address: str) -> str:
    """What one caller has of the internet: an IPv4 address, or a network of IPv6."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or IPv6Network((found, ONE_HOME), strict=False))
