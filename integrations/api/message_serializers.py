"""What callers send and see of message templates and automations."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.api.serializers import ScheduleValue
from integrations.messages import saving
from integrations.models import Status
from otms.api.serializers import DocumentValue, IdField, NonceField, WireSerializer, camel

KINDS = ("messageAutomation", "questionAnswerAutomation", "fileRequestAutomation")
TRIGGER_TYPES = ("trigger", "scheduler", "listener")


class Kept(WireSerializer):
    """What both have."""

    lenient = True

    id = IdField(required=False)
    nonce = NonceField()
    uuid = serializers.UUIDField(read_only=True)
    primary_platform_id = serializers.UUIDField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(
        read_only=True, help_text="Sent with an update, it must be the stored one (else 409)."
    )


class MessageTemplateSerializer(Kept):
    name = serializers.CharField(max_length=200)
    subject = serializers.CharField(
        max_length=500, help_text="With places for values: `Order {{transportOrder.name}}`."
    )
    body = serializers.CharField(
        max_length=100_000, trim_whitespace=False, help_text="Plain text, with places as well."
    )


class TemplateOfAutomation(WireSerializer):
    """A template by its id, or in its place the texts of a new one."""

    lenient = True
    form = '{"id": "..."}'

    id = IdField(required=False)
    name = serializers.CharField(required=False, max_length=200)
    subject = serializers.CharField(required=False, write_only=True, max_length=500)
    body = serializers.CharField(
        required=False, write_only=True, max_length=100_000, trim_whitespace=False
    )


class AutomationConfig(WireSerializer):
    lenient = True
    form = '{"triggerType": "trigger", "triggerEvent": "afterCreatingTransportOrder"}'

    trigger_type = serializers.ChoiceField(TRIGGER_TYPES, required=False)
    trigger_event = serializers.CharField(required=False, max_length=100)
    schedule = ScheduleValue(required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> Any:
        # Kept as it was sent, to be given back so.
        return {camel(name): value for name, value in super().to_internal_value(data).items()}


@extend_schema_field(
    {
        "type": "array",
        "minItems": 1,
        "maxItems": saving.MOST_RECIPIENTS,
        "items": {"type": "string"},
        "description": "Addresses, and paths to some; `null` is the customer.",
    }
)
class RecipientsValue(DocumentValue):
    """Who gets it."""


class MessageAutomationSerializer(Kept):
    type = serializers.ChoiceField(KINDS, required=False)
    name = serializers.CharField(max_length=200)
    description = serializers.CharField(
        required=False, allow_blank=True, max_length=10_000, trim_whitespace=False
    )
    enabled = serializers.BooleanField(required=False)
    trigger = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=200,
        help_text="Such as `transportOrder.status.realized`.",
    )
    automation_config = AutomationConfig(required=False, allow_null=True)
    message_template = TemplateOfAutomation(required=False)
    recipients = RecipientsValue(required=False, allow_null=True)


class ReadyMade(serializers.Serializer):
    """An automation that can be sent to POST /messageAutomation as it stands."""

    name = serializers.CharField()
    description = serializers.CharField()
    trigger = serializers.CharField()
    messageTemplate = TemplateOfAutomation()


class MessageSerializer(serializers.Serializer):
    """One message, or what became of the attempt to write it; its id is that of its object."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField([each for each in Status.values if each != Status.SKIPPED])
    to = serializers.ListField(child=serializers.CharField())
    subject = serializers.CharField()
    entity = serializers.CharField()
    entityId = serializers.UUIDField()
    reference = serializers.CharField()
    attempts = serializers.IntegerField()
    error = serializers.CharField()
    createdAt = serializers.DateTimeField()
    finishedAt = serializers.DateTimeField(allow_null=True)
