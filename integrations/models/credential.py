"""Credential: what an outside system shows to act as one integration."""

import secrets
from datetime import datetime
from typing import Any, Self

from django.db import models, transaction
from django.utils.timezone import now

from integrations.models.integration import Integration
from otms.accounts.actor import INTEGRATION, Actor
from otms.accounts.models import fingerprint
from otms.accounts.tenancy import PlatformQuerySet, Record


class CredentialQuerySet(PlatformQuerySet["Credential"]):
    def valid(self) -> Self:
        """Not revoked, not expired, of an integration that was not deleted."""
        moment = now()
        return self.filter(integration__deleted_at=None).filter(
            models.Q(revoked_at=None) | models.Q(revoked_at__gt=moment),
            models.Q(expires_at=None) | models.Q(expires_at__gt=moment),
        )

    def with_token(self, token: str) -> "Credential | None":
        return self._of_anyone().filter(token_hash=fingerprint(token)).first()

    def with_pair(self, key: str, secret: str) -> "Credential | None":
        """The credential with this key, if the secret is right (compared in constant time)."""
        # No key of ours holds what PostgreSQL refuses to be asked for.
        found = self._of_anyone().filter(api_key=key).first() if key.isprintable() else None
        expected = found.secret_hash if found else fingerprint("")
        right = secrets.compare_digest(expected, fingerprint(secret))
        return found if right else None

    def _of_anyone(self) -> Self:
        return self.across_platforms().valid().select_related("integration__platform")


class Credential(Record):
    """A key and a secret, or one token, of one integration; shown once, kept as hashes."""

    PREFIX = "otms_int_"

    integration = models.ForeignKey(Integration, models.CASCADE, related_name="credentials")
    api_key = models.CharField(max_length=60, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = CredentialQuerySet.as_manager()  # type: ignore[misc]

    def __str__(self) -> str:
        return self.api_key

    @property
    def actor(self) -> Actor:
        """Who it is that shows this credential."""
        return Actor(INTEGRATION, self.integration.name, self.integration_id, self.api_key)

    @classmethod
    @transaction.atomic
    def generate(
        cls, integration: Integration, *, revoke_older_at: datetime | None = None
    ) -> tuple["Credential", dict[str, Any]]:
        """A new credential and its secrets; the older ones end now, or at the given moment."""
        end = revoke_older_at or now()
        living = cls.objects.of(integration.platform).filter(integration=integration)
        living.filter(models.Q(revoked_at=None) | models.Q(revoked_at__gt=end)).update(
            revoked_at=end
        )
        shown = {
            "apiKey": "otms_key_" + secrets.token_hex(12),
            "apiSecret": secrets.token_urlsafe(32),
            "token": cls.PREFIX + secrets.token_urlsafe(32),
        }
        kept = cls.objects.create(
            platform_id=integration.platform_id,
            integration=integration,
            api_key=shown["apiKey"],
            secret_hash=fingerprint(shown["apiSecret"]),
            token_hash=fingerprint(shown["token"]),
        )
        return kept, shown
