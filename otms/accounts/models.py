"""Platform (the tenant), its users, their tokens and sessions."""

import hashlib
import logging
import secrets
import uuid
from datetime import timedelta
from typing import Any

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractUser, Permission
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models, transaction
from django.utils.timezone import now

from otms.accounts.actor import PERSON, Actor
from otms.accounts.audit import AuditEntry as AuditEntry
from otms.accounts.tenancy import Record

log = logging.getLogger(__name__)


class Platform(models.Model):
    """The tenant: every record belongs to one, nobody sees another's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class UserManager(DjangoUserManager["User"]):
    def create_superuser(
        self,
        username: str,
        email: str | None = None,
        password: str | None = None,
        **fields: Any,
    ) -> "User":
        """The first administrator of a deployment gets a platform when none is named."""
        if "platform" not in fields:
            fields["platform"] = Platform.objects.order_by("created_at").first() or (
                Platform.objects.create(name="Main")
            )
        return super().create_superuser(username, email, password, **fields)


class User(AbstractUser):
    """A person of one platform."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    platform = models.ForeignKey(Platform, models.PROTECT, related_name="users")

    objects = UserManager()  # type: ignore[misc]

    def allows(self, permission: str) -> bool:
        """May this person make this call? Everybody may do all inside the own platform."""
        return self.is_active

    def may_change(self, person: "User") -> bool:
        """Nobody changes a person who may more: with the password one gets all of it."""
        if self.is_superuser or person.is_superuser:
            return self.is_superuser
        return person.granted() <= self.granted()

    def granted(self) -> set[int]:
        """The permissions this person was given, if only for when they are active again."""
        given = models.Q(user=self) | models.Q(group__user=self)
        return set(Permission.objects.filter(given).values_list("pk", flat=True))

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Who gets another password, or is made inactive, is logged out everywhere."""
        with transaction.atomic():
            before = self._stored_key()
            super().save(*args, **kwargs)
            if before and before != self._stored_key():
                Session.end_all(self)

    def _stored_key(self) -> tuple[str, bool] | None:
        """What opens a session, as it is stored: not all that was set is saved too."""
        stored = User.objects.filter(pk=self.pk)
        return stored.values_list("password", "is_active").first()

    def check_password(self, raw_password: str) -> bool:
        """Is it the password? When its hash is weaker than those of today, it is hashed anew.

        Not by `save()`, to which that would be another password.
        """

        def upgrade(raw: str) -> None:
            self.password = make_password(raw)
            User.objects.filter(pk=self.pk).update(password=self.password)

        return check_password(raw_password, self.password, upgrade)


def fingerprint(token: str) -> str:
    """What is kept of a token: it is long and random, so a plain SHA-256 can't be searched."""
    return hashlib.sha256(token.encode()).hexdigest()


class PersonalToken(Record):
    """A token for a person's own scripts; shown once, kept as a hash."""

    PREFIX = "otms_pat_"

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=200)
    hash = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name

    @property
    def actor(self) -> Actor:
        """Who it is that shows this token."""
        return Actor(PERSON, self.user.username, self.user_id, f"token {self.name}")

    @classmethod
    def generate(cls, user: User, name: str, **fields: Any) -> tuple["PersonalToken", str]:
        """A new token of this person, and its text, which nobody can read again."""
        token = cls.PREFIX + secrets.token_urlsafe(32)
        kept = cls.objects.create(
            user=user, platform=user.platform, name=name, hash=fingerprint(token), **fields
        )
        return kept, token

    def revoke(self) -> bool:
        """Refuse it from now on; False when it was revoked before."""
        living = PersonalToken.objects.across_platforms().filter(pk=self.pk, revoked_at=None)
        return bool(living.update(revoked_at=now(), updated_at=now()))

    @classmethod
    def valid(cls, token: str) -> "PersonalToken | None":
        """The token with this text, unless it is revoked, expired or its person is inactive."""
        found = (
            cls.objects.across_platforms()
            .select_related("user__platform")
            .filter(hash=fingerprint(token), revoked_at=None, user__is_active=True)
            .first()
        )
        return found if found and (found.expires_at is None or found.expires_at > now()) else None


class SpentToken(Exception):
    """A refresh token that another call used a moment ago: that call's answer has the next one."""


class Session(Record):
    """A login: access tokens are bound to it and die with it; a refresh token renews it once."""

    LIFETIME = timedelta(hours=24)  # of an access token
    REFRESH_LIFETIME = timedelta(days=14)
    LONGEST = timedelta(days=90)  # then a person logs in again, however often it was renewed
    GRACE = timedelta(seconds=10)  # decisions/0012

    user = models.ForeignKey(User, models.CASCADE, related_name="sessions")
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
    def actor(self) -> Actor:
        """Who it is that shows a token of this session."""
        return Actor(PERSON, self.user.username, self.user_id, "session")

    @classmethod
    def start(cls, user: User, *, ip: str | None, device: str) -> tuple["Session", str] | None:
        """Log a person in; the session and its refresh token.

        None when the password is no longer the one that was looked at: hashing takes its time.
        """
        with transaction.atomic():
            # Whoever changes the password now waits for the session, and ends it.
            people = User.objects.select_for_update(no_key=True)
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
    def end_all(cls, user: User) -> None:
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
