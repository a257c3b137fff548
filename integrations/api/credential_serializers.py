"""What callers send and see of the credentials of an integration."""

from datetime import timedelta
from typing import Any

from rest_framework import serializers

from integrations.api.authentication import OWN
from integrations.api.serializers import LONGEST_OVERLAP, IsoDurationField
from integrations.models import Credential
from otms.api.serializers import IdField, WireSerializer

SHORTEST_LIFE, LONGEST_LIFE = timedelta(minutes=1), timedelta(days=3660)
STATES = ("valid", "ending", "expired", "revoked")


class GenerateCredentialsSerializer(WireSerializer):
    integration_id = IdField()
    name = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=100,
        help_text="Who it is for. A new credential takes the place of those of the same name.",
    )
    scopes = serializers.ListField(
        child=serializers.ChoiceField(sorted(OWN)),
        required=False,
        min_length=1,
        max_length=100,
        help_text="The calls it may make; left out: all that an integration may make.",
    )
    expires_in = IsoDurationField(
        required=False,
        min_value=SHORTEST_LIFE,
        max_value=LONGEST_LIFE,
        help_text="How long it works: P365D. Left out: until it is revoked.",
    )
    rate = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=100_000,
        help_text="How many calls it may make a minute; left out: the usual limit.",
    )
    keep_previous_for = IsoDurationField(
        required=False,
        min_value=timedelta(0),
        max_value=LONGEST_OVERLAP,
        help_text="How long the older pair still works, at most P90D: PT24H.",
    )


class CredentialSerializer(serializers.Serializer):
    """A credential as it is shown after its secrets were."""

    id = serializers.UUIDField()
    integrationId = serializers.UUIDField()
    name = serializers.CharField()
    apiKey = serializers.CharField()
    state = serializers.ChoiceField(STATES)
    scopes = serializers.ListField(child=serializers.CharField())
    rate = serializers.IntegerField(allow_null=True)
    createdAt = serializers.DateTimeField()
    expiresAt = serializers.DateTimeField(allow_null=True)
    revokedAt = serializers.DateTimeField(allow_null=True)
    lastUsedAt = serializers.DateTimeField(allow_null=True)
    lastUsedFrom = serializers.CharField(allow_null=True)


class CredentialsSerializer(serializers.Serializer):
    """Shown once; only hashes are kept."""

    id = serializers.UUIDField()
    integrationId = serializers.UUIDField()
    apiKey = serializers.CharField()
    apiSecret = serializers.CharField()
    token = serializers.CharField()
    createdAt = serializers.DateTimeField()
    expiresAt = serializers.DateTimeField(allow_null=True)
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    rate = serializers.IntegerField(allow_null=True)


def shown(credential: Credential) -> dict[str, Any]:
    return {
        "id": credential.pk,
        "integrationId": credential.integration_id,
        "name": credential.name,
        "apiKey": credential.api_key,
        "state": credential.state,
        "scopes": scopes_of(credential),
        "rate": credential.rate,
        "createdAt": credential.created_at,
        "expiresAt": credential.expires_at,
        "revokedAt": credential.revoked_at,
        "lastUsedAt": credential.last_used_at,
        "lastUsedFrom": credential.last_used_from,
    }


def scopes_of(credential: Credential) -> list[str]:
    """The calls that it may make."""
    return sorted(name for name in OWN if credential.allows(name))
