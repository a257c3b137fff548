"""Credential: what an outside system shows to act as one integration."""

import secrets
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, Self

from django.db import models, transaction
from django.utils.timezone import now
from django.utils.translation import gettext

from integrations.models.integration import Integration
from otms.accounts import audit, difference
from otms.accounts.actor import INTEGRATION, Actor
from otms.accounts.models import fingerprint
from otms.accounts.tenancy import PlatformQuerySet, Record
from otms.db.at_once import update_at_once
from otms.db.fields import DocumentField
from otms.documents import timestamp

USE_NOTED = timedelta(minutes=1)


class CredentialQuerySet(PlatformQuerySet["Credential"]):
    # Those that have ended are found too: who shows their secret is told why they are refused.

    def with_token(self, token: str) -> "Credential | None":
        return self._of_anyone().filter(token_hash=fingerprint(token)).first()

    def with_pair(self, key: str, secret: str) -> "Credential | None":
        """The credential with this key and this secret.

        What is compared is a hash, of which a guess is no part: neither the answer nor its time
        tells whether there is such a key.
        """
        if not key.isprintable():  # no key of ours holds what PostgreSQL refuses to be asked for
            return None
        return self._of_anyone().filter(api_key=key, secret_hash=fingerprint(secret)).first()

    def _of_anyone(self) -> Self:
        return self.across_platforms().select_related("integration__platform")


class Credential(Record):
    """A key and a secret, or one token, of one integration; shown once, kept as hashes.

    The credentials of an integration that have different names are for different systems: a new
    one takes the place of those of its name.
    """

    PREFIX = "otms_int_"

    integration = models.ForeignKey(Integration, models.CASCADE, related_name="credentials")
    api_key = models.CharField(max_length=60, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    name = models.CharField(max_length=100, blank=True)
    # Of the calls that an integration may make; null is all of them.
    scopes = DocumentField(null=True, editable=False)
    rate = models.PositiveIntegerField(null=True, blank=True)  # calls a minute; null is the usual
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    last_used_from = models.GenericIPAddressField(null=True, editable=False)

    # Until when an older one was to work that it ended earlier; known to who generates it.
    cut: datetime | None = None

    objects = CredentialQuerySet.as_manager()  # type: ignore[misc]

    def __str__(self) -> str:
        return self.api_key

    @property
    def actor(self) -> Actor:
        """Who it is that shows this credential."""
        return Actor(INTEGRATION, self.integration.name, self.integration_id, self.api_key)

    @property
    def cut_short(self) -> str:
        """That an older one ends before the moment that was promised; "" if none does."""
        if self.cut is None:
            return ""
        text = gettext(
            "An older one was to work until {time} UTC and ends earlier: "
            "who shows it then is refused."
        )
        return text.format(time=f"{self.cut:%Y-%m-%d %H:%M}")

    @property
    def state(self) -> str:
        """`valid`, `ending` (revoked from a moment in the future on), `expired` or `revoked`."""
        moment = now()
        if self.revoked_at and self.revoked_at <= moment:
            return "revoked"
        if self.expires_at and self.expires_at <= moment:
            return "expired"
        return "ending" if self.revoked_at else "valid"

    @property
    def ended(self) -> str:
        """Why it opens nothing any more, in words; "" while it does."""
        if self.integration.deleted_at:
            return "is of an integration that was deleted"
        if self.state == "revoked":
            return f"was revoked at {self.revoked_at:%Y-%m-%d %H:%M:%S} UTC"
        if self.state == "expired":
            return f"expired at {self.expires_at:%Y-%m-%d %H:%M:%S} UTC"
        return ""

    def allows(self, permission: str) -> bool:
        return self.scopes is None or permission in self.scopes

    @classmethod
    @transaction.atomic
    def generate(
        cls,
        integration: Integration,
        *,
        name: str = "",
        revoke_older_at: datetime | None = None,
        **fields: Any,
    ) -> tuple["Credential", dict[str, Any]]:
        """A new credential and its secrets.

        The older ones of the same name end now, or at the given moment.
        """
        end = revoke_older_at or now()
        living = cls.objects.of(integration.platform).filter(integration=integration, name=name)
        cut = living.filter(revoked_at__gt=end).aggregate(last=models.Max("revoked_at"))["last"]
        older = living.filter(models.Q(revoked_at=None) | models.Q(revoked_at__gt=end))
        ended = older.update(revoked_at=end)
        shown = {
            "apiKey": "otms_key_" + secrets.token_hex(12),
            "apiSecret": secrets.token_urlsafe(32),
            "token": cls.PREFIX + secrets.token_urlsafe(32),
        }
        kept = cls.objects.create(
            platform_id=integration.platform_id,
            integration=integration,
            name=name,
            api_key=shown["apiKey"],
            secret_hash=fingerprint(shown["apiSecret"]),
            token_hash=fingerprint(shown["token"]),
            **fields,
        )
        kept.cut = cut
        expires = {"expiresAt": timestamp(kept.expires_at)} if kept.expires_at else {}
        said = {"apiKey": kept.api_key, "name": name, "scopes": kept.scopes, "rate": kept.rate}
        changes = difference.changes({}, {**said, **expires})
        note = f"Older ones are good until {end:%Y-%m-%d %H:%M} UTC." if ended else ""
        audit.record("generate:integration:credentials", integration, changes, note)
        return kept, shown

    @transaction.atomic
    def revoke(self) -> bool:
        """Refuse it from now on; False when it was over before."""
        moment = now()
        living = Credential.objects.of(self.platform_id).filter(pk=self.pk)
        living = living.filter(models.Q(revoked_at=None) | models.Q(revoked_at__gt=moment))
        if not living.update(revoked_at=moment, updated_at=moment):
            return False
        audit.record("delete:integration:credential", self)
        return True

    def used(self, address: str) -> None:
        """Note that it is used, and from where: once a minute, and only if nobody has to wait."""
        moment = now()
        if self.last_used_at and self.last_used_at > moment - USE_NOTED:
            return
        try:
            found: str | None = str(ip_address(address))
        except ValueError:  # such as of a Unix socket
            found = None
        same = Credential.objects.of(self.platform_id).filter(
            models.Q(last_used_at=None) | models.Q(last_used_at__lte=moment - USE_NOTED), pk=self.pk
        )
        update_at_once(same, last_used_at=moment, last_used_from=found)
