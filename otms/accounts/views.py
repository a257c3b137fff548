"""Login."""

from typing import Any

from django.contrib.auth import authenticate
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.response import Response

from otms.accounts.access import access_token
from otms.accounts.models import Session
from otms.accounts.serializers import LoginSerializer, SessionSerializer
from otms.accounts.throttle import LoginThrottle, caller_address
from otms.api.router import route, router
from otms.api.views import RoutedViewSet


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
        device = request.headers.get("User-Agent", "")
        address = caller_address(request)
        opened = Session.start(user, ip=address, device=device) if user else None
        if user is None or opened is None:
            # One answer for a wrong name and a wrong password: nobody learns who has an account.
            raise AuthenticationFailed("The username or the password is wrong.")
        LoginThrottle().forgive(request)
        session, refresh = opened
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
