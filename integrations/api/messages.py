"""The API of messages: templates, automations, and what was sent."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Substr
from rest_framework import serializers
from rest_framework.response import Response

from integrations import definition, entities
from integrations.api import message_serializers as wire
from integrations.api import shapes
from integrations.api.object_serializers import ObjectsQuery
from integrations.api.refusals import as_error, refuse
from integrations.connectors import email
from integrations.core import mapping, paths
from integrations.core.errors import Problem
from integrations.messages import ready, saving
from integrations.models import (
    Integration,
    IntegrationObject,
    IntegrationType,
    MessageAutomation,
    MessageTemplate,
    RequestLog,
    Status,
)
from otms.api.errors import Conflict
from otms.api.router import EXAMPLE_ID, route
from otms.api.serializers import MOST_WARNINGS, WireSerializer
from otms.documents import timestamp
from otms.orders.saving import refuse_taken
from otms.orders.views import EntityViewSet

TOTAL = {"totalResults": serializers.IntegerField()}
ONE = {"messageAutomation": wire.MessageAutomationSerializer}


class MessageViewSet(EntityViewSet):
    """What templates and automations have in common."""

    noun = plural = ""
    group = "Message"
    serializer = wire.Kept

    def warnings(self, record: Any) -> Iterator[dict[str, str]]:
        """What was saved and will probably not do what is meant."""
        raise NotImplementedError(f"{type(self).__name__} does not say what to warn of.")

    def locked(self, id: str) -> Any:
        saving.alone(self.platform)
        return self.record(id)

    def _answer(self, record: Any, reader: WireSerializer | None = None) -> Response:
        answer = super()._answer(record, reader)
        if reader is not None:
            found = [*answer.data.get("warnings", []), *self.warnings(record)]
            answer.data |= {"warnings": found[:MOST_WARNINGS]} if found else {}
        return answer


class MessageTemplateViewSet(MessageViewSet):
    """Texts with places for values."""

    model = MessageTemplate
    noun = "messageTemplate"
    plural = "messageTemplates"
    examples = {
        "create": ready.READY[0]["messageTemplate"],
        "update": {"id": EXAMPLE_ID, "subject": "Order {{transportOrder.name}} is here"},
        "search": {"name": "Order received"},
    }
    serializer = wire.MessageTemplateSerializer
    searchable = {"id": "id", "name": "name", "subject": "subject"}

    def represent(self, queryset: Any) -> list[dict[str, Any]]:
        return [
            {
                **_common(each),
                "name": each.name,
                "subject": each.subject,
                "body": each.body,
            }
            for each in queryset
        ]

    def save(self, record: MessageTemplate | None, given: dict[str, Any]) -> MessageTemplate:
        if record is None and "id" in given:
            refuse_taken(MessageTemplate(pk=given["id"]), "id")
        try:
            return saving.save_template(self.platform, _without_nonce(given), record)
        except definition.Invalid as error:
            refuse(error.problems)
            raise

    def destroy(self, request: Any, id: UUID) -> Response:
        """Delete a template that no automation sends; the answer shows it one last time."""
        with transaction.atomic():
            template = self.locked(str(id))
            answer = self._answer(template)
            try:
                saving.delete_template(template)
            except saving.InUse as error:
                raise Conflict(str(error)) from None
        return answer

    def warnings(self, record: MessageTemplate) -> Iterator[dict[str, str]]:
        """Paths that no record has; which kind of record it is for, the automation says."""
        shape = {key: shapes.document(key)[key] for key in entities.known()}
        for where, path in mapping.fields(record.mapping):
            if not paths.fits(path, {**shape, "before": shape}):
                near = paths.nearest(path, shape)
                hint = f" Did you mean `{near}`?" if near else ""
                text = f"`{path}` is no field that we know of.{hint}"
                yield as_error(Problem(where, "unknown_path", text))


class MessageAutomationViewSet(MessageViewSet):
    """When a template is sent, and to whom."""

    model = MessageAutomation
    noun = "messageAutomation"
    plural = "messageAutomations"
    examples = {
        "create": ready.READY[0],
        "update": {"id": EXAMPLE_ID, "enabled": False},
        "search": {"trigger": "transportOrder.created"},
    }
    serializer = wire.MessageAutomationSerializer
    searchable = {
        "id": "pk",
        "name": "integration__name",
        "enabled": "integration__enabled",
        "trigger": "trigger",
        "messageTemplate.id": "template_id",
    }

    @cached_property
    def records(self) -> Any:
        return super().records.select_related("integration", "template")

    def locked(self, id: str) -> Any:
        saving.alone(self.platform)
        return self.record(id, saving.locked(self.platform))

    def _newest(self) -> Any:
        return self.records.order_by("-integration__created_at", "pk")

    def represent(self, queryset: Any) -> list[dict[str, Any]]:
        return [
            {
                **_common(each),
                "type": IntegrationType.MESSAGE_AUTOMATION,
                "name": each.integration.name,
                "description": each.integration.description,
                "enabled": each.integration.enabled,
                "trigger": each.trigger or None,
                "automationConfig": each.automation_config,
                "messageTemplate": {"id": str(each.template_id), "name": each.template.name},
                "recipients": each.recipients,
            }
            for each in queryset
        ]

    def save(self, record: MessageAutomation | None, given: dict[str, Any]) -> MessageAutomation:
        if record is None and "id" in given:
            refuse_taken(Integration(pk=given["id"]), "id")
        try:
            return saving.save_automation(self.platform, _without_nonce(given), record)
        except definition.Invalid as error:
            refuse(error.problems)
            raise

    def destroy(self, request: Any, id: UUID) -> Response:
        """Delete: what waits is cancelled, what was sent can still be read of its integration."""
        with transaction.atomic():
            automation = self.locked(str(id))
            answer = self._answer(automation)
            saving.delete(automation)
        return answer

    def warnings(self, record: MessageAutomation) -> Iterator[dict[str, str]]:
        integration = Integration.objects.of(self.platform).get(pk=record.pk)
        for problem in definition.warnings(integration):
            yield as_error(problem.at(saving.renamed(problem.field)))
        for each in shapes.warnings(integration):
            yield {**each, "field": saving.renamed(each["field"])}

    @route(
        "POST",
        "messageAutomation/<id:id>/duplicate",
        "duplicate:messageAutomation",
        answers=ONE,
    )
    def duplicate(self, request: Any, id: UUID) -> Response:
        """A copy, switched off."""
        return self._answer(saving.duplicate(self.record(id)))

    @route(
        "GET",
        "messageAutomation-templates",
        "get:messageAutomation:templates",
        answers={"messageAutomationTemplates": wire.ReadyMade(many=True), **TOTAL},
    )
    def templates(self, request: Any) -> Response:
        """Automations to begin with, each as it can be sent to POST messageAutomation."""
        found = {"messageAutomationTemplates": ready.READY, "totalResults": len(ready.READY)}
        return Response(found)

    @route(
        "GET",
        "messageAutomation/<id:id>/history/<str:offset>/<str:amount>",
        "get:messageAutomation:history",
        answers={"history": wire.MessageSerializer(many=True), **TOTAL},
        query=ObjectsQuery,
    )
    def history(self, request: Any, id: UUID, offset: str, amount: str) -> Response:
        """What was sent to whom, newest first, and what could not be; not what a filter held."""
        asked = ObjectsQuery(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        sent = RequestLog.objects.of(self.platform).filter(object=OuterRef("pk")).order_by("-id")
        found = (
            IntegrationObject.objects.of(self.platform)
            .filter(integration_id=self.record(id).pk, **asked.validated_data)
            .exclude(status=Status.SKIPPED)
            .order_by("-id")
        )
        whole = found.annotate(
            sent_to=Subquery(sent.values("url")[:1]),
            beginning=Subquery(sent.values(head=Substr("request_body", 1, email.HEAD))[:1]),
        )
        page = self.paged(
            "history", whole, offset, amount, lambda rows: [_row(each) for each in rows]
        )
        return Response({**page})


def _row(row: Any) -> dict[str, Any]:
    to, subject = email.envelope(row.sent_to or "", row.beginning or "")
    return {
        "id": row.uuid,
        "status": row.status,
        "to": to,
        "subject": subject,
        "entity": row.entity,
        "entityId": row.entity_id,
        "reference": row.reference,
        "attempts": row.attempts,
        "error": row.error or row.reason,
        "createdAt": row.created_at,
        "finishedAt": row.finished_at,
    }


def _common(record: Any) -> dict[str, Any]:
    return {
        "id": str(record.pk),
        "uuid": str(record.pk),
        "primaryPlatformId": str(record.platform_id),
        "createdAt": timestamp(record.created_at),
        "updatedAt": timestamp(record.updated_at),
    }


def _without_nonce(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != "nonce"}


viewsets = [MessageTemplateViewSet, MessageAutomationViewSet]
