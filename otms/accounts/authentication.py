"""Who calls: `Authorization: Bearer <access or personal token>`. Cookies are not looked at."""

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed

from otms.accounts.access import session_of
from otms.accounts.models import PersonalToken
from otms.db.touch import touch


def bearer(request: Any) -> str:
    """The token of the Authorization header, or nothing."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _asking(request: Any) -> str:
    """The name of the call; nothing where the address takes no such call."""
    route = getattr(request.parser_context.get("view"), "route", None)
    return route.name if route else ""


class BearerAuthentication(BaseAuthentication):
    """People: a session's access token, or a personal token."""

    def authenticate(self, request: Any) -> tuple[Any, Any] | None:
        token = bearer(request)
        instead = "log in again"
        if token.startswith(PersonalToken.PREFIX):
            found: Any = PersonalToken.valid(token, _asking(request))
            instead = "make a new one, in the admin or with POST /api/user/token"
        elif token.count(".") == 2:
            found = session_of(token)
        else:
            return None
        if found is None:
            raise AuthenticationFailed(f"This token is unknown, expired or revoked; {instead}.")
        touch(found)
        return found.user, found

    def authenticate_header(self, request: Any) -> str:
        return 'Bearer realm="otms"'
