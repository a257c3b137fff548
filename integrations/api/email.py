"""The API of mails: a mail is brought in, and becomes a draft order."""

from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework.response import Response

from integrations.api import email_serializers as wire
from integrations.core import origin
from integrations.inbound import email as inbound
from integrations.models import Email, Integration
from otms.accounts import audit
from otms.api.errors import Conflict
from otms.api.router import route
from otms.api.serializers import ErrorItem
from otms.api.views import PlatformViewSet
from otms.documents import timestamp
from otms.orders.models import TransportOrder
from otms.orders.serializers import TransportOrderSerializer
from otms.orders.wire import transport_orders

ANSWERS = {
    "email": wire.ReadEmailSerializer,
    "transportOrder": TransportOrderSerializer(allow_null=True),
}
WARNED = {**ANSWERS, "warnings": ErrorItem(many=True, required=False)}

MAIL = {
    "from": "Ann <ann@acme.example>",
    "subject": "Order 4711",
    "body": "Please collect 4 pallets in Rotterdam on 22-03-2026 and bring them to Vienna.",
}


class EmailViewSet(PlatformViewSet):
    """Mails that came in; an integration sees its own."""

    model = Email
    noun = "email"
    group = "Mail"

    @property
    def own(self) -> Integration | None:
        """The integration that calls, if it is one."""
        return getattr(self.request.user, "integration", None)

    @cached_property
    def records(self) -> Any:
        return super().records.filter(integration=self.own) if self.own else super().records

    @route(
        "POST",
        "integration/email",
        "receive:integration:email",
        takes_in="transportOrder",
        takes=wire.EmailSerializer,
        answers=WARNED,
        example={**MAIL, "messageId": "4711@acme.example"},
    )
    def receive(self, request: Any) -> Response:
        """Bring a mail in: it is stored, read, and made a draft of an order."""
        return self._received(self.read(wire.EmailSerializer))

    @route(
        "PUT",
        "transportOrder/mail/receiver",
        "receive:transportOrder:mail",
        takes_in="transportOrder",
        takes=wire.MailSerializer,
        answers=WARNED,
        example=MAIL,
    )
    def receive_vendors(self, request: Any) -> Response:
        """The same with the vendor's three fields; each call brings in a new mail."""
        return self._received(self.read(wire.MailSerializer))

    @route(
        "GET",
        "integration/email/<id:id>",
        "get:integration:email",
        answers=ANSWERS,
    )
    def retrieve(self, request: Any, id: UUID) -> Response:
        """A mail and what was made of it."""
        found = self.record(id)
        audit.looked("get:integration:email", found)
        return Response(self._shown(found))

    def _received(self, reader: Any) -> Response:
        if self.own and not self.own.enabled:
            raise Conflict("This integration is switched off: enable it to bring mails in.")
        cause = origin.current()
        if self.own:
            cause = origin.imported(self.own.pk, cause.hops)
        with origin.caused_by(cause), transaction.atomic():
            made = inbound.receive(self.platform, self.own, reader.mail(), str(self.request.user))
            if self.own and made.email.integration_id != self.own.pk:
                raise Conflict("A mail with this messageId came in before, and not through you.")
        answer = self._shown(made.email)
        if made.known:
            text = "This messageId is known: this is what came of the first mail; nothing is new."
            answer["warnings"] = [{"field": "messageId", "code": "known", "message": text}]
        return Response(answer)

    def _shown(self, email: Email) -> dict[str, Any]:
        made = None if email.reply_to_id else email.transport_order_id
        orders = TransportOrder.objects.of(self.platform).filter(pk=made) if made else None
        found = transport_orders(orders) if orders is not None else []
        for order in found if self.own else ():
            # Its customer was found in the platform's books, which are not the integration's.
            if customer := order["customer"]:
                order["customer"] = {name: customer[name] for name in ("id", "name")}
        return {"email": shown(email), "transportOrder": found[0] if found else None}


def shown(email: Email) -> dict[str, Any]:
    """A mail on the wire."""
    return {
        "id": email.pk,
        "status": email.status,
        "verdict": email.verdict,
        "score": float(email.score),
        "fields": email.fields,
        "missing": email.missing,
        "warnings": email.warnings,
        "text": email.read_text,
        "from": email.sender,
        "to": email.recipients,
        "subject": email.subject,
        "messageId": email.message_id or None,
        "inReplyTo": email.in_reply_to or None,
        "replyToId": email.reply_to_id,
        "transportOrderId": email.transport_order_id,
        "integrationId": email.integration_id,
        "attachments": [
            {"id": each.pk, "name": each.original_name, "size": each.size, "format": each.format}
            for each in email.attachments.defer("content").order_by("created_at", "id")
        ],
        "receivedAt": timestamp(email.created_at),
    }


viewsets = [EmailViewSet]
