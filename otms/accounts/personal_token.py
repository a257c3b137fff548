"""Tokens that people give to their own scripts."""

import hashlib
import secrets
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from otms.accounts import audit, difference
from otms.accounts.actor import PERSON, Actor
from otms.accounts.roles import BY_NAME, BY_ROLE
from otms.accounts.tenancy import Record
from otms.db.columns import Joined
from otms.db.fields import DocumentField
from otms.db.text import Text

if TYPE_CHECKING:
    from otms.accounts.models import User


def fingerprint(token: str) -> str:
    """What is kept of a token: it is long and random, so a plain SHA-256 can't be searched."""
    return hashlib.sha256(token.encode()).hexdigest()


class PersonalToken(Record):
    """A token for a person's own scripts; shown once, kept as a hash."""

    PREFIX = "otms_pat_"
    LIFETIME = timedelta(days=90)  # unless they say another
    LONGEST = timedelta(days=366)

    user = models.ForeignKey(
        "accounts.User", models.CASCADE, related_name="tokens", verbose_name=_("user")
    )
    name = models.CharField(_("name"), max_length=200)
    hash = models.CharField(max_length=64, unique=True, editable=False)
    # The names of the calls it is good for; null: whatever its person may do.
    permissions = DocumentField(null=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)  # otms.db.touch
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("personal token")
        verbose_name_plural = _("personal tokens")

    def __str__(self) -> str:
        return self.name

    @property
    def counted_as(self) -> str:
        """Whose calls these are: more tokens are no more calls."""
        return f"person {self.user_id}"

    @property
    def actor(self) -> Actor:
        """Who it is that shows this token."""
        return Actor(PERSON, self.user.username, self.user_id, f"token {self.name}")

    @classmethod
    def generate(cls, user: "User", name: str, **fields: Any) -> tuple["PersonalToken", str]:
        """A new token of this person, and its text, which nobody can read again."""
        token = cls.PREFIX + secrets.token_urlsafe(32)
        kept = cls.objects.create(
            user=user, platform=user.platform, name=name, hash=fingerprint(token), **fields
        )
        return kept, token

    @classmethod
    def create(
        cls, user: "User", name: str, permissions: list[str] | None, lifetime: timedelta
    ) -> tuple["PersonalToken", str]:
        """A new token that a person asked for, and its text."""
        with transaction.atomic():
            kept, token = cls.generate(
                user, name, permissions=permissions, expires_at=now() + lifetime
            )
            after = {"permissions": permissions, "expiresAt": kept.expires_at}
            audit.record("create:user:token", kept, difference.changes({}, after))
        return kept, token

    def allows(self, permission: str) -> bool:
        """Is it good for this call? What its person may do is another question."""
        return self.permissions is None or permission in self.permissions

    @property
    def living(self) -> bool:
        return not self.revoked_at and (self.expires_at is None or self.expires_at > now())

    def revoke(self) -> bool:
        """Refuse it from now on; False when it was revoked before."""
        living = PersonalToken.objects.across_platforms().filter(pk=self.pk, revoked_at=None)
        with transaction.atomic():
            revoked = bool(living.update(revoked_at=now(), updated_at=now()))
            if revoked:
                audit.record("delete:user:token", self)
        return revoked

    @classmethod
    def valid(cls, token: str, asking: str = "") -> "PersonalToken | None":
        """The token with this text, unless it is revoked, expired or its person is inactive.

        Its person knows whether they may do what is `asking`, the name of a call.
        """
        values = {"hash": fingerprint(token), "asking": asking}
        for found, user, platform, may in _whole().records("default", **values):
            found.user, user.platform = user, platform
            user.knows(asking, bool(may))
            return found if found.living else None
        return None


@cache
def _whole() -> Joined:
    """A token with its person, their platform, and whether they may do what is asked for.

    Every call that shows one looks for it.
    """
    user: Any = PersonalToken._meta.get_field("user").related_model
    platform: Any = PersonalToken._meta.get_field("platform").related_model
    return Joined(
        """
  FROM accounts_personaltoken
  JOIN accounts_user ON accounts_user.id = accounts_personaltoken.user_id
  JOIN accounts_platform ON accounts_platform.id = accounts_user.platform_id
 WHERE hash = %(hash)s AND revoked_at IS NULL AND is_active
""",
        PersonalToken,
        user,
        platform,
        beside=Text(
            f"(EXISTS ({BY_ROLE}) OR EXISTS ({BY_NAME}))",
            user="accounts_user.id",
            these="AND p.codename = %(asking)s",
        ).sql,
    )
