"""The API of a record that somebody misses: what each integration made of its last change."""

from typing import Any
from uuid import UUID

from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from integrations import explain
from integrations.api.explain_serializers import ExplanationSerializer, RecordQuery
from integrations.models import EntityChange
from otms.api.router import EXAMPLE_ID, route
from otms.api.views import PlatformViewSet


class ExplainViewSet(PlatformViewSet):
    """Why something did not arrive, asked with what the customer knows of it."""

    model = EntityChange
    noun = "change"
    group = "Integration"

    @route(
        "GET",
        "integration/explain",
        "get:integration:explanation",
        query=RecordQuery,
        answers={"explanation": ExplanationSerializer},
        example={"entityId": EXAMPLE_ID},
    )
    def retrieve(self, request: Any) -> Response:
        """What each integration made of the changes of a record, the newest, in words."""
        query = RecordQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        if (id := asked.get("entity_id")) is None:
            called = explain.find(self.platform, asked["entity"], asked["q"])
            if not called:
                raise NotFound(f"There is no {asked['entity']} called {asked['q']!r}.")
            id, *others = called
        else:
            others = []
        found = explain.record(self.platform, asked["entity"], id)
        return Response({"explanation": _row(asked["entity"], id, others, found)})


def _row(entity: str, id: UUID, others: list[UUID], found: explain.Explanation) -> dict[str, Any]:
    change = found.change
    return {
        "entity": entity,
        "entityId": id,
        "reference": change.reference if change else "",
        "others": others,
        "change": change
        and {
            "action": change.action,
            "changedFields": change.changed_fields,
            "createdAt": change.created_at,
        },
        "why": found.why,
        "integrations": [
            {
                "integrationId": told.integration.pk,
                "name": told.integration.name,
                "status": told.object and told.object.status,
                "objectId": told.object and told.object.uuid,
                "why": told.why,
            }
            for told in found.integrations
        ],
    }


viewsets = [ExplainViewSet]
