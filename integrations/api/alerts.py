"""The API of alerts: who is told when deliveries fail, and what they were told."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework import serializers
from rest_framework.response import Response

from integrations import definition, egress
from integrations.alerts import saving, sending
from integrations.api import alert_serializers as wire
from integrations.api.refusals import as_error, refuse
from integrations.core.spellings import MASK
from integrations.models import Alert, AlertRecipient, Notice
from otms.api.router import EXAMPLE_ID, route
from otms.api.serializers import MOST_WARNINGS, WireSerializer
from otms.api.views import PlatformViewSet
from otms.documents import timestamp
from otms.orders.saving import refuse_taken
from otms.orders.views import EntityViewSet

SENT = "The test was sent to {}. {}"


class AlertRecipientViewSet(EntityViewSet):
    """Who is told of alerts: of all of the platform, or of one integration."""

    model = AlertRecipient
    noun = "alertRecipient"
    plural = "alertRecipients"
    group = "Alert"
    examples = {
        "create": {"name": "On call", "url": "https://pager.example/otms"},
        "update": {"id": EXAMPLE_ID, "enabled": False},
        "search": {"integrationId": EXAMPLE_ID},
    }
    serializer = wire.AlertRecipientSerializer
    is_looked_up = False
    searchable = {
        "id": "id",
        "name": "name",
        "integrationId": "integration_id",
        "email": "email",
        "enabled": "enabled",
    }

    @cached_property
    def records(self) -> Any:
        return super().records.select_related("integration", "platform")

    @contextmanager
    def beforehand(self) -> Iterator[None]:
        """Checking resolves the name of a host: before the transaction, which remembers it."""
        if self.is_looked_up:
            yield
            return
        self.is_looked_up = True
        with egress.remembering():
            if self.action in ("create", "update") and (url := self.request.data.get("url")):
                saving.looked_up(url)
            yield

    def create(self, request: Any) -> Response:
        """Add a recipient: a mailbox, or a webhook."""
        with self.beforehand():
            return super().create(request)

    def update(self, request: Any) -> Response:
        """Change what is sent, leave the rest; a `secret` of `***` stays as it is."""
        with self.beforehand():
            return super().update(request)

    def locked(self, id: str) -> Any:
        return self.record(id, self.records.select_for_update(no_key=True, of=("self",)))

    def save(self, record: AlertRecipient | None, given: dict[str, Any]) -> AlertRecipient:
        fields = {name: value for name, value in given.items() if name != "nonce"}
        if record is None and "id" in given:
            refuse_taken(AlertRecipient(pk=given["id"]), "id")
        for name in ("email", "url"):
            if name in fields:
                fields[name] = fields[name] or ""
        try:
            if "integration_id" in fields:
                id = fields.pop("integration_id")
                fields["integration"] = saving.known_integration(self.platform, id)
            return saving.save(self.platform, fields, record)
        except definition.Invalid as error:
            refuse(error.problems)
            raise

    def destroy(self, request: Any, id: UUID) -> Response:
        """Delete; what it was told can still be read of the alerts."""
        with transaction.atomic():
            recipient = self.locked(str(id))
            answer = self._answer(recipient)
            saving.delete(recipient)
        return answer

    def represent(self, queryset: Any) -> list[dict[str, Any]]:
        return [
            {
                "id": str(each.pk),
                "uuid": str(each.pk),
                "primaryPlatformId": str(each.platform_id),
                "name": each.name,
                "integrationId": str(each.integration_id) if each.integration_id else None,
                "email": each.email or None,
                "url": each.url or None,
                "secret": MASK if saving.signs(each) else None,
                "enabled": each.enabled,
                "createdAt": timestamp(each.created_at),
                "updatedAt": timestamp(each.updated_at),
            }
            for each in queryset
        ]

    def _answer(self, record: Any, reader: WireSerializer | None = None) -> Response:
        answer = super()._answer(record, reader)
        if reader is not None and (found := [as_error(each) for each in saving.warnings(record)]):
            said = [*answer.data.get("warnings", []), *found]
            answer.data |= {"warnings": said[:MOST_WARNINGS]}
        return answer

    @route(
        "POST",
        "alertRecipient/<id:id>/test",
        "test:alertRecipient",
        answers={"test": wire.TriedSerializer},
    )
    def test(self, request: Any, id: UUID) -> Response:
        """Send a test now, marked as one, and tell what happened."""
        recipient = self.record(id)
        test = sending.tried(recipient)
        message = SENT.format(recipient, test.said) if test.sent else test.said
        return Response({"test": {"sent": test.sent, "message": message}})


class AlertViewSet(PlatformViewSet):
    """What happened that somebody should know, and who was told."""

    model = Alert
    noun = "alert"
    group = "Alert"

    @route(
        "GET",
        "alerts/<str:offset>/<str:amount>",
        "get:alerts",
        answers={
            "alerts": wire.AlertSerializer(many=True),
            "totalResults": serializers.IntegerField(),
        },
        query=wire.AlertsQuery,
    )
    def list(self, request: Any, offset: str, amount: str) -> Response:
        """All alerts, newest first, each with what was sent to whom and what failed."""
        asked = wire.AlertsQuery(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        found = self.records.filter(**asked.validated_data).order_by("-created_at", "id")
        whole = found.select_related("integration", "data_source").prefetch_related("notices")
        return Response(
            self.paged("alerts", whole, offset, amount, lambda page: [_row(each) for each in page])
        )


def _row(alert: Alert) -> dict[str, Any]:
    source = alert.data_source
    return {
        "id": alert.pk,
        "primaryPlatformId": alert.platform_id,
        "integrationId": alert.integration_id,
        "integrationName": alert.integration.name,
        "dataSourceId": source.pk if source else None,
        "dataSourceName": str(source) if source else None,
        "kind": alert.kind,
        "message": alert.message,
        "since": alert.since,
        "createdAt": alert.created_at,
        "notices": [_notice(each) for each in alert.in_order],
    }


def _notice(notice: Notice) -> dict[str, Any]:
    return {
        "recipientId": notice.recipient_id,
        "to": notice.to,
        "outcome": notice.outcome or wire.WAITS,
        "attempts": notice.attempts,
        "error": notice.error,
        "dueAt": None if notice.outcome else notice.due_at,
        "finishedAt": notice.finished_at,
    }


viewsets = [AlertRecipientViewSet, AlertViewSet]
