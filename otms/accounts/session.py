"""Logins, at the API and in the admin: sessions, and the refresh tokens that renewed them."""

import logging
import secrets
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models, transaction
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from otms.accounts import actor, audit
from otms.accounts.actor import PERSON, Actor
from otms.accounts.personal_token import fingerprint
from otms.accounts.second_factor import SecondFactor
from otms.accounts.tenancy import Record
from otms.db.touch import this_minute

if TYPE_CHECKING:
    from otms.accounts.models import User

log = logging.getLogger(__name__)


# What a session is good for while its person owes something, by what that is.
CODE, ENROLMENT = "code", "enrolment"
GOOD_FOR = {
    CODE: frozenset({"login:otp", "logout:user"}),
    ENROLMENT: frozenset(
        {
            "get:user:secondFactor",
            "begin:user:secondFactor",
            "confirm:user:secondFactor",
            "logout:user",
        }
    ),
}
FIRST = {
    CODE: "the code of the second factor comes first, with POST /api/user/login:otp",
    ENROLMENT: "this server wants a second factor of whoever uses the admin: turn it on first, "
    "with POST /api/user/secondFactor or in the admin",
}


class SpentToken(Exception):
    """A refresh token that another call used a moment ago: that call's answer has the next one."""


class Session(Record):
    """A login: access tokens are bound to it and die with it; a refresh token renews it once.

    One of the admin has no tokens: the cookie of a browser is bound to it (browser.py).
    """

    class Kind(models.TextChoices):
        API = "api", "API"
        ADMIN = "admin", _("admin")

    is_login = True  # shown by a person who logged in, not by their script

    CODE_LIFETIME = timedelta(minutes=5)  # to show the code of the second factor
    LIFETIME = timedelta(hours=24)  # of an access token
    REFRESH_LIFETIME = timedelta(days=14)
    LONGEST = timedelta(days=90)  # then a person logs in again, however often it was renewed
    GRACE = timedelta(seconds=10)  # decisions/0012

    user = models.ForeignKey(
        "accounts.User", models.CASCADE, related_name="sessions", verbose_name=_("user")
    )
    refresh_hash = models.CharField(max_length=64, unique=True, editable=False)
    ip = models.GenericIPAddressField(null=True, editable=False)
    device = models.CharField(_("device"), max_length=300, blank=True, editable=False)
    started_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    refresh_expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)  # otms.db.touch
    kind = models.CharField(
        _("kind"), max_length=8, choices=Kind.choices, default=Kind.API, editable=False
    )
    passed_two_factor_authentication = models.BooleanField(default=False)
    # The password was right, and that is half of it.
    awaits_code = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")

    def __str__(self) -> str:
        return f"{self.user} since {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def counted_as(self) -> str:
        """Whose calls those of this session are: all sessions of a person are one caller."""
        return f"person {self.user_id}"

    @property
    def actor(self) -> Actor:
        """Who it is that shows a token of this session."""
        return Actor(PERSON, self.user.username, self.user_id, "session")

    @property
    def owes(self) -> str:
        """What its person has to do before anything else."""
        if self.awaits_code:
            return CODE
        wanted = settings.OTMS_REQUIRE_SECOND_FACTOR == "staff" and self.user.is_staff
        return ENROLMENT if wanted and not self.passed_two_factor_authentication else ""

    def allows(self, permission: str) -> bool:
        """Is it good for this call? What its person may do is another question."""
        return not self.owes or permission in GOOD_FOR[self.owes]

    @property
    def instead(self) -> str:
        """What to do where it is good for nothing."""
        return FIRST.get(self.owes, "")

    @classmethod
    def start(
        cls,
        user: "User",
        *,
        ip: str | None,
        device: str,
        kind: str = Kind.API,
        passed: bool = False,
    ) -> tuple["Session", str | None] | None:
        """Log a person in; the session, and its refresh token if it may have one.

        `passed` says that they showed the code of their second factor, if they have one. None when
        the password is no longer the one that was looked at: hashing takes its time.
        """
        with transaction.atomic():
            # Whoever changes the password now waits for the session, and ends it.
            people = type(user).objects.select_for_update(no_key=True)
            if not people.filter(pk=user.pk, password=user.password, is_active=True).first():
                return None
            session = cls(user=user, platform=user.platform, ip=ip, device=device[:300], kind=kind)
            session.started_at, session.last_used_at = now(), this_minute()
            session.passed_two_factor_authentication = passed
            session.awaits_code = not passed and SecondFactor.of(user) is not None
            token = session._renew()
        return session, token if kind == cls.Kind.API and not session.awaits_code else None

    @classmethod
    def refresh(cls, token: str) -> tuple["Session", str | None] | None:
        """Renew the session of a refresh token, and spend it; the session and its next token.

        None for a token that is of no use. One that was spent before is in a second pair of hands:
        its session ends, unless that was so short ago that one caller may have asked twice.
        """
        spending = fingerprint(token)
        with transaction.atomic():
            # The second of two that show the same token waits here, and then finds it spent.
            living = cls.objects.across_platforms().select_for_update(of=("self",), no_key=True)
            usable = {"ended_at": None, "refresh_expires_at__gt": now(), "user__is_active": True}
            found = living.select_related("user__platform").filter(refresh_hash=spending, **usable)
            if session := found.first():
                SpentRefresh.objects.create(hash=spending, session=session)
                return session, session._renew()
            spent = SpentRefresh.objects.filter(hash=spending, session__ended_at=None).first()
            if spent and spent.spent_at <= now() - cls.GRACE:
                cls.end(spent.session_id)
                text = "A refresh token that was used before came again."
                audit.record("delete:user:session", spent.session, note=text)
                log.warning("a spent refresh token ended its session: %s", spent.session_id)
        if spent and spent.spent_at > now() - cls.GRACE:
            raise SpentToken
        return None

    def _renew(self) -> str:
        """Save it with a new refresh token, which nobody can read again."""
        token = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
        end = self.started_at + self.LONGEST
        self.refresh_hash = fingerprint(token)
        self.expires_at = min(now() + self._lifetime(), end)
        self.refresh_expires_at = self.expires_at
        if self.kind == self.Kind.API and not self.awaits_code:
            self.refresh_expires_at = min(now() + self.REFRESH_LIFETIME, end)
        self.save()
        return token

    def _lifetime(self) -> timedelta:
        if self.awaits_code:
            return self.CODE_LIFETIME
        if self.kind == self.Kind.ADMIN:
            return timedelta(seconds=settings.SESSION_COOKIE_AGE)
        return self.LIFETIME

    def passes(self) -> None:
        """Its person showed the code of their second factor in it."""
        self.passed_two_factor_authentication, self.awaits_code = True, False
        self.expires_at = max(self.expires_at, self.started_at + self._lifetime())
        self.save(
            update_fields=(
                "passed_two_factor_authentication",
                "awaits_code",
                "expires_at",
                "updated_at",
            )
        )

    def turns_on(self, factor: SecondFactor, code: str) -> list[str] | None:
        """Put a second factor in force with a first code; its recovery codes.

        Every other session of the person ends: it came in without.
        """
        with transaction.atomic():
            codes = factor.confirm(code)
            if codes is not None:
                self.passes()
                living = Session.objects.across_platforms().filter(user=self.user_id, ended_at=None)
                living.exclude(pk=self.pk).update(ended_at=now(), updated_at=now())
        return codes

    @classmethod
    def of_cookie(cls, id: str | None, user: "User") -> "Session | None":
        """The living session behind the cookie of a browser."""
        living = cls.objects.across_platforms().filter(ended_at=None, expires_at__gt=now())
        found = living.filter(pk=id, user=user, kind=cls.Kind.ADMIN).first() if id else None
        if found is not None:
            found.user = user
        return found

    @classmethod
    def end(cls, id: uuid.UUID | str) -> bool:
        """End this session, unless it ended before: it ends once."""
        living = cls.objects.across_platforms().filter(pk=id, ended_at=None)
        with transaction.atomic():
            session = living.select_related("user").first()
            ended = bool(living.update(ended_at=now(), updated_at=now()))
            who = actor.current().actor
            if ended and session and who.kind == PERSON and who.id != session.user_id:
                audit.record("delete:user:session", session)
        return ended

    @classmethod
    def end_all(cls, user: "User") -> None:
        """End every session of this person that has not ended yet."""
        living = cls.objects.across_platforms().filter(user=user, ended_at=None)
        living.update(ended_at=now(), updated_at=now())

    @classmethod
    def prune(cls, most: int) -> int:
        """Forget up to so many that have been over for as long as a session may last."""
        old = now() - cls.LONGEST
        over = models.Q(refresh_expires_at__lte=old) | models.Q(ended_at__lte=old)
        everywhere = cls.objects.across_platforms()
        ids = list(everywhere.filter(over).values_list("pk", flat=True)[:most])
        everywhere.filter(pk__in=ids).delete()
        return len(ids)

    @classmethod
    def valid(cls, id: str) -> "Session | None":
        """The session with this id, unless it ended or expired or its person is inactive."""
        return (
            cls.objects.across_platforms()
            .select_related("user__platform")
            .filter(pk=id, kind=cls.Kind.API, ended_at=None, expires_at__gt=now())
            .filter(user__is_active=True)
            .first()
        )


class SpentRefresh(models.Model):
    """A refresh token that was used: who shows it again has a copy."""

    hash = models.CharField(max_length=64, primary_key=True)
    session = models.ForeignKey(Session, models.CASCADE, related_name="spent", editable=False)
    spent_at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return f"spent {self.spent_at:%Y-%m-%d %H:%M}"

    @classmethod
    def prune(cls, most: int) -> int:
        """Forget up to so many of sessions that are over: there is nothing left to end."""
        over = models.Q(session__refresh_expires_at__lte=now()) | ~models.Q(session__ended_at=None)
        old = list(cls.objects.filter(over).values_list("pk", flat=True)[:most])
        return cls.objects.filter(pk__in=old).delete()[0]
