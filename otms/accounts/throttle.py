"""How often one address may try to log in, at the API and in the admin together."""

from ipaddress import ip_address
from typing import Any

from django.conf import settings
from rest_framework.throttling import SimpleRateThrottle


def caller_address(request: Any) -> str:
    """Where a call comes from; behind the operator's proxy, what that proxy says.

    Anybody may send X-Forwarded-For: only its last entry, and only behind a proxy, is not the
    caller's own word.
    """
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    direct = str(request.META.get("REMOTE_ADDR", ""))
    try:
        return str(ip_address(forwarded)) if settings.SECURE_PROXY_SSL_HEADER else direct
    except ValueError:
        return direct


class LoginThrottle(SimpleRateThrottle):
    """Every attempt is counted when it begins; one that succeeds is taken back."""

    scope = "login"
    duration: int

    def get_cache_key(self, request: Any, view: Any = None) -> str:
        return self.cache_format % {"scope": self.scope, "ident": caller_address(request)}

    def forgive(self, request: Any) -> None:
        """Take back the newest attempt from this address."""
        key = self.get_cache_key(request)
        if attempts := self.cache.get(key):
            self.cache.set(key, attempts[1:], self.duration)
