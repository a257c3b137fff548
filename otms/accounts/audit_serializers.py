"""The shape of the audit trail on the wire, and what narrows it."""

from typing import Any
from uuid import UUID

from rest_framework import serializers

from otms.accounts import audit
from otms.accounts.audit import ActorKind
from otms.accounts.permissions import catalogue
from otms.api.serializers import IdField, ObjectValue, WireSerializer
from otms.documents import shorten


class ActorSerializer(serializers.Serializer):
    kind = serializers.CharField(help_text=f"One of {', '.join(ActorKind.values)}.")
    id = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()
    means = serializers.CharField()


class AuditEntrySerializer(serializers.Serializer):
    id = serializers.UUIDField()
    primaryPlatformId = serializers.UUIDField()
    createdAt = serializers.DateTimeField()
    actor = ActorSerializer()
    action = serializers.CharField()
    entity = serializers.CharField()
    entityId = serializers.UUIDField()
    entityName = serializers.CharField()
    changes = ObjectValue()
    note = serializers.CharField()
    address = serializers.IPAddressField(allow_null=True)
    requestId = serializers.CharField()


class AuditQuery(WireSerializer):
    actor = serializers.CharField(
        required=False,
        max_length=200,
        help_text="Who did it: the id of a person, an integration or an app; or a name, whole.",
    )
    action = serializers.CharField(
        required=False, max_length=60, help_text="What was done: update:integration."
    )
    entity_id = IdField(required=False)
    since = serializers.DateTimeField(required=False, source="created_at__gte")
    until = serializers.DateTimeField(required=False, source="created_at__lt")

    def validate_action(self, value: str) -> str:
        if value not in audit.BEYOND_CALLS | catalogue():
            raise serializers.ValidationError(f"There is no action {shorten(value)}.", "unknown")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if who := attrs.pop("actor", None):
            try:
                attrs["actor_id"] = UUID(who)
            except ValueError:
                attrs["actor_name"] = who
        return attrs
