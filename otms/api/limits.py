"""How often a caller may call the API; who calls too often is told when to call again.

Each caller has a quota that comes back evenly: 600/min are 600 calls at once, or 10 every second.
Who shows no credential, or one that opens nothing, is counted by address.
"""

from math import ceil
from typing import Any

from django.conf import settings
from django.core.cache import cache
from rest_framework.exceptions import APIException
from rest_framework.status import HTTP_429_TOO_MANY_REQUESTS
from rest_framework.throttling import BaseThrottle

from otms.address import caller_address, home
from otms.cache import Allowance
from otms.env import Rate


class TooOften(APIException):
    status_code = HTTP_429_TOO_MANY_REQUESTS
    default_code = "too_often"

    def __init__(self, who: str, rate: Rate, name: str, found: Allowance) -> None:
        self.wait = max(1, ceil(found.wait))
        seconds = "a second" if self.wait == 1 else f"{self.wait} seconds"
        super().__init__(f"{who} {spoken(rate)}; wait {seconds}, then call again.")
        self.rate_headers = headers(name, rate, found)


def spoken(rate: Rate) -> str:
    """600 calls a minute."""
    period = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}[rate.seconds]
    return f"{rate.calls} call{'' if rate.calls == 1 else 's'} a{'n' * (period == 'hour')} {period}"


def headers(name: str, rate: Rate, found: Allowance) -> dict[str, str]:
    """RateLimit and RateLimit-Policy, as the IETF's draft has them."""
    return {
        "RateLimit-Policy": f'"{name}";q={rate.calls};w={rate.seconds}',
        "RateLimit": f'"{name}";r={found.left};t={ceil(found.reset)}',
    }


def count_caller(request: Any, heavy: bool) -> dict[str, str]:
    """Count a call of whoever was recognized; the headers that tell what is left."""
    auth = request.auth
    if auth is None:
        return count_address(request)
    # A person is one caller, with all tokens and sessions; an integration is one per credential.
    caller = getattr(auth, "counted_as", "") or f"{type(auth).__name__} {auth.pk}"
    own = getattr(auth, "rate", None)
    usual = settings.OTMS_CALLER_RATE
    # What a tenant wrote down can only be less than what the operator allows.
    rate = usual
    if own and (usual is None or own * usual.seconds < usual.calls * 60):
        rate = Rate(own, 60)
    told = _count("caller", caller, rate, "This caller may make")
    if heavy:
        dear = settings.OTMS_HEAVY_RATE
        who = "Of uploads, mails, imports, tests and the like this caller may make"
        return _count("heavy", caller, dear, who) or told
    return told


def count_address(request: Any, calls: str = "nobody") -> dict[str, str]:
    """Count a call of nobody in particular.

    Those that are for everybody, such as a login, apart from those that were refused: a script with
    an old token keeps nobody from logging in.
    """
    who = "Without a credential that is valid, an address may make"
    return _count(calls, home(caller_address(request)), settings.OTMS_NOBODY_RATE, who)


def _count(name: str, caller: str, rate: Rate | None, who: str) -> dict[str, str]:
    if rate is None:
        return {}
    spend: Any = cache.spend  # type: ignore[attr-defined]  # otms.cache
    found = spend(f"{name} {caller}", rate.calls, rate.seconds)
    if found.wait:
        raise TooOften(who, rate, name, found)
    return headers(name, rate, found)


class ByAddress(BaseThrottle):
    """For views that are not ours and for everybody."""

    def allow_request(self, request: Any, view: Any) -> bool:
        count_address(request, "public")
        return True
