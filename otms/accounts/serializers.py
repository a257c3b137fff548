"""What login reads, and the shape of a session."""

from rest_framework import serializers

from otms.api.serializers import WireSerializer


class LoginSerializer(WireSerializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False, write_only=True)


class PermissionSerializer(serializers.Serializer):
    name = serializers.CharField()


class SessionSerializer(serializers.Serializer):
    """The vendor's session; the two tokens are its only snake_case keys."""

    id = serializers.UUIDField()
    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    startedAt = serializers.DateTimeField()
    expiresAt = serializers.DateTimeField()
    passedTwoFactorAuthentication = serializers.BooleanField()
    permissions = PermissionSerializer(many=True)
