"""Platform (the tenant) and its users. Django looks here for what they have: tokens, sessions."""

import uuid
from typing import Any

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractUser, Permission
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models, transaction

from otms.accounts.audit import AuditEntry
from otms.accounts.lockout import FailedTries
from otms.accounts.personal_token import PersonalToken, fingerprint
from otms.accounts.session import Session, SpentRefresh, SpentToken

__all__ = [
    "AuditEntry",
    "FailedTries",
    "PersonalToken",
    "Platform",
    "Session",
    "SpentRefresh",
    "SpentToken",
    "User",
    "fingerprint",
]


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
