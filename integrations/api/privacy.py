"""The API of personal data: see how much is kept about somebody, and erase it."""

from typing import Any

from django.db import transaction
from rest_framework import serializers
from rest_framework.response import Response

from integrations import places, privacy
from integrations.api import rows
from integrations.api.object_serializers import TaskSerializer
from integrations.models import Task
from integrations.privacy import work
from integrations.privacy.rows import MOST_NAMED, Found
from integrations.privacy.texts import LONGEST, MOST, SHORTEST, Erasure, NotErasable
from integrations.tasks import wake_erasures
from otms.api.errors import Conflict
from otms.api.router import route
from otms.api.serializers import WireSerializer
from otms.api.views import PlatformViewSet


class EraseSerializer(WireSerializer):
    texts = serializers.ListField(
        child=serializers.CharField(min_length=SHORTEST, max_length=LONGEST),
        min_length=1,
        max_length=MOST,
        help_text="Each is looked for as it is written, in capitals or not, as whole words.",
    )
    dry_run = serializers.BooleanField(
        required=False, help_text="Answer what would be found, and change nothing."
    )

    def validate_texts(self, texts: list[str]) -> list[str]:
        try:
            return Erasure(texts).texts
        except NotErasable as error:
            raise serializers.ValidationError(str(error)) from None


class ErasureCountSerializer(serializers.Serializer):
    kind = serializers.CharField(
        help_text=f"One of {', '.join(place.kind for place in places.PLACES)}."
    )
    looked = serializers.IntegerField(help_text="Rows that were looked at.")
    found = serializers.IntegerField(help_text="Of these, rows that would be changed.")
    waiting = serializers.IntegerField(
        help_text="Rows that hold a text and are left whole until they are delivered."
    )
    unread = serializers.IntegerField(help_text="Files that are no readable text.")


class HeldSerializer(serializers.Serializer):
    kind = serializers.CharField(
        help_text=f"One of {', '.join(place.kind for place in places.RECORDS)}."
    )
    looked = serializers.IntegerField(help_text="Records that were looked at.")
    held = serializers.IntegerField(
        help_text="Of these, records that hold a text: people edit or delete them first."
    )
    ids = serializers.ListField(
        child=serializers.UUIDField(), help_text=f"Of the first {MOST_NAMED} of them."
    )


class PrivacyViewSet(PlatformViewSet):
    """What is kept about a person, on the caller's platform."""

    model = Task
    noun = "task"
    group = "Privacy"

    @route(
        "POST",
        "privacy/erase",
        privacy.ACTION,
        takes=EraseSerializer,
        answers={
            "task": TaskSerializer(allow_null=True),
            "counts": ErasureCountSerializer(many=True),
            "records": HeldSerializer(many=True),
            "complete": serializers.BooleanField(
                help_text="False: there is more than could be counted while the caller waits."
            ),
        },
        example={"texts": ["ann@example.com", "Ann Smith"], "dryRun": True},
    )
    def erase(self, request: Any) -> Response:
        """Erase texts from snapshots, logs, mails, imports and files, as a task; or only count."""
        given = self.read(EraseSerializer).validated_data
        if given.get("dry_run"):
            seen = privacy.preview(self.platform, given["texts"])
            counts = [_counted(each) for each in seen.found]
            records = [_held(each) for each in seen.records]
            said = {"counts": counts, "records": records, "complete": seen.complete}
            return Response({"task": None, **said})
        try:
            task = work.start(self.platform, given["texts"], str(request.user))
        except work.TooManyOpen as error:
            raise Conflict(str(error)) from None
        transaction.on_commit(wake_erasures)
        nothing = {"counts": [], "records": [], "complete": True}
        return Response({"task": rows.task_row(task), **nothing})


def _counted(found: Found) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "looked": found.looked,
        "found": found.rows,
        "waiting": found.waiting,
        "unread": found.unread,
    }


def _held(found: Found) -> dict[str, Any]:
    return {"kind": found.kind, "looked": found.looked, "held": found.held, "ids": found.ids}


viewsets = [PrivacyViewSet]
