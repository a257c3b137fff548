"""The API of trials: what a mapping would make, and one real call that is marked as a test."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.response import Response

from integrations import trial
from integrations.api import rows, shapes
from integrations.api import trial_serializers as trial_wire
from integrations.api.living import WholeIntegrations
from integrations.api.refusals import as_error, refuse
from integrations.core import filters, mapping, suggestion
from integrations.core.errors import ExpressionError, FilterError, Problem
from integrations.models import (
    EntityChange,
    Integration,
)
from otms import documents
from otms.api.errors import FieldErrors
from otms.api.permissions import may
from otms.api.router import EXAMPLE_ID, route


class TrialViewSet(WholeIntegrations):
    """Mappings and integrations, tried before they are relied on."""

    @route(
        "POST",
        "integration/dataSource/mapping:test",
        "test:mapping",
        takes=trial_wire.MappingTestSerializer,
        answers={
            "result": serializers.JSONField(),
            "warnings": trial_wire.MappingWarningSerializer(many=True),
            "matched": serializers.BooleanField(required=False),
            "trace": serializers.ListField(required=False),
        },
        example={
            "mapping": {
                "erp_order_id": "$.transportOrder.id",
                "customer_name": "$.transportOrder.customer.name",
            },
            "testData": {"transportOrder": {"id": EXAMPLE_ID, "customer": {"name": "Acme Corp"}}},
        },
    )
    def test_mapping(self, request: Any) -> Response:
        """Apply a mapping, and filters if given, to test data; nothing is sent or stored."""
        given = self.read(trial_wire.MappingTestSerializer).validated_data
        problems = [p.under("mapping") for p in mapping.check(given["mapping"])]
        problems += [p.under("filters") for p in filters.check(given.get("filters"))]
        refuse(problems)
        try:
            made = mapping.compile(given["mapping"]).apply(given["test_data"], explain=True)
            answer: dict[str, Any] = {
                "result": made.value,
                "warnings": [
                    {"target": w.target, "path": w.path, "message": w.message}
                    for w in made.warnings
                ],
            }
            if given.get("filters") is not None:
                verdict = filters.evaluate(given["filters"], given["test_data"])
                documents.dumps(verdict.trace)
                answer |= {"matched": verdict.matched, "trace": verdict.trace}
        except documents.DocumentError as error:
            text = f"What a filter finds can't be shown: {error}"
            refuse([Problem("filters", "filters_error", text)])
        except ExpressionError as error:
            part = "filters" if isinstance(error, FilterError) else "mapping"
            refuse([Problem(error.target, f"{part}_error", error.said).under(part)])
        return Response(answer)

    @route(
        "POST",
        "integration/<id:id>/test",
        "test:integration",
        takes=trial_wire.TestIntegrationSerializer,
        answers={"test": trial_wire.TrialSerializer},
        optional=True,
        example={"entityId": EXAMPLE_ID, "force": True},
    )
    def test(self, request: Any, id: UUID) -> Response:
        """Make one real call, marked as a test, with a record or the example of the catalogue."""
        given = self.read(trial_wire.TestIntegrationSerializer).validated_data
        integration = self.record(id)
        place = self._place(integration, given.get("data_source_id"))
        change = self._change(integration, given.get("entity_id"))
        is_real = given.get("entity_id") is not None
        tried = trial.tried(integration, change, place, force=given["force"], is_real=is_real)
        return Response({"test": rows.trial_row(tried)})

    @route(
        "POST",
        "integration/mapping:suggest",
        "suggest:mapping",
        takes=trial_wire.MappingSuggestSerializer,
        answers={
            "mapping": serializers.JSONField(),
            "suggestions": trial_wire.SuggestionSerializer(many=True),
        },
        example={
            "example": {"order_no": "4711", "consignee": {"city": "Ulm"}, "gross_wt": 12.5},
            "entity": "transportOrder",
        },
    )
    def suggest_mapping(self, request: Any) -> Response:
        """Suggest a mapping for an example of what a target wants; nothing is sent or stored."""
        given = self.read(trial_wire.MappingSuggestSerializer).validated_data
        entity = given["entity"]
        try:
            made = suggestion.suggest(
                given["example"], given.get("format"), entity, shapes.document(entity)
            )
        except suggestion.ExampleError as error:
            refuse([Problem("example", "unreadable", str(error))])
            raise
        told = [
            {
                "target": each.target,
                "path": each.path,
                "confidence": each.confidence,
                "reason": each.reason,
                "alternatives": [{"path": path, "confidence": c} for path, c in each.alternatives],
            }
            for each in made.suggestions
        ]
        return Response({"mapping": made.mapping, "suggestions": told})

    def _place(self, integration: Integration, wanted: UUID | None) -> int:
        """Which of the data sources it is; the first, if nobody says."""
        known = [each.pk for each in integration.data_sources.all()]
        if wanted in (None, *known):
            return known.index(wanted) if wanted else 0
        text = f"This integration has no data source with the id {wanted}."
        raise FieldErrors([as_error(Problem("dataSourceId", "not_found", text))])

    def _change(self, integration: Integration, wanted: UUID | None) -> EntityChange:
        """The record that is told of; the example, if nobody names one."""
        entity = integration.trigger_entity
        if wanted is None:
            return trial.change_to(integration, shapes.example(entity))
        if not may(self.request, f"get:{entity}"):
            text = f"What a {entity} makes is for who may see one; leave entityId out."
            raise PermissionDenied(text)
        if (found := trial.change_of(integration, wanted)) is None:
            text = f"There is no {entity} with the id {wanted}."
            raise FieldErrors([as_error(Problem("entityId", "not_found", text))])
        return found


viewsets = [TrialViewSet]
