"""What callers of the integration API send, and the shapes they get."""

import re
from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations import entities, health
from integrations.core import (
    backoff,
    delivery,
    paths,
    rate,
    redaction,
    schedule,
    signing,
    suggestion,
)
from integrations.core.comparisons import OPERATORS
from integrations.models import IntegrationType, Level, Status, Use
from integrations.models.change import OriginKind
from integrations.models.integration import ACTIONS
from integrations.models.task import TaskStatus
from otms.api.serializers import (
    DocumentValue,
    IdField,
    IsoDurationField,
    NonceField,
    ObjectValue,
    WireSerializer,
)

LONGEST_OVERLAP = timedelta(days=90)


COUNTED = {"type": "integer", "minimum": 1}
_GROUP = {"type": "array", "minItems": 1, "items": {"type": "object"}}
FILTER = {
    "anyOf": [
        {
            "type": "object",
            "description": "A comparison.",
            "properties": {
                "field": {
                    "type": "string",
                    "maxLength": paths.LONGEST,
                    "description": "A path, such as `$.transportOrder.status`.",
                },
                "operator": {"type": "string", "enum": list(OPERATORS)},
                "value": {"description": "What to compare with; some operators take none."},
            },
            "required": ["field", "operator"],
            "additionalProperties": False,
        },
        *(
            {
                "type": "object",
                "description": words,
                "properties": {group: inside},
                "required": [group],
                "additionalProperties": False,
            }
            for group, inside, words in (
                ("any", _GROUP, "Holds if one of these filters does."),
                ("all", _GROUP, "Holds if all of these filters do."),
                ("not", {"type": "object"}, "Holds if this filter does not."),
            )
        ),
    ]
}
RETRY = {
    "type": "object",
    "properties": {
        "schedule": {
            "type": ["array", "null"],
            "items": {"type": "number", "minimum": 1},
            "minItems": 1,
            "maxItems": 100,
            "description": "Seconds before each further attempt; the last one repeats.",
        },
        "giveUpAfter": {
            "type": ["string", "null"],
            "description": "An ISO 8601 duration up to P90D.",
        },
        "on": {
            "type": "array",
            "items": {
                "anyOf": [
                    {"type": "integer", "minimum": 100, "maximum": 599},
                    {"type": "string", "enum": list(backoff.WORDS)},
                ]
            },
            "description": "After which answers to try again.",
        },
    },
    "additionalProperties": False,
}


@extend_schema_field(
    {
        "type": "array",
        "maxItems": redaction.MOST,
        "items": {"type": "string"},
        "description": "Paths of what is `***` in logs: `$.customer.contactDetails[*].value`.",
    }
)
class RedactValue(DocumentValue):
    """Paths of personal data; what is wrong with one is told at its place."""


@extend_schema_field({"type": "array", "items": FILTER, "description": "All of them must hold."})
class FiltersValue(DocumentValue):
    """What must hold of a change for it to be sent."""


@extend_schema_field({})
class MappingValue(DocumentValue):
    """An expression of the mapping language."""


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "status": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "integer", "minimum": 200, "maximum": 599},
                "description": "The HTTP statuses that count; without it any 2xx.",
            },
            "body": {
                "type": "array",
                "minItems": 1,
                "items": FILTER,
                "description": "Filters that hold in an answer of success.",
            },
        },
        "minProperties": 1,
        "additionalProperties": False,
        "description": "Which answers count as delivered; `null` is any 2xx.",
    }
)
class SuccessValue(DocumentValue):
    """Which answers of the receiver are success."""


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "entity": {"type": "string", "enum": entities.known()},
            "actions": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "string", "enum": list(ACTIONS)},
            },
        },
        "required": ["entity", "actions"],
        "additionalProperties": False,
    }
)
class TriggerValue(ObjectValue):
    """Which changes to hear of."""


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "integrationSchedulerScheduleValue": {**COUNTED, "maximum": 10_000},
            "integrationSchedulerScheduleType": {"type": "string", "enum": list(schedule.UNITS)},
            "milliseconds": {"type": "integer", "description": "Computed; ignored when sent."},
        },
        "required": ["integrationSchedulerScheduleValue", "integrationSchedulerScheduleType"],
        "additionalProperties": False,
        "description": "`null` sends changes as they come.",
    }
)
class ScheduleValue(ObjectValue):
    """When to send."""


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "ordering": {"type": "string", "enum": list(delivery.ORDERINGS)},
            "onPoison": {"type": "string", "enum": list(delivery.ON_POISON)},
            "coalesce": {
                "anyOf": [
                    {"type": "boolean"},
                    {"type": "integer", "minimum": 1, "maximum": delivery.LONGEST_WAIT},
                ],
                "description": "true: what is newer replaces what waits. Seconds: and each change "
                "waits so long for newer ones.",
            },
            "timeout": {**COUNTED, "maximum": 60, "description": "Seconds for one call in all."},
            "concurrency": {**COUNTED, "maximum": 100, "description": "Calls at once."},
            "rate": {
                "type": ["string", "null"],
                "pattern": rate.WRITTEN.pattern,
                "description": "The most calls in any such time: 60/min, 10/s or 1000/hour.",
                "example": "60/min",
            },
            "retry": RETRY,
        },
        "additionalProperties": False,
    }
)
class DeliveryValue(ObjectValue):
    """How to send."""


