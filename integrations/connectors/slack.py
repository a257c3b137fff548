"""Post a message to a channel of Slack, or of what speaks its language, by an incoming webhook."""

from typing import Any

from django.utils.translation import gettext_noop
from rest_framework import serializers

from integrations import egress
from integrations.connectors import base
from integrations.core.errors import MappingError
from integrations.http import Exchange, Request, call
from otms import __version__, documents

TEXT = '{"text": {"$text": "Order {{transportOrder.name}} is {{transportOrder.status}}"}}'
# Slack's own words for what is wrong, from docs.slack.dev, "Sending messages using incoming
# webhooks"; what stands here is said in ours.
REASONS = {
    "no_service": "the webhook was removed, or never was; make a new one in Slack",
    "no_team": "the workspace is gone",
    "invalid_token": "the webhook's secret is wrong; copy its URL from Slack again",
    "channel_not_found": "the channel is gone",
    "channel_is_archived": "the channel is archived",
    "action_prohibited": "an administrator of the workspace forbids it",
    "posting_to_general_channel_denied": "the webhook may not post to the general channel",
    "invalid_payload": "the message has a form that Slack does not know",
}
# What a working webhook says to a message without words.
EMPTY = "no_text"
OK = 200
TAKEN = (
    f"It took a message without words, which an incoming webhook of Slack refuses with `{EMPTY}`: "
    "copy the webhook's URL from Slack again."
)


def _may_be_called(url: str) -> None:
    try:
        egress.check_url(url)
    except (ValueError, OSError) as error:
        raise serializers.ValidationError(str(error), "address_refused") from None


class Settings(base.Settings):
    webhook_url = serializers.CharField(
        max_length=2000,
        write_only=True,
        validators=[_may_be_called],
        help_text=gettext_noop(
            "The incoming webhook's URL, which is a secret: https://hooks.slack.com/..."
        ),
    )


class Connector(base.Connector):
    label = gettext_noop("Slack")
    Settings = Settings

    def request(self, document: Any, delivery: base.Delivery) -> Request:
        if not isinstance(document, dict) or not document.get("text"):
            raise MappingError("text", "", f"A message needs a `text`, such as {TEXT}.")
        return self._post(document)

    def refusal(self, exchange: Exchange) -> str:
        said = _said(exchange)
        if said == "ok" or (said not in REASONS and exchange.status != OK):
            return ""
        return f"Slack: {REASONS.get(said, 'only `ok` means that the message was posted')}."

    def check(self, *, timeout: float, sample: Any = None) -> str:
        """An empty message is refused by a webhook that works, and posted nowhere."""
        request = self.hiding(self._post({"text": ""}))
        exchange = call(request, timeout=timeout)
        if exchange.error:
            return exchange.error
        if _said(exchange) == EMPTY:
            return ""
        text = f"{request.where} answered {exchange.status}{exchange.said()}."
        if exchange.status == OK:
            return f"{text} {TAKEN}"
        return f"{text} {self.refusal(exchange)}".rstrip()

    def _post(self, message: dict[str, Any]) -> Request:
        headers = {"Content-Type": "application/json", "User-Agent": f"otms/{__version__}"}
        url = self.secrets["webhookUrl"]
        return Request("POST", url, headers, documents.dumps(message), secret_path=True)


def _said(exchange: Exchange) -> str:
    return exchange.body.decode("utf-8", "replace").strip()
