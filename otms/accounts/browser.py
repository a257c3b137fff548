"""The admin's logins: behind the cookie of a browser stands a session of ours, and can end it.

So a person sees where they are logged in, at the API and here; a new password, an end that somebody
puts to it, or a second factor that was not shown closes the admin as it closes the API.
"""

from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import HASH_SESSION_KEY, get_user
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from otms.accounts.models import Session, User
from otms.accounts.session import ENROLMENT
from otms.address import caller_address
from otms.db.touch import touch

KEY = "otms_session"
# What is open to who has to turn on a second factor before anything else.
OPEN = frozenset({"second_factor", "admin:login", "admin:logout", "admin:jsi18n"})


def connect() -> None:
    user_logged_in.connect(_opened, dispatch_uid="otms.accounts.browser")
    user_logged_out.connect(_closed, dispatch_uid="otms.accounts.browser")


def _opened(request: HttpRequest, user: User, **_: Any) -> None:
    """Whatever logs a browser in, a session stands behind it."""
    start(request, user)


def _closed(request: HttpRequest, **_: Any) -> None:
    if id := request.session.get(KEY):
        Session.end(id)


def start(request: HttpRequest, user: User, passed: bool = False) -> None:
    """Bind the cookie of this browser to a new session."""
    device = request.headers.get("User-Agent", "")
    address = caller_address(request) or None
    opened = Session.start(user, ip=address, device=device, kind=Session.Kind.ADMIN, passed=passed)
    if opened:
        request.session[KEY] = str(opened[0].pk)
        request.login = opened[0]  # type: ignore[attr-defined]


def go_on(request: HttpRequest) -> None:
    """Keep this browser, in which its person changed their own password, logged in.

    The new password ended every session; Django renewed what the cookie proves in this one alone.
    """
    user = User.objects.get(pk=str(request.user.pk))
    login: Session = request.login  # type: ignore[attr-defined]
    if request.session.get(HASH_SESSION_KEY) == user.get_session_auth_hash():
        login.refresh_from_db()
        if login.ended_at is not None:
            start(request, user, passed=login.passed_two_factor_authentication)


class BrowserLogins(AuthenticationMiddleware):
    """`request.user` of a browser, while the session behind its cookie lives."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        user = SimpleLazyObject(lambda: _person(request))
        request.user = user  # type: ignore[assignment]
        request.auser = sync_to_async(partial(getattr, request, "user"))

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Who has to turn on a second factor gets to nothing else."""
        if request.path.startswith("/api/") or not request.path.startswith(reverse("admin:index")):
            return None
        here = request.resolver_match.view_name if request.resolver_match else ""
        if here in OPEN or not request.user.is_authenticated:
            return None
        if request.login.owes != ENROLMENT:  # type: ignore[attr-defined]
            return None
        return HttpResponseRedirect(reverse("second_factor"))


def _person(request: HttpRequest) -> Any:
    user: Any = get_user(request)
    if not user.is_authenticated:
        return user
    session = Session.of_cookie(request.session.get(KEY), user)
    if session is None or session.awaits_code:
        request.session.flush()
        return AnonymousUser()
    request.login = session  # type: ignore[attr-defined]
    touch(session)
    return user
