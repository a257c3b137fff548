"""POST the document as JSON to a URL, signed when there is a secret (Standard Webhooks 1.0.0)."""

from typing import Any

from rest_framework import serializers

from integrations import egress
from integrations.connectors import base
from integrations.core import signing
from integrations.http import Request
from otms import __version__, documents


class Settings(base.Settings):
    url = serializers.CharField(max_length=2000, help_text="Where to POST to: https://...")
    secret = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=500,
        write_only=True,
        trim_whitespace=False,
        help_text="Signs what is sent; whsec_ and base64, or any text.",
    )

    def validate_url(self, url: str) -> str:
        try:
            egress.check_url(url)
        except (ValueError, OSError) as error:
            raise serializers.ValidationError(str(error), "address_refused") from None
        return url

    def validate_secret(self, secret: str) -> str:
        try:
            signing.sign(secret or "none", "id", 0, b"")
        except ValueError as error:
            raise serializers.ValidationError(str(error), "invalid_secret") from None
        return secret


class Connector(base.Connector):
    label = "Webhook"
    Settings = Settings

    def request(self, document: Any, delivery: base.Delivery) -> Request:
        body = documents.dumps(document)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"otms/{__version__}",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(delivery.timestamp),
            "Idempotency-Key": delivery.id,
            "traceparent": delivery.traceparent,
            "X-OTMS-Attempt": str(delivery.attempt),
            "X-OTMS-Sequence": str(delivery.sequence),
        }
        if secret := self.secrets.get("secret"):
            headers |= signing.headers(secret, delivery.id, delivery.timestamp, body)
        return Request("POST", self.settings["url"], headers, body)
