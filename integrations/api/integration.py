"""The API of integrations: made, read, changed, deleted, found."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from rest_framework.response import Response

from integrations import definition, egress
from integrations.api import serializers as wire
from integrations.api import shapes
from integrations.api.living import TOTAL, WholeIntegrations
from integrations.api.refusals import as_error, owned_elsewhere, refuse
from integrations.models import (
    Integration,
    Stale,
)
from otms.api.errors import Conflict
from otms.api.router import EXAMPLE_ID, route
from otms.api.serializers import MOST_WARNINGS, ErrorItem
from otms.orders.saving import refuse_taken

ONE = {"integration": wire.IntegrationSerializer}
PART = wire.IntegrationSerializer(partial=True)
WARNED = {**ONE, "warnings": ErrorItem(many=True, required=False)}
MANY = {"integrations": wire.IntegrationSerializer(many=True), **TOTAL}
TRIES = 3  # of an update that others keep overtaking


class IntegrationViewSet(WholeIntegrations):
    """Integrations; with its credential, an integration sees the same of itself."""

    serializer = wire.IntegrationSerializer
    searchable = {"id": "id", "name": "name", "type": "type", "enabled": "enabled"}

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


viewsets = [IntegrationViewSet]
