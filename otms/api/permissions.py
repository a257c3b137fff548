"""Who may call what: a caller has permissions, a route has the name of one."""

from typing import Any

from rest_framework.permissions import BasePermission


class Nobody:
    """The caller who showed no credential."""

    is_authenticated = is_active = is_person = False
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
        if route is None:  # a method that the path has not: that is told to everybody
            return view.action in (None, "metadata")
        if route.public:
            return True
        caller = request.user
        if not (caller.allows(route.name) or (route.own and caller.is_person)):
            told = getattr(caller, "refused", None)
            text = (told(route.name) if told else "") or (
                f"You are known, but this call, {route.name}, is not among your permissions."
            )
            if getattr(caller, "granted", True) == frozenset():
                text += " You have no role yet: an owner of your platform gives you one."
        elif not good_for(request.auth, route.name):
            text = instead(request.auth, route.name)
        elif route.by_hand and not getattr(request.auth, "is_login", False):
            text = f"{route.name} takes a person who logged in; no token is good for it."
        else:
            return True
        self.message = text
        return False


def may(request: Any, permission: str) -> bool:
    """May this caller, with what was shown, make such a call? Nobody gives more than that."""
    return bool(request.user.allows(permission)) and good_for(request.auth, permission)


def good_for(shown: Any, permission: str) -> bool:
    """Is what was shown good for this call? It may be for less than its caller may do."""
    return not hasattr(shown, "allows") or bool(shown.allows(permission))


def instead(shown: Any, permission: str) -> str:
    if first := getattr(shown, "instead", ""):
        return f"You are known, but {first}."
    return f"This token was made for other calls; {permission} is not among its permissions."
