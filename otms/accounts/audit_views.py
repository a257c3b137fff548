"""The API of the audit trail: who did what, newest first."""

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from otms.accounts.audit import AuditEntry
from otms.accounts.audit_serializers import AuditEntrySerializer, AuditQuery
from otms.api.router import route
from otms.api.views import PlatformViewSet


class AuditViewSet(PlatformViewSet):
    """The audit trail: only read, and only by who owns the platform."""

    model = AuditEntry
    noun = "auditEntry"
    group = "Audit trail"

    @route(
        "GET",
        "audit/<str:offset>/<str:amount>",
        "get:audit",
        answers={
            "auditEntries": AuditEntrySerializer(many=True),
            "totalResults": serializers.IntegerField(),
        },
        query=AuditQuery,
    )
    def list(self, request: Any, offset: str, amount: str) -> Response:
        """Who did what to which record, newest first."""
        asked = AuditQuery(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        found = self.records.filter(**asked.validated_data).order_by("-id")
        return Response(self.paged("auditEntries", found, offset, amount, shown))


def shown(entries: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": each.uuid,
            "primaryPlatformId": each.platform_id,
            "createdAt": each.created_at,
            "actor": {
                "kind": each.actor_kind,
                "id": each.actor_id,
                "name": each.actor_name,
                "means": each.means,
            },
            "action": each.action,
            "entity": each.entity,
            "entityId": each.entity_id,
            "entityName": each.entity_name,
            "changes": each.changes,
            "note": each.note,
            "address": each.address,
            "requestId": each.request_id,
        }
        for each in entries
    ]
