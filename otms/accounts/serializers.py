"""What login and refresh read, and the shapes of a session."""

from typing import Any

from rest_framework import serializers

from otms.api.serializers import WireSerializer


class LoginSerializer(WireSerializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False, write_only=True)


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


class SessionSerializer(serializers.Serializer):
    """The vendor's session as a list shows it: without anything that opens a door."""

    id = serializers.UUIDField()
    uuid = serializers.UUIDField(source="id")
    primaryPlatformId = serializers.UUIDField(source="platform_id")
    user = PersonSerializer()
    ip = serializers.IPAddressField(allow_null=True)
    device = serializers.CharField()
    startedAt = serializers.DateTimeField(source="started_at")
    expiresAt = serializers.DateTimeField(source="expires_at")
    refreshExpiresAt = serializers.DateTimeField(source="refresh_expires_at")
    endedAt = serializers.DateTimeField(source="ended_at", allow_null=True)
    passedTwoFactorAuthentication = serializers.BooleanField(
        source="passed_two_factor_authentication"
    )
    createdAt = serializers.DateTimeField(source="created_at")
    updatedAt = serializers.DateTimeField(source="updated_at")


class OpenedSessionSerializer(SessionSerializer):
    """The vendor's session as login and refresh answer it: with its tokens."""

    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    permissions = PermissionSerializer(many=True)
