"""AppAccessToken: what the system behind an installed app shows to call the API."""

import secrets
from typing import Any

from django.db import models

from otms.accounts.actor import APP, Actor
from otms.accounts.models import fingerprint
from otms.accounts.tenancy import Record
from otms.db.fields import DocumentField


class AppAccessToken(Record):
    """A token of one installation, with the permissions it was granted; kept as a hash."""

    PREFIX = "otms_app_"

    installation = models.ForeignKey(
        "integrations.AppInstallation", models.CASCADE, related_name="tokens"
    )
    hash = models.CharField(max_length=64, unique=True, editable=False)
    permissions = DocumentField(default=list, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"token of {self.installation}"

    @property
    def actor(self) -> Actor:
        """Who it is that shows this token."""
        return Actor(APP, self.installation.name, self.installation_id, "access token")

    @classmethod
    def generate(
        cls, installation: Any, permissions: list[str]
    ) -> tuple["AppAccessToken", dict[str, Any]]:
        """A new token of this installation, and how it is shown, this once."""
        token = cls.PREFIX + secrets.token_urlsafe(32)
        kept = cls.objects.create(
            platform_id=installation.platform_id,
            installation=installation,
            hash=fingerprint(token),
            permissions=permissions,
        )
        return kept, {"id": str(kept.pk), "token": token, "permissions": permissions}

    @classmethod
    def valid(cls, token: str) -> "AppAccessToken | None":
        """The token with this text, unless it was revoked."""
        everywhere = cls.objects.across_platforms().select_related("installation__platform")
        return everywhere.filter(hash=fingerprint(token), revoked_at=None).first()