class DataSourceSerializer(WireSerializer):
    form = '{"connector": "webhook", "settings": {"url": "https://erp.example/orders"}}'

    id = IdField(required=False)
    name = serializers.CharField(required=False, allow_blank=True, max_length=200)
    use = serializers.ChoiceField(
        Use.choices,
        required=False,
        help_text="`enrich`: its answer is at `$.steps.<name>` for the steps behind it.",
    )
    connector = serializers.CharField(required=False, max_length=60)
    settings = ObjectValue(required=False, help_text="The connector's; secrets read as `***`.")
    filters = FiltersValue(
        required=False, help_text="Of this step alone: where they say no, it is left out."
    )
    mapping = MappingValue(
        required=False,
        allow_null=True,
        help_text="What to send: an object of target names and paths; `null` is the document.",
    )
    success = SuccessValue(required=False, allow_null=True)
    remember = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=512,
        help_text="Where the answer says what the target calls the record, such as `$.id`: its "
        "next change updates that one, and mappings see the id at `$.remote.<name>`.",
    )


class HealthSerializer(serializers.Serializer):
    state = serializers.ChoiceField(health.STATES)
    reason = serializers.CharField()
    queued = serializers.IntegerField()
    oldestDueSeconds = serializers.IntegerField()
    lastSuccessAt = serializers.DateTimeField(allow_null=True)


class IntegrationSerializer(WireSerializer):
    lenient = True
    protective = ("redact",)

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
    trigger = TriggerValue(required=False)
    filters = FiltersValue(required=False)
    data_sources = DataSourceSerializer(many=True, required=False)
    schedule = ScheduleValue(required=False, allow_null=True)
    delivery = DeliveryValue(required=False)
    inbound = MappingValue(
        required=False,
        allow_null=True,
        help_text="What becomes of an imported row; `null` takes rows as our own transport orders.",
    )
    redact = RedactValue(required=False)
    installation_id = serializers.UUIDField(
        read_only=True,
        allow_null=True,
        help_text="The installed app that it belongs to; `null` if to none.",
    )
    health = HealthSerializer(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)


class GenerateSigningSecretSerializer(WireSerializer):
    integration_id = IdField()
    data_source_id = IdField()
    scheme = serializers.ChoiceField(
        signing.SCHEMES,
        required=False,
        default="v1",
        help_text="v1: a secret that both sides know. v1a: ed25519, checked with a public key.",
    )
    keep_previous_for = IsoDurationField(
        required=False,
        min_value=timedelta(0),
        max_value=LONGEST_OVERLAP,
        default=timedelta(days=1),
        help_text="How long the secret before it signs too, at most P90D: PT24H.",
    )


class SigningSecretSerializer(serializers.Serializer):
    """Shown once; of `v1a` the secret stays here, and the receiver is given the public key."""

    dataSourceId = serializers.UUIDField()
    secret = serializers.CharField(allow_null=True)
    publicKey = serializers.CharField(allow_null=True)
    previousSecretUntil = serializers.DateTimeField(allow_null=True)


class MappingTestSerializer(WireSerializer):
    mapping = MappingValue()
    test_data = DocumentValue()
    filters = FiltersValue(required=False)


class MappingWarningSerializer(serializers.Serializer):
    target = serializers.CharField()
    path = serializers.CharField()
    message = serializers.CharField()


class TestIntegrationSerializer(WireSerializer):
    entity_id = IdField(
        required=False,
        allow_null=True,
        help_text="A record of the trigger's entity; left out: the example of the catalogue.",
    )
    data_source_id = IdField(
        required=False, allow_null=True, help_text="Whose call is made; left out: the first one's."
    )
    force = serializers.BooleanField(
        required=False, default=False, help_text="Make the call though the filters say no."
    )


class RequeueSerializer(WireSerializer):
    mapping = serializers.ChoiceField(
        ["current", "original"],
        required=False,
        default="current",
        help_text="With the filters and mappings of now, or with those it began with.",
    )
    anew = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Forget what its targets call the record: it is created there once more.",
    )


class TriedRequestSerializer(serializers.Serializer):
    method = serializers.CharField()
    url = serializers.CharField()
    headers = serializers.DictField()
    body = serializers.CharField()


class TriedResponseSerializer(serializers.Serializer):
    status = serializers.IntegerField(
        allow_null=True, help_text="Null when there was no answer, and where it is no HTTP."
    )
    headers = serializers.DictField()
    body = serializers.CharField()
    durationMs = serializers.FloatField()


