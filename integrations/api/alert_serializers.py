"""What callers send and see of alerts and of who is told of them."""

from rest_framework import serializers

from integrations.api.message_serializers import Kept
from integrations.api.object_serializers import ListQuery
from integrations.models.alert import LONGEST_URL, Kind, NoticeOutcome
from otms.api.serializers import IdField

WAITS = "waiting"
# What became of a notice, as it is shown: nothing yet, or what it is.
OUTCOMES = (WAITS, *NoticeOutcome.values)


class AlertRecipientSerializer(Kept):
    lenient = False

    name = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="For people: who that is."
    )
    integration_id = IdField(
        required=False,
        allow_null=True,
        help_text="Whose alerts; null or left out: those of all integrations of the platform.",
    )
    email = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=320,
        help_text="One address. Give this, or a `url`.",
    )
    url = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=LONGEST_URL,
        help_text="A webhook, which is called with POST: https://...",
    )
    secret = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=500,
        trim_whitespace=False,
        help_text="Signs what a webhook is sent: whsec_ and base64, whsk_ for ed25519, or any "
        "text. It is shown as `***`.",
    )
    enabled = serializers.BooleanField(required=False)


class TriedSerializer(serializers.Serializer):
    sent = serializers.BooleanField()
    message = serializers.CharField(help_text="What happened, in a sentence.")


class AlertsQuery(ListQuery):
    integration_id = IdField(required=False)
    kind = serializers.ChoiceField(Kind.choices, required=False)


class NoticeSerializer(serializers.Serializer):
    """An alert on its way to one recipient."""

    recipientId = serializers.UUIDField(allow_null=True, help_text="Null: it was deleted since.")
    to = serializers.CharField()
    outcome = serializers.ChoiceField(OUTCOMES)
    attempts = serializers.IntegerField()
    error = serializers.CharField(help_text="Of the last attempt; empty once it was sent.")
    dueAt = serializers.DateTimeField(allow_null=True, help_text="Of what waits: the next attempt.")
    finishedAt = serializers.DateTimeField(allow_null=True)


class AlertSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    primaryPlatformId = serializers.UUIDField()
    integrationId = serializers.UUIDField()
    integrationName = serializers.CharField()
    dataSourceId = serializers.UUIDField(allow_null=True)
    dataSourceName = serializers.CharField(allow_null=True)
    kind = serializers.ChoiceField(Kind.choices)
    message = serializers.CharField()
    since = serializers.DateTimeField()
    createdAt = serializers.DateTimeField()
    notices = NoticeSerializer(many=True)
