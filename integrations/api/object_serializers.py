"""What an integration did: objects of the queue, logs, calls, tasks, and how they are asked for."""

import re
from typing import Any

from rest_framework import serializers

from integrations.models import Level, Status
from integrations.models.change import OriginKind
from integrations.models.integration import ACTIONS
from integrations.models.replay import AsOf
from integrations.models.task import TaskStatus
from otms.api.serializers import (
    IdField,
    ObjectValue,
    WireSerializer,
)


class RequeueSerializer(WireSerializer):
    mapping = serializers.ChoiceField(
        AsOf.choices,
        required=False,
        default=AsOf.CURRENT,
        help_text="With the filters and mappings of now, or with those it began with.",
    )
    anew = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Forget what its targets call the record: it is created there once more.",
    )


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
