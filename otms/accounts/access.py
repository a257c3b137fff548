"""Access tokens: a JWT that names a session; the session's row has the last word."""

import uuid
from datetime import timedelta
from typing import Any

import jwt
from django.conf import settings
from django.utils.timezone import now

from otms.accounts.models import Session

_AUDIENCE = "otms-api"
# What the clocks of our own machines may differ by: an access token is good everywhere at once.
_LEEWAY = timedelta(seconds=30)


def access_token(session: Session) -> str:
    claims = {
        "aud": _AUDIENCE,
        "sub": str(session.user_id),
        "sid": str(session.pk),
        "jti": uuid.uuid4().hex,  # two of one second are not the same
        "iat": now(),
        "exp": session.expires_at,
    }
    return jwt.encode(claims, settings.SECRET_KEY, algorithm="HS256")


def session_of(token: str) -> Session | None:
    """The living session that this access token is bound to."""
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        if claims := _claims(token, key):
            return Session.valid(claims["sid"])
    return None


def _claims(token: str, key: str) -> dict[str, Any] | None:
    """What a token says that was signed with this key."""
    try:
        return jwt.decode(
            token,
            key,
            algorithms=["HS256"],
            audience=_AUDIENCE,
            leeway=_LEEWAY,
            options={"require": ["exp", "sid"]},
        )
    except jwt.InvalidTokenError:
        return None
