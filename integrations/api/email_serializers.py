"""What callers send and see of mails."""

import base64
import binascii
from email.utils import getaddresses
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from integrations.core.detection import FORMATS
from integrations.inbound.email import Attachment, Mail
from integrations.models.email import LONGEST_MESSAGE_ID, EmailStatus, Verdict
from otms.api.serializers import DocumentValue, ErrorItem, WireSerializer

LONGEST_BODY = 500_000
LONGEST_ADDRESS = 320
MOST_ATTACHMENTS = 20
MOST_RECIPIENTS = 100


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string"},
            {"type": "array", "maxItems": MOST_RECIPIENTS, "items": {"type": "string"}},
        ]
    }
)
class RecipientsValue(DocumentValue):
    """One recipient, or a list of them; kept and not used."""

    def to_internal_value(self, data: Any) -> Any:
        given = [data] if isinstance(data, str) else data
        if (
            not isinstance(given, list)
            or len(given) > MOST_RECIPIENTS
            or not all(isinstance(each, str) and len(each) <= 1000 for each in given)
        ):
            text = (
                f"Write an address, or a list of at most {MOST_RECIPIENTS}, each a text of at most "
                "1000 characters."
            )
            raise serializers.ValidationError([ErrorDetail(text, "invalid")])
        return given


class Base64Field(serializers.CharField):
    """Bytes; of an empty file none."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation(data) or b""

    def to_internal_value(self, data: Any) -> Any:
        text = "".join(super().to_internal_value(data).split())
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise serializers.ValidationError("Write the bytes as base64.", "invalid") from None


class AttachmentSerializer(WireSerializer):
    form = '{"name": "order.pdf", "contentType": "application/pdf", "content": "JVBERi0..."}'

    name = serializers.CharField(max_length=1000)
    content_type = serializers.CharField(
        required=False, allow_blank=True, max_length=255, help_text="Not believed: the bytes tell."
    )
    content = Base64Field(allow_blank=True, help_text="The bytes, as base64.")


class MailSerializer(WireSerializer):
    """The vendor's three fields of a mail."""

    sender = serializers.CharField(
        max_length=500, help_text="An address: ann@example.com, or Ann <ann@example.com>."
    )
    subject = serializers.CharField(allow_blank=True, max_length=1000)
    body = serializers.CharField(
        allow_blank=True,
        trim_whitespace=False,
        max_length=LONGEST_BODY,
        help_text="Text, or HTML; kept as it came.",
    )

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        sender = fields.pop("sender")
        sender.source = "sender"
        return {"from": sender, **fields}  # a word that Python keeps for itself

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        written = getaddresses([attrs["sender"]])
        address = written[0][1].strip().lower() if len(written) == 1 else ""
        name, _, host = address.rpartition("@")
        readable = attrs["sender"].isprintable() and not any(map(str.isspace, address))
        if not (name and host and readable) or len(address) > LONGEST_ADDRESS:
            text = "Write one address, such as ann@example.com or Ann <ann@example.com>."
            raise serializers.ValidationError({"from": [ErrorDetail(text, "invalid")]})
        return {**attrs, "address": address}

    def mail(self) -> Mail:
        given = dict(self.validated_data)
        given.pop("content_type", None)
        given["attachments"] = [
            Attachment(each["name"], each["content"]) for each in given.get("attachments", ())
        ]
        return Mail(**given)


class EmailSerializer(MailSerializer):
    to = RecipientsValue(required=False)
    message_id = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=LONGEST_MESSAGE_ID,
        help_text="The Message-ID: the same mail again makes nothing new.",
    )
    in_reply_to = serializers.CharField(
        required=False, allow_blank=True, max_length=LONGEST_MESSAGE_ID
    )
    attachments = AttachmentSerializer(many=True, required=False)

    def validate_attachments(self, value: list[Any]) -> list[Any]:
        if len(value) > MOST_ATTACHMENTS:
            text = f"A mail has at most {MOST_ATTACHMENTS} attachments, and this one {len(value)}."
            raise serializers.ValidationError(text, "too_many")
        return value

    def validate_messageId(self, value: str) -> str:  # noqa: N802 - by the name of the field
        """Without the brackets, which some leave off."""
        return value.removeprefix("<").removesuffix(">").strip()


class AlternativeSerializer(serializers.Serializer):
    value = serializers.JSONField()
    confidence = serializers.FloatField()


class FoundSerializer(serializers.Serializer):
    value = serializers.JSONField()
    confidence = serializers.FloatField(min_value=0, max_value=1)
    part = serializers.ChoiceField(["body", "subject"])
    span = serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
    alternatives = AlternativeSerializer(many=True)


class KeptAttachmentSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    size = serializers.IntegerField()
    format = serializers.ChoiceField(FORMATS)


class WarningSerializer(ErrorItem):
    span = serializers.ListField(
        child=serializers.IntegerField(),
        min_length=2,
        max_length=2,
        required=False,
        help_text="Of what was not used: its place in the part of the mail that is the field.",
    )


class ReadEmailSerializer(WireSerializer):
    """A mail, and what was made of it."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(EmailStatus.choices)
    verdict = serializers.ChoiceField(Verdict.choices)
    score = serializers.FloatField(min_value=0, max_value=1)
    fields_ = serializers.DictField(
        child=FoundSerializer(), help_text="What was found, by its path in the order."
    )
    missing = serializers.ListField(
        child=serializers.ChoiceField(["pickup", "delivery", "date", "goods"])
    )
    warnings = WarningSerializer(many=True)  # type: ignore[assignment]
    text = serializers.CharField(help_text="What the spans of the body count characters in.")
    sender = serializers.CharField()
    to = serializers.ListField(child=serializers.CharField())
    subject = serializers.CharField()
    message_id = serializers.CharField(allow_null=True)
    in_reply_to = serializers.CharField(allow_null=True)
    reply_to_id = serializers.UUIDField(allow_null=True, help_text="The mail that it answers.")
    transport_order_id = serializers.UUIDField(
        allow_null=True, help_text="The order it made or, of a reply, is about."
    )
    integration_id = serializers.UUIDField(allow_null=True)
    attachments = KeptAttachmentSerializer(many=True)
    received_at = serializers.DateTimeField()

    def get_fields(self) -> dict[str, Any]:
        names = {"sender": "from", "fields_": "fields"}
        return {names.get(name, name): each for name, each in super().get_fields().items()}
