"""What is tried: mappings on test data, one real call of an integration, an example of a target."""

from rest_framework import serializers

from integrations import entities
from integrations.api.serializers import FiltersValue, MappingValue
from integrations.core import (
    suggestion,
)
from otms.api.serializers import (
    DocumentValue,
    IdField,
    WireSerializer,
)


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
