"""Who may call what: a caller has permissions, a route has the name of one."""

from typing import Any

from rest_framework.permissions import BasePermission


class Nobody:
    """The caller who showed no credential."""

    is_authenticated = False
    is_active = False
    platform = None

    def allows(self, permission: str) -> bool:
        return False


def how_to_authenticate(shown: str) -> str:
    """What to send, for who sent no credential or an Authorization header of another kind."""
    how = 'send "Authorization: Bearer <token>"; an integration may send X-API-Key and X-API-Secret'
    if shown and not shown.lower().startswith("bearer "):
        return f'The Authorization header does not begin with "Bearer ": {how}.'
    return f"This call needs a credential: {how}."


class MayCall(BasePermission):
    """The route's permission is among the caller's; routes marked `public` are for everybody."""

    message = ""

    def has_permission(self, request: Any, view: Any) -> bool:
        route = view.route
        if route is None or route.public or request.user.allows(route.name):
            return True
        self.message = f"You are known, but this call, {route.name}, is not among your permissions."
        return False
