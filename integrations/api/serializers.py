"""What callers of the integration API send, and the shapes they get."""

from datetime import timedelta
from typing import Any

from rest_framework import serializers

from integrations.models import IntegrationType, Level, Status
from integrations.models.task import TaskStatus
from otms.api.serializers import (
    DocumentValue,
    IdField,
    NonceField,
    ObjectValue,
    WireSerializer,
)

LONGEST_OVERLAP = timedelta(days=90)


class IsoDurationField(serializers.DurationField):
    """PT24H, and nothing that could be read in two ways: "24" is no duration."""

    default_error_messages = {"invalid": "Write an ISO 8601 duration, such as PT24H or P7D."}

    def to_internal_value(self, value: Any) -> timedelta:
        if not isinstance(value, str) or not value.startswith("P"):
            self.fail("invalid")
        return super().to_internal_value(value)


class DataSourceSerializer(WireSerializer):
    id = IdField(required=False)
    name = serializers.CharField(required=False, allow_blank=True, max_length=200)
    use = serializers.ChoiceField(["deliver"], required=False)
    connector = serializers.CharField(required=False, max_length=60)
    settings = ObjectValue(required=False, help_text="The connector's; secrets read as ***.")
    mapping = DocumentValue(
        required=False, allow_null=True, help_text="null sends the document as it is."
    )
    success = DocumentValue(required=False, allow_null=True, help_text="null is any 2xx.")


class IntegrationSerializer(WireSerializer):
    lenient = True

    id = IdField(required=False)
    nonce = NonceField()
    uuid = serializers.UUIDField(read_only=True)
    primary_platform_id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(max_length=200)
    type = serializers.ChoiceField(IntegrationType.choices)
    description = serializers.CharField(
        required=False, allow_blank=True, max_length=10_000, trim_whitespace=False
    )
    enabled = serializers.BooleanField(required=False)
    trigger = ObjectValue(required=False)
    filters = DocumentValue(required=False)
    data_sources = DataSourceSerializer(many=True, required=False)
    schedule = ObjectValue(required=False, allow_null=True)
    delivery = ObjectValue(required=False)
    health = serializers.DictField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)


class GenerateCredentialsSerializer(WireSerializer):
    integration_id = IdField()
    keep_previous_for = IsoDurationField(
        required=False,
        min_value=timedelta(0),
        max_value=LONGEST_OVERLAP,
        help_text="How long the older pair still works, at most P90D: PT24H.",
    )


class CredentialsSerializer(serializers.Serializer):
    """Shown once; only hashes are kept."""

    id = serializers.UUIDField()
    integrationId = serializers.UUIDField()
    apiKey = serializers.CharField()
    apiSecret = serializers.CharField()
    token = serializers.CharField()
    createdAt = serializers.DateTimeField()
    expiresAt = serializers.DateTimeField(allow_null=True)


class MappingTestSerializer(WireSerializer):
    mapping = DocumentValue()
    test_data = DocumentValue()
    filters = DocumentValue(required=False)


class ObjectSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    integrationId = serializers.UUIDField()
    status = serializers.CharField()
    entity = serializers.CharField()
    entityId = serializers.UUIDField()
    reference = serializers.CharField()
    action = serializers.CharField()
    changedFields = serializers.ListField(child=serializers.CharField())
    attempts = serializers.IntegerField()
    dueAt = serializers.DateTimeField(allow_null=True)
    claimedAt = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()
    error = serializers.CharField()
    externalId = serializers.CharField()
    replayOf = serializers.UUIDField(allow_null=True)
    sequence = serializers.IntegerField()
    createdAt = serializers.DateTimeField()
    finishedAt = serializers.DateTimeField(allow_null=True)


class LogSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    integrationId = serializers.UUIDField()
    objectId = serializers.UUIDField(allow_null=True)
    level = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    data = serializers.JSONField(allow_null=True)  # type: ignore[assignment]
    createdAt = serializers.DateTimeField()


class RequestLogSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    integrationId = serializers.UUIDField()
    objectId = serializers.UUIDField(allow_null=True)
    dataSourceId = serializers.UUIDField(allow_null=True)
    attempt = serializers.IntegerField()
    method = serializers.CharField()
    url = serializers.CharField()
    requestHeaders = serializers.DictField()
    requestBody = serializers.CharField()
    responseStatus = serializers.IntegerField(allow_null=True)
    responseHeaders = serializers.DictField()
    responseBody = serializers.CharField()
    truncated = serializers.BooleanField()
    error = serializers.CharField()
    durationMs = serializers.FloatField(allow_null=True)
    interrupted = serializers.BooleanField()
    test = serializers.BooleanField()
    createdAt = serializers.DateTimeField()


class TaskSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    integrationId = serializers.UUIDField()
    kind = serializers.CharField()
    status = serializers.CharField()
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    message = serializers.CharField()
    resultFile = serializers.CharField(allow_null=True)
    startedBy = serializers.CharField()
    createdAt = serializers.DateTimeField()
    startedAt = serializers.DateTimeField(allow_null=True)
    finishedAt = serializers.DateTimeField(allow_null=True)


class ListQuery(WireSerializer):
    """What narrows a list: each name is that of a parameter, each source that of a look-up."""

    since = serializers.DateTimeField(required=False, source="created_at__gte")
    until = serializers.DateTimeField(required=False, source="created_at__lt")


class ObjectsQuery(ListQuery):
    status = serializers.ChoiceField(Status.choices, required=False)
    entity_id = IdField(required=False)
    q = serializers.CharField(
        required=False, source="reference", help_text="The business reference: an order's name."
    )


class LogsQuery(ListQuery):
    level = serializers.ChoiceField(Level.choices, required=False)


class RequestLogsQuery(ListQuery):
    status = serializers.IntegerField(
        required=False, source="response_status", min_value=100, max_value=599
    )


class TasksQuery(ListQuery):
    status = serializers.ChoiceField(TaskStatus.choices, required=False)


class MappingWarningSerializer(serializers.Serializer):
    target = serializers.CharField()
    path = serializers.CharField()
    message = serializers.CharField()
