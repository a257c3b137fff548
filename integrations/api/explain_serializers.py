"""A record that somebody misses: how it is asked for, and what each integration made of it."""

from typing import Any

from rest_framework import serializers

from integrations import entities
from integrations.models import Status
from integrations.models.change import Action
from otms.api.serializers import IdField, WireSerializer


class RecordQuery(WireSerializer):
    entity = serializers.ChoiceField(entities.known(), required=False, default="transportOrder")
    entity_id = IdField(required=False)
    q = serializers.CharField(
        required=False,
        help_text="Instead of `entityId`, the business reference: an order's name or number. Of "
        "several records the one that changed last.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("entity_id" in attrs) == ("q" in attrs):
            text = "Say which record: its `entityId`, or what people call it as `q`; one of them."
            raise serializers.ValidationError({"entityId": text}, "required")
        return attrs


class ExplainedChangeSerializer(serializers.Serializer):
    action = serializers.ChoiceField(Action.choices)
    changedFields = serializers.ListField(child=serializers.CharField())
    createdAt = serializers.DateTimeField()


class ToldSerializer(serializers.Serializer):
    integrationId = serializers.UUIDField()
    name = serializers.CharField()
    status = serializers.ChoiceField(
        Status.choices,
        allow_null=True,
        help_text="Null: it has nothing of this record in its queue.",
    )
    objectId = serializers.UUIDField(allow_null=True)
    why = serializers.CharField(
        help_text="What happened and what happens next, or why nothing did."
    )


class ExplanationSerializer(serializers.Serializer):
    entity = serializers.CharField()
    entityId = serializers.UUIDField()
    reference = serializers.CharField()
    others = serializers.ListField(
        child=serializers.UUIDField(), help_text="Other records (9 at most) that are called so."
    )
    change = ExplainedChangeSerializer(allow_null=True)
    why = serializers.CharField()
    integrations = ToldSerializer(many=True)
