"""The API of integrations: define, credentials, mapping test, and what happens in the queue."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.response import Response

from integrations import definition, egress, signing_secret, trial
from integrations.api import object_serializers as object_wire
from integrations.api import rows, shapes
from integrations.api import serializers as wire
from integrations.api import trial_serializers as trial_wire
from integrations.api.living import LivingIntegrations
from integrations.api.object_serializers import (
    ListQuery,
    LogsQuery,
    ObjectsQuery,
    RequestLogsQuery,
    TasksQuery,
)
from integrations.core import filters, mapping, signing, suggestion
from integrations.core.errors import ExpressionError, FilterError, Problem
from integrations.models import (
    EntityChange,
    Integration,
    IntegrationObject,
    Log,
    RequestLog,
    Stale,
    Task,
)
from otms import documents
from otms.accounts import audit
from otms.api.errors import Conflict, FieldErrors
from otms.api.permissions import may
from otms.api.router import EXAMPLE_ID, route
from otms.api.serializers import MOST_WARNINGS, ErrorItem
from otms.orders.saving import refuse_taken

TOTAL = {"totalResults": serializers.IntegerField()}
ONE = {"integration": wire.IntegrationSerializer}
PART = wire.IntegrationSerializer(partial=True)
WARNINGS = {"warnings": ErrorItem(many=True, required=False)}
WARNED = {**ONE, "warnings": ErrorItem(many=True, required=False)}
MANY = {"integrations": wire.IntegrationSerializer(many=True), **TOTAL}
LIST = "<id:id>/{}/<str:offset>/<str:amount>"
TRIES = 3  # of an update that others keep overtaking


class IntegrationViewSet(LivingIntegrations):
    """Integrations; with its credential, an integration sees the same of itself."""

    serializer = wire.IntegrationSerializer
    searchable = {"id": "id", "name": "name", "type": "type", "enabled": "enabled"}

    @cached_property
    def records(self) -> Any:
        return super().records.select_related("gate").prefetch_related("data_sources")

    @route(
        "POST",
        "integration",
        "create:integration",
        takes=wire.IntegrationSerializer,
        answers=WARNED,
        example={
            "name": "ERP",
            "type": "configured",
            "trigger": {"entity": "transportOrder", "actions": ["created", "updated"]},
            "filters": [
                {"field": "$.transportOrder.status", "operator": "eq", "value": "requested"}
            ],
            "dataSources": [
                {
                    "connector": "webhook",
                    "settings": {"url": "https://erp.example/orders"},
                    "mapping": {"erp_order_id": "$.transportOrder.id"},
                }
            ],
        },
    )
    def create(self, request: Any) -> Response:
        """Create an integration; name and type are enough to begin with."""
        reader = self.read(self.serializer)
        given = dict(reader.validated_data)
        if "id" in given:
            refuse_taken(Integration(pk=given["id"]), "id")
        return self._saved(reader, given, None)

    @contextmanager
    def beforehand(self) -> Iterator[None]:
        """Checking resolves the names of hosts: before the transaction, which remembers them."""
        with egress.remembering():
            if self.action == "create":
                given = dict(self.read(self.serializer).validated_data)
                given.pop("nonce", None)
                try:
                    definition.checked(self.platform, given)
                except definition.Invalid as error:
                    refuse(error.problems)
            yield

    @route(
        "PUT",
        "integration",
        "update:integration",
        takes=PART,
        answers=WARNED,
        example={"id": EXAMPLE_ID, "enabled": False},
    )
    def update(self, request: Any) -> Response:
        """Change what is sent, leave the rest; a list that is sent replaces the list."""
        id = self.body_id()
        reader = self.read(self.serializer, partial=True)
        given = {name: value for name, value in reader.validated_data.items() if name != "id"}
        for _ in range(TRIES):
            integration = self.record(id)
            self.check_stored(integration)
            with suppress(Stale), owned_elsewhere():
                return self._saved(reader, dict(given), integration)
        raise Conflict("Others keep changing this integration at this moment; try again.")

    @route("GET", "integration/<id:id>", "get:integration", answers=ONE)
    def retrieve(self, request: Any, id: UUID) -> Response:
        """One integration, with its health; secrets read as `***`."""
        return Response({"integration": definition.shown([self.record(id)])[0]})

    @route("DELETE", "integration/<id:id>", "delete:integration", answers=ONE)
    def destroy(self, request: Any, id: UUID) -> Response:
        """Delete: what waits is cancelled with the reason, the history stays."""
        integration = self.record(id)
        with owned_elsewhere():
            if not definition.delete(integration):  # somebody else was faster
                self.record(id)
        return Response({"integration": definition.shown([integration])[0]})

    @route("GET", "integrations/<str:offset>/<str:amount>", "get:integrations", answers=MANY)
    def list(self, request: Any, offset: str, amount: str) -> Response:
        """All integrations, newest first."""
        newest = self.records.order_by("-created_at", "id")
        return Response(self.paged("integrations", newest, offset, amount, definition.shown))

    @route(
        "POST",
        "integrations/<str:offset>/<str:amount>",
        "search:integrations",
        takes=PART,
        answers=MANY,
        example={"type": "configured", "enabled": True},
    )
    def search(self, request: Any, offset: str, amount: str) -> Response:
        """Search by example: the body is a partial integration; newest first."""
        found = self.records.filter(**self.by_example()).order_by("-created_at", "id")
        return Response(self.paged("integrations", found, offset, amount, definition.shown))

    @route(
        "POST",
        "integration/generate/signingSecret",
        "generate:integration:signingSecret",
        takes=wire.GenerateSigningSecretSerializer,
        answers={"signing": wire.SigningSecretSerializer, **WARNINGS},
        example={
            "integrationId": EXAMPLE_ID,
            "dataSourceId": EXAMPLE_ID,
            "keepPreviousFor": "PT24H",
        },
    )
    def generate_signing_secret(self, request: Any) -> Response:
        """A new signing secret of a data source, shown once; the one before it signs on a while."""
        given = self.read(wire.GenerateSigningSecretSerializer).validated_data
        integration = self.record(given["integration_id"])
        try:
            with owned_elsewhere():
                source, secret, cut = signing_secret.renew(
                    integration,
                    given["data_source_id"],
                    scheme=given["scheme"],
                    keep=given["keep_previous_for"],
                )
        except definition.Invalid as error:
            refuse(error.problems)
        public = signing.public_key(secret)
        return Response(
            {
                "signing": {
                    "dataSourceId": source.pk,
                    "secret": None if public else secret,
                    "publicKey": public or None,
                    "previousSecretUntil": (source.settings or {}).get("previousSecretUntil"),
                },
                **overlap_cut("previousSecretUntil", signing_secret.cut_short(cut) if cut else ""),
            }
        )

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

    @route(
        "GET",
        "integration/" + LIST.format("objects"),
        "get:integration:objects",
        answers={"objects": object_wire.ObjectSerializer(many=True), **TOTAL},
        query=ObjectsQuery,
    )
    def objects(self, request: Any, id: UUID, offset: str, amount: str) -> Response:
        """The queue of an integration, newest first."""
        found = self._about(id, IntegrationObject).select_related("change", "since", "replay_of")
        # The snapshots are what is big about a change, and no row shows them.
        lean = found.defer("change__before", "change__after")
        return self._monitored("objects", lean, ObjectsQuery, rows.object_row, offset, amount)

    @route(
        "GET",
        "integration/" + LIST.format("logs"),
        "get:integration:logs",
        answers={"logs": object_wire.LogSerializer(many=True), **TOTAL},
        query=LogsQuery,
    )
    def logs(self, request: Any, id: UUID, offset: str, amount: str) -> Response:
        """The story of an integration, newest line first."""
        found = self._about(id, Log).select_related("object")
        audit.looked("get:integration:logs", Integration(pk=id, platform=self.platform))
        return self._monitored("logs", found, LogsQuery, rows.log_row, offset, amount)

    @route(
        "GET",
        "integration/" + LIST.format("requestLogs"),
        "get:integration:requestLogs",
        answers={"requestLogs": object_wire.RequestLogSerializer(many=True), **TOTAL},
        query=RequestLogsQuery,
    )
    def request_logs(self, request: Any, id: UUID, offset: str, amount: str) -> Response:
        """What was sent and what came back, newest first."""
        found = self._about(id, RequestLog).select_related("object")
        audit.looked("get:integration:requestLogs", Integration(pk=id, platform=self.platform))
        query, row = RequestLogsQuery, rows.request_log_row
        return self._monitored("requestLogs", found, query, row, offset, amount)

    @route(
        "GET",
        "integration/" + LIST.format("tasks"),
        "get:integration:tasks",
        answers={"tasks": object_wire.TaskSerializer(many=True), **TOTAL},
        query=TasksQuery,
    )
    def tasks(self, request: Any, id: UUID, offset: str, amount: str) -> Response:
        """Long work, newest first: imports, replays, pick-ups."""
        found = self._about(id, Task).order_by("-created_at", "id")
        return self._monitored("tasks", found, TasksQuery, rows.task_row, offset, amount)

    def _saved(
        self, reader: Any, given: dict[str, Any], integration: Integration | None
    ) -> Response:
        nonce = given.pop("nonce", None)
        try:
            saved = definition.save(self.platform, given, integration)
        except definition.Invalid as error:
            refuse(error.problems)
        stored = self.record(saved.pk)
        shown = definition.shown([stored])[0]
        found = definition.warnings(stored) if "data_sources" in given else ()
        warnings = [*reader.warnings(), *map(as_error, found), *shapes.warnings(stored)]
        return Response(
            {
                "integration": {**shown, **({} if nonce is None else {"nonce": nonce})},
                **({"warnings": warnings[:MOST_WARNINGS]} if warnings else {}),
            }
        )

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

    def _about(self, id: UUID, model: Any) -> Any:
        """The rows of one integration, deleted ones included: their history stays."""
        known = Integration.objects.of(self.platform)
        own = getattr(self.request.user, "integration", None)
        integration = self.record(id, known.filter(pk=own.pk) if own else known)
        return model.objects.of(self.platform).filter(integration=integration).order_by("-id")

    def _monitored(
        self,
        key: str,
        found: Any,
        query: type[ListQuery],
        row: Any,
        offset: str,
        amount: str,
    ) -> Response:
        asked = query(data=self.request.query_params.dict())
        asked.is_valid(raise_exception=True)
        narrowed = found.filter(**asked.validated_data)
        return Response(
            self.paged(key, narrowed, offset, amount, lambda page: [row(each) for each in page])
        )


@contextmanager
def owned_elsewhere() -> Iterator[None]:
    """What was made by something of ours is changed there: a 409 that says where."""
    try:
        yield
    except definition.Owned as error:
        raise Conflict(str(error)) from None


def overlap_cut(field: str, text: str) -> dict[str, Any]:
    """The warning that something ends before the moment that was promised; nothing without one."""
    found = as_error(Problem(field, "overlap_cut", text))
    return {"warnings": [found]} if text else {}


def refuse(problems: list[Problem]) -> None:
    """A 400 with each problem at its field; nothing when there is none."""
    if problems:
        raise FieldErrors([as_error(problem) for problem in problems])


def as_error(problem: Problem) -> dict[str, str]:
    return {"field": problem.field, "code": problem.code, "message": problem.message}


viewsets = [IntegrationViewSet]
