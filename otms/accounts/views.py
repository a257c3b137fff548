"""Login."""

from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle

from otms.accounts.access import access_token
from otms.accounts.models import Session
from otms.accounts.serializers import LoginSerializer, SessionSerializer
from otms.api.router import route, router
from otms.api.views import RoutedViewSet


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
    scope = "login"

    def get_cache_key(self, request: Any, view: Any) -> str:
        return self.cache_format % {"scope": self.scope, "ident": caller_address(request)}


class UserViewSet(RoutedViewSet):
    """People: log in."""

    throttle_classes = [LoginThrottle]

    @route(
        "POST",
        "user/login",
        "login:user",
        takes=LoginSerializer,
        answers={"session": SessionSerializer},
        public=True,
    )
    def login(self, request: Any) -> Response:
        """Log in with username and password; the access token is good for a day."""
        given = self.read(LoginSerializer).validated_data
        user = authenticate(request._request, **given)
        if user is None:
            # One answer for a wrong name and a wrong password: nobody learns who has an account.
            raise AuthenticationFailed("The username or the password is wrong.")
        session, refresh = Session.start(
            user, ip=caller_address(request), device=request.headers.get("User-Agent", "")
        )
        names = sorted({route.name for route in router.routes() if not route.public})
        return Response(
            {
                "session": {
                    "id": session.pk,
                    "access_token": access_token(session),
                    "refresh_token": refresh,
                    "startedAt": session.started_at,
                    "expiresAt": session.expires_at,
                    "passedTwoFactorAuthentication": session.passed_two_factor_authentication,
                    "permissions": [{"name": name} for name in names if user.allows(name)],
                }
            }
        )
