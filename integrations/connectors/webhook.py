"""POST the document as JSON to a URL, signed when there is a secret (Standard Webhooks 1.0.0)."""

import re
from collections.abc import Iterator
from typing import Any

from rest_framework import serializers

from integrations import egress
from integrations.connectors import base
from integrations.core import signing
from integrations.core.errors import Problem
from integrations.http import Request, call
from otms import __version__, documents

NO_LOGIN = (
    "Take the user name and the password out of the URL: a webhook shows none. "
    "With a `secret` in the settings it signs what it sends, and the receiver can tell who called."
)


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
        scheme, _, rest = url.rpartition("://")
        if "@" in re.split(r"[/?#]", rest)[0]:
            raise serializers.ValidationError(NO_LOGIN, "address_refused")
        if not scheme:
            text = f"Write the whole URL: https://{rest.lstrip('/')[:200]}"
            raise serializers.ValidationError(text, "address_refused")
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

    def check(self, *, timeout: float, sample: Any = None) -> str:
        """A signed call that says it is a test: what answers 2xx to it takes deliveries too."""
        trial = base.Delivery.trial()
        request = self.hiding(self.request({"test": True}, trial))
        request.headers["X-OTMS-Test"] = "true"
        exchange = call(request, timeout=timeout)
        if exchange.error:
            return exchange.error
        status = exchange.status or 0
        if 200 <= status < 300:
            return ""
        text = f"{request.where} answered {status}{exchange.said()} to a test call."
        return f"{text} Redirects are not followed; change the URL." if status < 400 else text

    @classmethod
    def warnings(cls, settings: dict[str, Any]) -> Iterator[Problem]:
        host, port = egress.target(settings["url"])
        try:
            egress.lookup(host, port, timeout=egress.RESOLVE_ON_SAVE)
        except OSError:
            text = f"No address of {host} is known at this moment; until one is, nothing arrives."
            yield Problem("url", "unresolved_host", text)
