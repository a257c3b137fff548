"""The API of what an integration did: its queue, its story, its calls and its tasks."""

from typing import Any
from uuid import UUID

from rest_framework.response import Response

from integrations.api import object_serializers as object_wire
from integrations.api import rows
from integrations.api.living import TOTAL, LivingIntegrations
from integrations.api.object_serializers import (
    ListQuery,
    LogsQuery,
    ObjectsQuery,
    RequestLogsQuery,
    TasksQuery,
)
from integrations.models import (
    Integration,
    IntegrationObject,
    Log,
    RequestLog,
    Task,
)
from otms.accounts import audit
from otms.api.router import route

LIST = "<id:id>/{}/<str:offset>/<str:amount>"


class HistoryViewSet(LivingIntegrations):
    """What one integration did, newest first."""

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


viewsets = [HistoryViewSet]
