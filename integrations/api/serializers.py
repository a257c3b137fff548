"""What callers of the integration API send, and the shapes they get."""

from datetime import timedelta

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
)
from integrations.core.comparisons import OPERATORS
from integrations.models import IntegrationType, Use
from integrations.models.integration import ACTIONS
from integrations.models.pressure import Of
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


class TargetHealthSerializer(serializers.Serializer):
    """A target that failed many times in a row, or a few times over more than a minute."""

    dataSourceId = serializers.UUIDField()
    name = serializers.CharField()
    since = serializers.DateTimeField()
    failures = serializers.IntegerField(help_text="Since then.")
    reason = serializers.CharField()
    heldBack = serializers.BooleanField(
        help_text="One call at a time is tried, and when it works again a little more each time; "
        "a target that answers, but refuses, is called as ever."
    )
    nextTrialAt = serializers.DateTimeField(allow_null=True)
    atOnce = serializers.IntegerField(allow_null=True, help_text="Calls that may be made at once.")


class IntakeSerializer(serializers.Serializer):
    """What runs full: the queue of the platform, or the disk or database of the server."""

    full = serializers.ChoiceField(Of.choices)
    stopped = serializers.BooleanField(
        help_text="Nothing more is taken in, and deliveries go on; else it is only near."
    )
    since = serializers.DateTimeField()
    reason = serializers.CharField()


class HealthSerializer(serializers.Serializer):
    state = serializers.ChoiceField(health.STATES)
    reason = serializers.CharField()
    since = serializers.DateTimeField(
        allow_null=True, help_text="Of the target that is in trouble for longest."
    )
    queued = serializers.IntegerField()
    oldestDueSeconds = serializers.IntegerField()
    lastSuccessAt = serializers.DateTimeField(allow_null=True)
    targets = TargetHealthSerializer(many=True, help_text="Those that are in trouble.")
    intake = IntakeSerializer(many=True, help_text="Of the platform; empty while there is room.")


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
