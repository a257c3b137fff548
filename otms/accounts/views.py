"""Login and refresh, which need no token; logout, and the sessions that a person has."""

from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib.auth import authenticate
from django.db import transaction
from django.db.models import OuterRef, Q, Subquery
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed, NotFound, ParseError, PermissionDenied
from rest_framework.response import Response

from otms.accounts.access import access_token, session_of
from otms.accounts.authentication import bearer
from otms.accounts.lockout import Attempt
from otms.accounts.models import LastOwner, SecondFactor, Session, SpentToken, User
from otms.accounts.serializers import (
    ListedPersonSerializer,
    LoginSerializer,
    OpenedSessionSerializer,
    OtpLoginSerializer,
    PersonExampleSerializer,
    PersonSerializer,
    RefreshSerializer,
    SessionSerializer,
)
from otms.accounts.session import GOOD_FOR
from otms.address import caller_address
from otms.api.errors import Conflict
from otms.api.router import route, router
from otms.api.views import PlatformViewSet, RoutedViewSet

OPENED = {"session": OpenedSessionSerializer}
ONE = {"session": SessionSerializer}
MANY = {"sessions": SessionSerializer(many=True), "totalResults": serializers.IntegerField()}
PEOPLE = {"users": ListedPersonSerializer(many=True), "totalResults": serializers.IntegerField()}


class UserViewSet(RoutedViewSet):
    """People: log in, stay logged in. Who shows no token yet may be guessing."""

    group = "User"

    @route(
        "POST",
        "user/login",
        "login:user",
        takes=LoginSerializer,
        answers=OPENED,
        public=True,
        example={"username": "ann", "password": "correct horse battery staple"},
    )
    def login(self, request: Any) -> Response:
        """Log in with username and password; the access token is good for a day.

        With a second factor it is good for login:otp, for five minutes.
        """
        given = self.read(LoginSerializer).validated_data
        attempt = Attempt.to_log_in(given["username"], caller_address(request))
        user = authenticate(request._request, **given)
        if user:
            attempt.right()
        opened = self._start(user) if user else None
        if opened is None:
            attempt.wrong()
            # One answer for a wrong name and a wrong password: nobody learns who has an account.
            raise AuthenticationFailed("The username or the password is wrong.")
        return self._opened(*opened)

    @route(
        "POST",
        "user/login:otp",
        "login:otp",
        takes=OtpLoginSerializer,
        example={"username": "ann", "otp": "123456", "password": "correct horse battery staple"},
        answers=OPENED,
        public=True,
        shown_once=True,
    )
    def login_otp(self, request: Any) -> Response:
        """Log in with a code of the second factor, after a login or with the password beside it."""
        given = self.read(OtpLoginSerializer).validated_data
        half = None if "password" in given else self._half(given["username"])
        attempt = Attempt.to_log_in(given["username"], caller_address(request))
        user = (
            half.user
            if half
            else authenticate(
                request._request, username=given["username"], password=given["password"]
            )
        )
        factor = SecondFactor.of(user) if user else None
        if user and factor is None:
            attempt.right()
            raise Conflict(
                "This person has no second factor: POST /api/user/login lets them in without one."
            )
        right = factor is not None and factor.accepts(given["otp"])
        if right:
            attempt.right()
        opened = self._start(user, passed=True) if right else None
        if opened is None:
            attempt.wrong()
            if half:
                raise AuthenticationFailed("The code is wrong or was used before.")
            text = "The username, the password or the code is wrong, or the code was used before."
            raise AuthenticationFailed(text)
        if half:
            Session.end(half.pk)
        return self._opened(*opened)

    def _half(self, username: str) -> Session:
        """The session of a login that awaits its code."""
        session = session_of(bearer(self.request))
        if session is None:
            raise AuthenticationFailed(
                "Log in first: send the access_token that POST /api/user/login answers with as "
                '"Authorization: Bearer <access_token>", or the password beside the code.'
            )
        if not session.user.is_called(username):
            raise AuthenticationFailed("This access token is another person's.")
        if not session.awaits_code and session.passed_two_factor_authentication:
            raise Conflict("This session passed its second factor already; go on with it.")
        return session

    def _start(self, user: Any, passed: bool = False) -> tuple[Session, str | None] | None:
        return Session.start(
            user,
            ip=caller_address(self.request) or None,
            device=self.request.headers.get("User-Agent", ""),
            passed=passed,
        )

    @route(
        "POST",
        "user/refresh",
        "refresh:user",
        takes=RefreshSerializer,
        answers=OPENED,
        public=True,
        example={"refresh_token": "the one that the login answered"},
    )
    def refresh(self, request: Any) -> Response:
        """New tokens for a refresh token, which is good for this once."""
        given = self.read(RefreshSerializer).validated_data
        attempt = Attempt.with_token(caller_address(request))
        try:
            opened = Session.refresh(given["refresh_token"])
        except SpentToken:
            text = "This refresh token was used a moment ago: go on with what that call answered."
            raise Conflict(text) from None
        if opened is None:
            attempt.wrong()
            text = "This refresh token is unknown, used or expired, or its session ended: log in."
            raise AuthenticationFailed(text)
        return self._opened(*opened)

    def _opened(self, session: Session, refresh: str | None) -> Response:
        names = sorted({route.name for route in router.routes() if not route.public})
        names = [name for name in names if session.user.allows(name)]
        good_for = GOOD_FOR.get(session.owes, names)
        return Response(
            {
                "session": {
                    **shown([session])[0],
                    "access_token": access_token(session),
                    "refresh_token": refresh,
                    "permissions": [{"name": name} for name in sorted(good_for)],
                }
            }
        )


