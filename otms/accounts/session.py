"""Logins: sessions, and the refresh tokens that renewed them."""

import logging
import secrets
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import models, transaction
from django.utils.timezone import now

from otms.accounts.actor import PERSON, Actor
from otms.accounts.personal_token import fingerprint
from otms.accounts.tenancy import Record

if TYPE_CHECKING:
    from otms.accounts.models import User

log = logging.getLogger(__name__)


class SpentToken(Exception):
    """A refresh token that another call used a moment ago: that call's answer has the next one."""


class Session(Record):
    """A login: access tokens are bound to it and die with it; a refresh token renews it once."""

    LIFETIME = timedelta(hours=24)  # of an access token
    REFRESH_LIFETIME = timedelta(days=14)
    LONGEST = timedelta(days=90)  # then a person logs in again, however often it was renewed
    GRACE = timedelta(seconds=10)  # decisions/0012

    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="sessions")
    refresh_hash = models.CharField(max_length=64, unique=True, editable=False)
    ip = models.GenericIPAddressField(null=True, editable=False)
    device = models.CharField(max_length=300, blank=True, editable=False)
    started_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    refresh_expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    passed_two_factor_authentication = models.BooleanField(default=False)

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

    @classmethod
    def start(cls, user: "User", *, ip: str | None, device: str) -> tuple["Session", str] | None:
        """Log a person in; the session and its refresh token.

        None when the password is no longer the one that was looked at: hashing takes its time.
        """
        with transaction.atomic():
            # Whoever changes the password now waits for the session, and ends it.
            people = type(user).objects.select_for_update(no_key=True)
            if not people.filter(pk=user.pk, password=user.password, is_active=True).first():
                return None
            session = cls(user=user, platform=user.platform, ip=ip, device=device[:300])
            session.started_at = now()
            return session, session._renew()

    @classmethod
    def refresh(cls, token: str) -> tuple["Session", str] | None:
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
                log.warning("a spent refresh token ended its session: %s", spent.session_id)
        if spent and spent.spent_at > now() - cls.GRACE:
            raise SpentToken
        return None

    def _renew(self) -> str:
        """Save it with a new refresh token, which nobody can read again."""
        token = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
        end = self.started_at + self.LONGEST
        self.refresh_hash = fingerprint(token)
        self.expires_at = min(now() + self.LIFETIME, end)
        self.refresh_expires_at = min(now() + self.REFRESH_LIFETIME, end)
        self.save()
        return token

    @classmethod
    def end(cls, id: uuid.UUID) -> None:
        """End this session, unless it ended before: it ends once."""
        living = cls.objects.across_platforms().filter(pk=id, ended_at=None)
        living.update(ended_at=now(), updated_at=now())

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
            .filter(pk=id, ended_at=None, expires_at__gt=now(), user__is_active=True)
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
