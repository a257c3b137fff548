"""The API of what comes in: import rows, and see what became of them."""

from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.response import Response

from integrations import privacy, story
from integrations.api import rows
from integrations.api.living import LivingIntegrations
from integrations.api.object_serializers import TaskSerializer
from integrations.api.refusals import refuse
from integrations.core.errors import Problem
from integrations.inbound import imports
from integrations.models import ImportRow, Task
from integrations.models.imports import Outcome
from integrations.models.task import Kind, TaskStatus
from integrations.tasks import WAKE, wake_imports
from otms.api.errors import Conflict
from otms.api.router import EXAMPLE_ID, route
from otms.api.serializers import DocumentValue, ErrorItem, IdField, WireSerializer
from otms.api.views import PlatformViewSet


@extend_schema_field(
    {
        "type": "array",
        "maxItems": imports.MOST,
        "items": {"type": "object", "additionalProperties": True},
        "description": "The rows; each is taken or rejected by itself.",
    }
)
class RowsValue(DocumentValue):
    """Rows in whatever form the sender has."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, list):
            text = 'Write a list of rows: [{"externalId": "4711", "name": "4711"}].'
            raise serializers.ValidationError([ErrorDetail(text, "not_a_list")])
        if len(data) > imports.MOST:
            text = (
                f"An import has at most {imports.MOST} rows, and this one {len(data)}; send parts."
            )
            raise serializers.ValidationError([ErrorDetail(text, "too_many")])
        return data


class ImportSerializer(WireSerializer):
    integration_id = IdField()
    data = RowsValue()  # type: ignore[assignment]
    dry_run = serializers.BooleanField(
        required=False, help_text="Answer what would happen, and store nothing."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("dry_run") and len(attrs["data"]) > imports.AT_ONCE:
            text = f"A dry run looks at up to {imports.AT_ONCE} rows; send some of them."
            raise serializers.ValidationError({"data": [ErrorDetail(text, "too_many")]})
        return attrs


class TotalsSerializer(serializers.Serializer):
    total = serializers.IntegerField()
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    rejected = serializers.IntegerField()
    waiting = serializers.IntegerField()


class ImportResultSerializer(WireSerializer):
    index = serializers.IntegerField()
    status = serializers.ChoiceField(Outcome.choices)
    id = serializers.UUIDField(allow_null=True)
    external_id = serializers.CharField(allow_null=True)
    errors = ErrorItem(many=True)  # type: ignore[assignment]
    warnings = ErrorItem(many=True)  # type: ignore[assignment]


class ResultsQuery(WireSerializer):
    status = serializers.ChoiceField(Outcome.choices, required=False, source="outcome")


RESULTS = {"totals": TotalsSerializer, "results": ImportResultSerializer(many=True)}
# Of other tasks there are no rows to tell of.
OF_IMPORTS = {
    "totals": TotalsSerializer(required=False),
    "results": ImportResultSerializer(many=True, required=False),
}
STARTED = {"task": TaskSerializer(allow_null=True), **RESULTS}


class ImportViewSet(LivingIntegrations):
    """Rows for an integration; with its credential, an integration imports for itself."""

    group = "Import"

    @route(
        "POST",
        "integration/import/data",
        "import:data",
        takes_in="transportOrder",
        takes=ImportSerializer,
        answers=STARTED,
        example={
            "integrationId": EXAMPLE_ID,
            "data": [
                {"externalId": "SO-1001", "name": "4711", "customer": {"name": "Acme Corp"}},
                {"externalId": "SO-1002", "name": "4712", "customer": {"name": "Acme Corp"}},
            ],
        },
    )
    def import_data(self, request: Any) -> Response:
        """Bring rows in: up to 100 at once, more as a task that a worker carries out."""
        given = self.read(ImportSerializer).validated_data
        integration = self.record(given["integration_id"])
        if not integration.enabled:
            raise Conflict("This integration is switched off: enable it to import for it.")
        if given.get("dry_run"):
            try:
                made = imports.dry_run(integration, given["data"])
            except imports.TooMuch as error:
                refuse([Problem("data", "too_much", str(error))])
                raise
            totals = imports.totals([row.outcome for row in made])
            return Response(_answer(None, totals, made))
        task = imports.start(integration, given["data"], str(request.user))
        if task.finished_at is None:
            transaction.on_commit(wake_imports)
        return Response(_told(task))


class TaskViewSet(PlatformViewSet):
    """Long work; with its credential, an integration sees its own."""

    model = Task
    noun = "task"
    group = "Import"

    @cached_property
    def records(self) -> Any:
        caller: Any = self.request.user
        if own := getattr(caller, "integration", None):
            return super().records.filter(integration=own)
        # The platform's own work is seen by who may have it done.
        every = super().records
        return every if caller.allows(privacy.ACTION) else every.exclude(kind=Kind.ERASE)

    @route(
        "GET",
        "integration/task/<id:id>",
        "get:integration:task",
        answers={"task": TaskSerializer, **OF_IMPORTS},
        query=ResultsQuery,
    )
    def task(self, request: Any, id: UUID) -> Response:
        """A task; an import with its results so far, in the order of the rows."""
        asked = ResultsQuery(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        task = self.record(id)
        if task.kind != Kind.IMPORT:
            return Response({"task": rows.task_row(task)})
        return Response(_told(task, **asked.validated_data))

    @route(
        "POST",
        "integration/task/<id:id>/stop",
        "stop:integration:task",
        answers={"task": TaskSerializer},
    )
    def stop(self, request: Any, id: UUID) -> Response:
        """Stop an import or a replay where it is: what is done stays, and it can be resumed."""
        task = self.record(id)
        if not task.stop(f"{request.user} through the API"):
            raise Conflict(story.why_not_stopped(self.record(id)))
        return Response({"task": _row(self.record(id))})

    @route(
        "POST",
        "integration/task/<id:id>/resume",
        "resume:integration:task",
        answers={"task": TaskSerializer},
    )
    def resume(self, request: Any, id: UUID) -> Response:
        """Go on with an import or a replay that was stopped or failed, where it was."""
        task = self.record(id)
        if not task.resume():
            raise Conflict(story.why_not_resumed(self.record(id)))
        transaction.on_commit(WAKE[task.kind])
        return Response({"task": _row(self.record(id))})


def _row(task: Task, totals: imports.Totals | None = None) -> dict[str, Any]:
    """The task; of an import that goes on, counted now: it is told every second."""
    shown = rows.task_row(task)
    if task.kind != Kind.IMPORT or task.status == TaskStatus.DONE:
        return shown
    totals = totals or imports.totals_of(task)
    return {
        **shown,
        "done": totals["total"] - totals["waiting"],
        "failed": totals["rejected"],
    }


def _told(task: Task, **narrowed: Any) -> dict[str, Any]:
    through = ImportRow.objects.of(task.platform_id).filter(task=task).exclude(outcome="")
    lean = through.filter(**narrowed).defer("row").order_by("position")
    totals = imports.totals_of(task)
    return _answer(_row(task, totals), totals, lean)


def _answer(task: Any, totals: imports.Totals, results: Any) -> dict[str, Any]:
    return {"task": task, "totals": totals, "results": [_result(row) for row in results]}


def _result(row: ImportRow) -> dict[str, Any]:
    errors, warnings = imports.problems_of(row)
    return {
        "index": row.position,
        "status": row.outcome,
        "id": row.record_id,
        "externalId": row.external_id or None,
        "errors": errors,
        "warnings": warnings,
    }


viewsets = [ImportViewSet, TaskViewSet]