class SessionViewSet(PlatformViewSet):
    """Sessions: log out, see where one is logged in, end one."""

    model = Session
    noun = "session"
    group = "User"

    @cached_property
    def records(self) -> Any:
        return super().records.select_related("user")

    @route("POST", "user/logout", "logout:user", answers=ONE, own=True)
    def logout(self, request: Any) -> Response:
        """End the session of the token that is shown."""
        if not isinstance(request.auth, Session):
            raise ParseError(
                "A personal token has no session; revoke it with DELETE /api/user/token/{id}."
            )
        return self._ended(request.auth)

    @route(
        "GET",
        "user/<id:id>/sessions/<str:offset>/<str:amount>",
        "get:user:sessions",
        answers=MANY,
        own=True,
    )
    def sessions(self, request: Any, id: UUID, offset: str, amount: str) -> Response:
        """Where a person is, and was, logged in: oneself, or with this permission anybody."""
        if not User.objects.filter(platform=self.platform, pk=id).exists():
            raise NotFound(f"There is no user with the id {id}.")
        if id != request.user.pk and not request.user.allows("get:user:sessions"):
            raise PermissionDenied("The sessions of others are not among your permissions.")
        found = self.records.filter(user=id).order_by("-started_at", "id")
        return Response(self.paged("sessions", found, offset, amount, shown))

    @route("DELETE", "user/session/<id:id>", "delete:user:session", answers=ONE, own=True)
    def destroy(self, request: Any, id: UUID) -> Response:
        """End a session: one's own, or with this permission that of anybody who may no more."""
        session = self.record(id)
        if session.user != request.user and not self._may_end(session.user):
            raise PermissionDenied("Ending this session is not among your permissions.")
        return self._ended(session)

    def _may_end(self, person: User) -> bool:
        caller: Any = self.request.user
        return bool(caller.allows("delete:user:session") and caller.may_change(person))

    def _ended(self, session: Session) -> Response:
        Session.end(session.pk)
        session.refresh_from_db()
        return Response({"session": shown([session])[0]})


class PeopleViewSet(PlatformViewSet):
    """The people of the platform; they are invited in the admin."""

    model = User
    noun = "user"
    group = "User"
    serializer = PersonExampleSerializer
    searchable = {
        "id": "id",
        "username": "username__iexact",
        "email": "email__iexact",
        "firstName": "first_name__iexact",
        "lastName": "last_name__iexact",
        "role": "groups__name",
        "isActive": "is_active",
    }

    @cached_property
    def records(self) -> Any:
        return User.objects.filter(platform=self.platform)

    @route("GET", "users/<str:offset>/<str:amount>", "get:users", answers=PEOPLE)
    def list(self, request: Any, offset: str, amount: str) -> Response:
        """The people of the platform, by their names to log in with."""
        return Response(self.paged("users", self.listed(), offset, amount, people_shown))

    @route(
        "POST",
        "users/<str:offset>/<str:amount>",
        "search:users",
        takes=PersonExampleSerializer,
        answers=PEOPLE,
        example={"email": "ann@example.com"},
    )
    def search(self, request: Any, offset: str, amount: str) -> Response:
        """Search by example: a part of a person, texts in any case."""
        self.read(PersonExampleSerializer)
        found = self.listed().filter(**self.by_example())
        return Response(self.paged("users", found, offset, amount, people_shown))

    def listed(self) -> Any:
        mine = Session.objects.of(self.platform)
        seen = mine.filter(user=OuterRef("pk"), last_used_at__isnull=False)
        newest = seen.order_by("-last_used_at").values("last_used_at")[:1]
        found = self.records.annotate(
            has_factor=Q(second_factor__confirmed_at__isnull=False), last_seen=Subquery(newest)
        )
        return found.prefetch_related("groups").order_by("username", "id")

    @route("POST", "user/unblock/<id:id>", "unblock:user", answers={"user": PersonSerializer})
    def unblock(self, request: Any, id: UUID) -> Response:
        """Let a person in again who was blocked; they log in anew."""
        with transaction.atomic():
            person = self._of_mine(id, "Unblocking this person is not among your permissions.")
            person.is_active = True
            person.save(update_fields=["is_active"])
        return Response({"user": PersonSerializer(person).data})

    @route("POST", "user/unlock/<id:id>", "unlock:user", answers={"user": PersonSerializer})
    def unlock(self, request: Any, id: UUID) -> Response:
        """Let a person try to log in again at once after too many failed logins."""
        with transaction.atomic():
            person = self._of_mine(id, "Unlocking this person is not among your permissions.")
            person.unlock()
        return Response({"user": PersonSerializer(person).data})

    def _of_mine(self, id: UUID, refusal: str) -> User:
        """The person, held, unless they may more than the caller."""
        person: User = self.record(id, self.records.select_for_update(no_key=True))
        if not self.request.user.may_change(person):  # type: ignore[union-attr]
            raise PermissionDenied(refusal)
        return person

    @route("POST", "user/block/<id:id>", "block:user", answers={"user": PersonSerializer})
    def block(self, request: Any, id: UUID) -> Response:
        """Let a person in no more, and end every session; not one who may more than you."""
        with transaction.atomic():
            person = self._of_mine(id, "Blocking this person is not among your permissions.")
            if person == request.user:
                raise Conflict("Nobody blocks themselves: another owner has to.")
            if person.is_last_owner():
                raise Conflict(str(LastOwner()))
            person.is_active = False
            person.save(update_fields=["is_active"])
        return Response({"user": PersonSerializer(person).data})


def people_shown(people: Any) -> Any:
    return ListedPersonSerializer(people, many=True).data


def shown(sessions: Any) -> Any:
    return SessionSerializer(sessions, many=True).data
