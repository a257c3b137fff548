"""Platform (the tenant) and its users. Django looks here for what they have: tokens, sessions."""

import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractUser, Group, Permission
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from otms.accounts import audit, difference, notices
from otms.accounts.audit import AuditEntry
from otms.accounts.lockout import FailedTries, unlock
from otms.accounts.personal_token import PersonalToken, fingerprint
from otms.accounts.roles import BY_NAME, BY_ROLE, OWNER, ROLES, Role
from otms.accounts.second_factor import RecoveryCode, SecondFactor
from otms.accounts.session import Session, SpentRefresh, SpentToken
from otms.db.text import Text

__all__ = [
    "AuditEntry",
    "FailedTries",
    "LastOwner",
    "PersonalToken",
    "Platform",
    "RecoveryCode",
    "SecondFactor",
    "Session",
    "SpentRefresh",
    "SpentToken",
    "User",
    "fingerprint",
]


class NoSuchPlatform(LookupError):
    """Nobody's platform is called that; the message says which there are."""

    def __init__(self, name: str) -> None:
        names = ", ".join(Platform.objects.order_by("name").values_list("name", flat=True)[:20])
        there = names or "none; createplatform makes one"
        super().__init__(f"There is no platform {name!r}. There are: {there}.")


class Platform(models.Model):
    """The tenant: every record belongs to one, nobody sees another's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    @classmethod
    def called(cls, name: str) -> "Platform":
        """The one that a command names."""
        if found := cls.objects.filter(name=name).first():
            return found
        raise NoSuchPlatform(name)


class LastOwner(Exception):
    """A platform would have been left without an owner."""

    def __init__(self) -> None:
        super().__init__(
            gettext("This is the last owner of the platform: make somebody else owner first.")
        )


GRANTED_TO = f"{BY_ROLE} UNION {BY_NAME}"
GRANTED = Text(GRANTED_TO, user="%(user)s", these="")
GRANTED_THIS = Text(GRANTED_TO, user="%(user)s", these="AND p.codename = %(name)s")
# What the audit trail tells of a person, by its name on the wire.
AUDITED = {
    "username": "username",
    "firstName": "first_name",
    "lastName": "last_name",
    "email": "email",
    "isActive": "is_active",
    "isStaff": "is_staff",
    "isSuperuser": "is_superuser",
}


class UserManager(DjangoUserManager["User"]):
    def called(self, name: str) -> "User | None":
        """Who logs in with this name, in whatever case it is written: most are e-mail addresses."""
        return self.alias(plain=Lower("username")).filter(plain=Lower(models.Value(name))).first()

    def get_by_natural_key(self, username: str | None) -> "User":
        """Django asks this for who logs in."""
        if found := self.called(username or ""):
            return found
        raise self.model.DoesNotExist

    def create_superuser(
        self,
        username: str,
        email: str | None = None,
        password: str | None = None,
        **fields: Any,
    ) -> "User":
        """The operator of a deployment gets a platform when none is named."""
        if "platform" not in fields:
            fields["platform"] = Platform.objects.order_by("created_at").first() or (
                Platform.objects.create(name="Main")
            )
        return super().create_superuser(username, email, password, **fields)


class User(AbstractUser):
    """A person of one platform."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    platform = models.ForeignKey(Platform, models.PROTECT, related_name="users")

    is_person = True
    _asked = False
    _known: Mapping[str, bool] = MappingProxyType({})
    objects = UserManager()  # type: ignore[misc]

    class Meta(AbstractUser.Meta):  # type: ignore[name-defined]
        constraints = (
            models.UniqueConstraint(
                Lower("username"),
                name="one_name_in_any_case",
                violation_error_message=_(
                    "Somebody has this username already, if in another case."
                ),
            ),
        )

    def is_called(self, name: str) -> bool:
        """Is this the name that they log in with, in whatever case?"""
        return self.get_username().lower() == name.lower()

    def allows(self, permission: str) -> bool:
        """Is this among what the person may do, inside the own platform? A superuser may all.

        Most calls ask of one name. Whoever asks again, as every page of the admin does, will ask
        of many: then all are looked up.
        """
        if self.is_superuser or not self.is_active:
            return self.is_active
        if self._asked or "granted" in self.__dict__:
            return permission in self.granted
        self._asked = True
        if permission in self._known:
            return self._known[permission]
        return bool(GRANTED_THIS.rows("default", user=self.pk, name=permission))

    def knows(self, permission: str, may: bool) -> None:
        """Keep what was read with the person: may they do this?"""
        self._known = {permission: may}

    @cached_property
    def granted(self) -> frozenset[str]:
        """What this person was given by role or by name, if only for when they are active again."""
        return frozenset(name for (name,) in GRANTED.rows("default", user=self.pk))

    def may_change(self, person: "User") -> bool:
        """Nobody changes a person who may more: with the password one gets all of it."""
        if self.is_superuser or person.is_superuser:
            return self.is_superuser
        return person.granted <= self.granted

    @property
    def role(self) -> str:
        """The name of the role; "" for who has none, and may nothing but log in."""
        known = {role.name for role in ROLES}
        return next((group.name for group in self.groups.all() if group.name in known), "")

    @transaction.atomic
    def set_role(self, name: str) -> None:
        """Give this person the role with this name, or none, instead of the one they had."""
        before = self.role
        if name == before:
            return
        if before == OWNER.name and self.is_last_owner():
            raise LastOwner
        with audit.one_act():  # the one role goes, the other comes
            self.groups.set(Group.objects.filter(name=name))
        self.__dict__.pop("granted", None)

    def is_last_owner(self) -> bool:
        """Would nobody be left who may everything? Whoever asks at the same moment waits for us."""
        Platform.objects.select_for_update(no_key=True).get(pk=self.platform_id)
        active = User.objects.filter(platform=self.platform_id, is_active=True)
        owners = active.filter(groups__name=OWNER.name).values_list("pk", flat=True)
        return list(owners[:2]) == [self.pk]

    def assignable_roles(self) -> list[Role]:
        """The roles that this person may give to others: nobody gives more than they have."""
        if self.is_superuser:
            return list(ROLES)
        beyond = Permission.objects.exclude(codename__in=self.granted)
        within = Group.objects.exclude(permissions__in=beyond)
        names = set(within.values_list("name", flat=True))
        return [role for role in ROLES if role.name in names]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Who gets another password, or is made inactive, is logged out everywhere."""
        with transaction.atomic():
            before = self._stored()
            super().save(*args, **kwargs)
            after = self._stored()
            if before and any(before[name] != after[name] for name in ("password", "isActive")):
                Session.end_all(self)
            if changes := difference.changes(before, after):
                audit.record(_done(before, after), self, changes)

    def unlock(self) -> bool:
        """Let this person try to log in again at once; False when nothing had failed."""
        return unlock(self.get_username())

    def end_sessions(self) -> None:
        """Log this person out everywhere."""
        with transaction.atomic():
            Session.end_all(self)
            audit.record("end:user:sessions", self)
            notices.tell(self, "mail/logged_out.txt")

    def _stored(self) -> dict[str, Any]:
        """What opens a session, and what the audit trail tells of a person, as it is stored.

        Not all that was set is saved too.
        """
        found = User.objects.filter(pk=self.pk).values_list(*AUDITED.values(), "password").first()
        if found is None:
            return {}
        *told, password = found
        return {**dict(zip(AUDITED, told, strict=True)), "password": difference.Secret(password)}

    def check_password(self, raw_password: str) -> bool:
        """Is it the password? When its hash is weaker than those of today, it is hashed anew.

        Not by `save()`, to which that would be another password.
        """

        def upgrade(raw: str) -> None:
            self.password = make_password(raw)
            User.objects.filter(pk=self.pk).update(password=self.password)

        return check_password(raw_password, self.password, upgrade)


def _done(before: dict[str, Any], after: dict[str, Any]) -> str:
    """What saving a person was, as the audit trail calls it."""
    if not before:
        return "create:user"
    if before["isActive"] == after["isActive"]:
        return "update:user"
    return "unblock:user" if after["isActive"] else "block:user"
