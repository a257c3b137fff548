"""What login and refresh read, and the shapes of a session."""

from datetime import timedelta
from typing import Any

from rest_framework import serializers

from otms.accounts.models import PersonalToken, Session
from otms.accounts.roles import ROLES
from otms.api.serializers import IdField, IsoDurationField, WireSerializer


class LoginSerializer(WireSerializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False, write_only=True)


class CodeField(serializers.CharField):
    """Six digits of an app, or a recovery code."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=40, write_only=True, **kwargs)


class PasswordSerializer(WireSerializer):
    password = serializers.CharField(max_length=4096, trim_whitespace=False, write_only=True)


class CodeSerializer(WireSerializer):
    otp = CodeField()


class ProofSerializer(PasswordSerializer, CodeSerializer):
    """Who one is, shown anew."""


class OtpLoginSerializer(WireSerializer):
    username = serializers.CharField(max_length=150)
    otp = CodeField()
    password = serializers.CharField(
        max_length=4096,
        required=False,
        trim_whitespace=False,
        write_only=True,
        help_text="For scripts; without it the access token of POST /api/user/login is shown.",
    )


class SecondFactorSerializer(serializers.Serializer):
    """How the second step of a person's login stands."""

    enabled = serializers.BooleanField()
    confirmedAt = serializers.DateTimeField(allow_null=True)
    recoveryCodesLeft = serializers.IntegerField()
    wanted = serializers.BooleanField(help_text="Does this server want one of this person?")


class BegunSerializer(serializers.Serializer):
    """What an app on the phone makes its codes from, until a first code confirms it."""

    secret = serializers.CharField(help_text="In base 32, to be typed.")
    uri = serializers.CharField(help_text="As a QR code to be scanned.")


class TokenRequestSerializer(WireSerializer):
    name = serializers.CharField(max_length=200)
    permissions = serializers.ListField(
        child=serializers.CharField(max_length=80),
        required=False,
        allow_null=True,
        allow_empty=False,
        max_length=500,
        help_text="Names of calls; null, or left out: whatever its person may do.",
    )
    expires_in = IsoDurationField(
        required=False,
        min_value=timedelta(minutes=1),
        max_value=PersonalToken.LONGEST,
        help_text="At most P366D; P90D if left out.",
    )


class PersonalTokenSerializer(serializers.Serializer):
    """A token of a person's own scripts, without its text."""

    id = serializers.UUIDField()
    primaryPlatformId = serializers.UUIDField(source="platform_id")
    name = serializers.CharField()
    permissions = serializers.ListField(child=serializers.CharField(), allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at")
    expiresAt = serializers.DateTimeField(source="expires_at", allow_null=True)
    lastUsedAt = serializers.DateTimeField(source="last_used_at", allow_null=True)
    revokedAt = serializers.DateTimeField(source="revoked_at", allow_null=True)


class NewTokenSerializer(PersonalTokenSerializer):
    """With its text, which is shown this once."""

    token = serializers.CharField()


class RefreshSerializer(WireSerializer):
    refresh_token = serializers.CharField(max_length=255, write_only=True)

    def get_fields(self) -> Any:
        """As the vendor writes it: the two tokens are its only snake_case keys."""
        return serializers.Serializer.get_fields(self)


class PermissionSerializer(serializers.Serializer):
    name = serializers.CharField()


class PersonSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    username = serializers.CharField()


class ListedPersonSerializer(PersonSerializer):
    """A person as a list of all shows them."""

    primaryPlatformId = serializers.UUIDField(source="platform_id")
    email = serializers.CharField()
    firstName = serializers.CharField(source="first_name")
    lastName = serializers.CharField(source="last_name")
    role = serializers.CharField(help_text="Empty: may log in, and nothing else.")
    isActive = serializers.BooleanField(source="is_active")
    isStaff = serializers.BooleanField(source="is_staff", help_text="May use the admin.")
    secondFactor = serializers.BooleanField(source="has_factor", help_text="Is it on?")
    lastSeen = serializers.DateTimeField(
        source="last_seen", allow_null=True, help_text="In the newest session, to the minute."
    )


class PersonExampleSerializer(WireSerializer):
    """A part of a person, to search for."""

    id = IdField(required=False)
    username = serializers.CharField(max_length=150, required=False)
    email = serializers.CharField(max_length=254, required=False)
    first_name = serializers.CharField(max_length=150, required=False)
    last_name = serializers.CharField(max_length=150, required=False)
    role = serializers.ChoiceField([role.name for role in ROLES], required=False)
    is_active = serializers.BooleanField(required=False)


class SessionSerializer(serializers.Serializer):
    """The vendor's session as a list shows it: without anything that opens a door."""

    id = serializers.UUIDField()
    uuid = serializers.UUIDField(source="id")
    primaryPlatformId = serializers.UUIDField(source="platform_id")
    user = PersonSerializer()
    ip = serializers.IPAddressField(allow_null=True)
    device = serializers.CharField()
    kind = serializers.ChoiceField(choices=Session.Kind.choices)
    startedAt = serializers.DateTimeField(source="started_at")
    expiresAt = serializers.DateTimeField(source="expires_at")
    refreshExpiresAt = serializers.DateTimeField(source="refresh_expires_at")
    lastUsedAt = serializers.DateTimeField(
        source="last_used_at", allow_null=True, help_text="To the minute."
    )
    endedAt = serializers.DateTimeField(source="ended_at", allow_null=True)
    passedTwoFactorAuthentication = serializers.BooleanField(
        source="passed_two_factor_authentication"
    )
    createdAt = serializers.DateTimeField(source="created_at")
    updatedAt = serializers.DateTimeField(source="updated_at")


class OpenedSessionSerializer(SessionSerializer):
    """The vendor's session as login and refresh answer it: with its tokens."""

    access_token = serializers.CharField()
    refresh_token = serializers.CharField(
        allow_null=True, help_text="Null while the code of the second factor is owed."
    )
    permissions = PermissionSerializer(many=True)