class TrialSerializer(serializers.Serializer):
    """What came of one call; secrets, and what the integration redacts, are masked."""

    matched = serializers.BooleanField(help_text="Did the filters say yes?")
    trace = serializers.ListField(help_text="What each filter saw.")
    result = serializers.JSONField(help_text="What the mapping made; null if it could not.")
    warnings = MappingWarningSerializer(many=True)
    request = TriedRequestSerializer(allow_null=True, help_text="Null if nothing was sent.")
    response = TriedResponseSerializer(allow_null=True)
    error = serializers.CharField(help_text="Why it went wrong; empty if it did not.")
    verdict = serializers.CharField(help_text="All of it in a sentence or two.")
    requestLogId = serializers.UUIDField(
        allow_null=True, help_text="The row of requestLogs that is kept of it."
    )


class MappingSuggestSerializer(WireSerializer):
    example = DocumentValue(help_text="What the target wants: JSON, or JSON, CSV or XML as a text.")
    format = serializers.ChoiceField(
        suggestion.FORMATS, required=False, help_text="Of a text; guessed when it is left out."
    )
    entity = serializers.ChoiceField(entities.known(), required=False, default="transportOrder")


class PathSerializer(serializers.Serializer):
    path = serializers.CharField()
    confidence = serializers.FloatField()


class SuggestionSerializer(PathSerializer):
    target = serializers.CharField()
    path = serializers.CharField(allow_null=True)
    reason = serializers.CharField()
    alternatives = PathSerializer(many=True)


class ObjectSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    integrationId = serializers.UUIDField()
    status = serializers.ChoiceField(Status.choices)
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
    level = serializers.ChoiceField(Level.choices)
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


class ChangeSerializer(serializers.Serializer):
    """What one transaction did to the record: as GET showed it before and after."""

    action = serializers.ChoiceField(ACTIONS)
    before = ObjectValue(allow_null=True)
    after = ObjectValue(allow_null=True)
    changedFields = serializers.ListField(child=serializers.CharField())
    origin = serializers.ChoiceField(
        OriginKind.choices,
        help_text="What caused it: the API, a person in the admin, an import, or a command.",
    )
    originIntegrationId = serializers.UUIDField(
        allow_null=True, help_text="Whose import it was; that integration does not hear of it."
    )
    createdAt = serializers.DateTimeField()


class ObjectStorySerializer(ObjectSerializer):
    """An object with all that is known about it; with the newest 50 request logs and logs."""

    inWords = serializers.ListField(
        child=serializers.CharField(), help_text="What happened and what happens next."
    )
    change = ChangeSerializer()
    trace = serializers.ListField(
        allow_null=True, help_text="What each filter saw, when a filter said no."
    )
    remote = serializers.DictField(
        child=serializers.CharField(),
        help_text="What its targets call the record now, by the names of the data sources.",
    )
    requestLogs = RequestLogSerializer(many=True)
    logs = LogSerializer(many=True)


class TaskSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    integrationId = serializers.UUIDField(
        allow_null=True, help_text="Null: the work is the platform's own, such as an erasure."
    )
    kind = serializers.CharField()
    status = serializers.ChoiceField(TaskStatus.choices)
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    message = serializers.CharField()
    resultFile = serializers.CharField(allow_null=True)
    startedBy = serializers.CharField()
    createdAt = serializers.DateTimeField()
    startedAt = serializers.DateTimeField(allow_null=True)
    finishedAt = serializers.DateTimeField(allow_null=True)


class MomentField(serializers.DateTimeField):
    """A moment in an address, where a + that is not written %2B arrives as a blank."""

    def to_internal_value(self, value: Any) -> Any:
        if isinstance(value, str):
            value = re.sub(r" (\d\d:?\d\d)$", r"+\1", value)
        return super().to_internal_value(value)


class ListQuery(WireSerializer):
    """What narrows a list: each name is that of a parameter, each source that of a look-up."""

    since = MomentField(required=False, source="created_at__gte")
    until = MomentField(required=False, source="created_at__lt")


class ObjectsQuery(ListQuery):
    status = serializers.ChoiceField(Status.choices, required=False)
    entity_id = IdField(required=False)
    q = serializers.CharField(
        required=False,
        source="reference",
        help_text="The business reference, whole and as it is written: an order's name or number.",
    )


class AboutObject(ListQuery):
    object_id = IdField(required=False, source="object__uuid")


class LogsQuery(AboutObject):
    level = serializers.ChoiceField(Level.choices, required=False)


class RequestLogsQuery(AboutObject):
    status = serializers.IntegerField(
        required=False, source="response_status", min_value=100, max_value=599
    )


class TasksQuery(ListQuery):
    status = serializers.ChoiceField(TaskStatus.choices, required=False)
