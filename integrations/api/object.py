"""The API of one object: its whole story, and the two handles a person has."""

from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from integrations import story
from integrations.api import object_serializers as object_wire
from integrations.api import rows
from integrations.models import IntegrationObject
from integrations.tasks import wake
from otms.accounts import audit
from otms.api.errors import Conflict
from otms.api.router import route
from otms.api.views import PlatformViewSet

ONE = {"object": object_wire.ObjectStorySerializer}


class ObjectViewSet(PlatformViewSet):
    """Objects of the queue, known by their uuid; an integration sees its own."""

    model = IntegrationObject
    noun = "object"
    group = "Integration"

    @cached_property
    def records(self) -> Any:
        own = getattr(self.request.user, "integration", None)
        return super().records.filter(integration=own) if own else super().records

    def record(self, id: UUID | str | None, records: Any = None) -> Any:
        found = (self.records if records is None else records).filter(uuid=id).first()
        if found is None:
            raise NotFound(f"There is no object with the id '{id}'.")
        return found

    @route("GET", "integration/object/<id:id>", "get:integration:object", answers=ONE)
    def retrieve(self, request: Any, id: UUID) -> Response:
        """What changed, what was decided and sent, what came back, and what happens next."""
        return self._answer(id)

    @route(
        "POST",
        "integration/object/<id:id>/requeue",
        "requeue:integration:object",
        takes=object_wire.RequeueSerializer,
        answers=ONE,
        optional=True,
        example={"mapping": "current", "anew": False},
    )
    def requeue(self, request: Any, id: UUID) -> Response:
        """Put back in the queue: the same object under the same id, due now, with a full budget."""
        given = self.read(object_wire.RequeueSerializer).validated_data
        chosen = self.records.filter(pk=self.record(id).pk)
        by, original = f"{request.user} through the API", given["mapping"] == "original"
        if not chosen.requeue(by, anew=given["anew"], as_it_began=original):
            raise Conflict(story.why_not_requeued(self.record(id)))
        transaction.on_commit(wake)
        return self._answer(id)

    @route("POST", "integration/object/<id:id>/cancel", "cancel:integration:object", answers=ONE)
    def cancel(self, request: Any, id: UUID) -> Response:
        """Cancel: nothing is sent, and what waits behind it goes on."""
        chosen = self.records.filter(pk=self.record(id).pk)
        if not chosen.cancel(f"Cancelled by {request.user} through the API."):
            raise Conflict(story.why_not_cancelled(self.record(id)))
        transaction.on_commit(wake)
        return self._answer(id)

    def _answer(self, id: UUID) -> Response:
        whole = self.records.select_related("change", "since", "replay_of", "integration__gate")
        found = self.record(id, whole)
        audit.looked("get:integration:object", found)
        return Response({"object": rows.object_story(found)})


viewsets = [ObjectViewSet]
