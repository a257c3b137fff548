"""The API of replays: see what one would do, and have objects made anew."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, PermissionDenied
from rest_framework.response import Response

from integrations import replay
from integrations.api import rows
from integrations.api.living import LivingIntegrations
from integrations.api.object_serializers import ObjectsQuery, TaskSerializer
from integrations.api.refusals import refuse
from integrations.core.errors import Problem
from integrations.models import Integration, IntegrationObject, Replay, Status
from integrations.models.replay import CHOICES, AsOf
from integrations.tasks import wake_replays
from otms.accounts import audit
from otms.api.errors import Conflict
from otms.api.permissions import may
from otms.api.router import route
from otms.api.serializers import IdField, WireSerializer
from otms.documents import timestamp

MOST_IDS = 1000
WHICH = 'Say which objects: `ids`, or a `filter` such as {"status": ["ERROR"]}.'


class ReplayFilterSerializer(ObjectsQuery):
    """What narrows the list of objects."""

    form = '{"status": ["ERROR"], "since": "2026-03-22T10:00:00Z"}'
    status = serializers.ListField(  # type: ignore[assignment]
        child=serializers.ChoiceField(Status.choices), min_length=1, required=False
    )
    replays = serializers.BooleanField(
        required=False,
        help_text="Also what was itself a replay; else each change is told once.",
    )
    repaired = serializers.BooleanField(
        required=False,
        help_text="false leaves out what failed, and a replay of it was delivered or waits.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.keys() - set(CHOICES):
            names = ", ".join(name for name in self.fields if name not in CHOICES)
            text = f"Name one of {names}: an empty filter is all there ever was."
            raise serializers.ValidationError([ErrorDetail(text, "empty")])
        return attrs


class ReplaySerializer(WireSerializer):
    ids = serializers.ListField(
        child=IdField(), min_length=1, max_length=MOST_IDS, required=False, help_text="Of objects."
    )
    filter = ReplayFilterSerializer(required=False, help_text="Instead of ids.")
    snapshot = serializers.ChoiceField(
        AsOf.choices,
        required=False,
        default=AsOf.ORIGINAL,
        help_text="The change as it was, or the record as it is now.",
    )
    mapping = serializers.ChoiceField(
        AsOf.choices,
        required=False,
        default=AsOf.CURRENT,
        help_text="The filters and mappings of now, or those that the object went with.",
    )
    per_minute = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=replay.FASTEST,
        help_text="At most so many are made in any minute; null for as fast as it goes.",
    )
    dry_run = serializers.BooleanField(
        required=False, help_text="Answer what would happen, and change nothing."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("ids" in attrs) == ("filter" in attrs):
            name = "filter" if "ids" in attrs else "ids"
            text = "Give ids or a filter, not both." if "ids" in attrs else WHICH
            raise serializers.ValidationError({name: [ErrorDetail(text, "which")]})
        return attrs


class DifferenceSerializer(WireSerializer):
    path = serializers.CharField(help_text="In the body; or `method`, or `url`.")
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class DifferencesSerializer(WireSerializer):
    """Of one object at one data source: what was sent of it last, and what would be now."""

    object_id = serializers.UUIDField()
    entity_id = serializers.UUIDField()
    reference = serializers.CharField()
    data_source_id = serializers.UUIDField()
    request_log_id = serializers.UUIDField(
        allow_null=True, help_text="What was sent; null: nothing was."
    )
    changes = DifferenceSerializer(many=True)


class ReasonSerializer(WireSerializer):
    code = serializers.CharField()
    reason = serializers.CharField()
    count = serializers.IntegerField()


def _number(text: str) -> serializers.IntegerField:
    return serializers.IntegerField(required=False, help_text=text)


ANSWER = {
    "task": TaskSerializer(allow_null=True),
    "count": serializers.IntegerField(help_text="Objects that are chosen."),
    "replayed": _number(
        "Of which a replay was delivered already, or waits: they would be sent once more."
    ),
    "older": _number("Of whose record something newer was delivered: the older state comes last."),
    "blocked": _number(
        "Whose lane an error blocks: made anew, they wait until somebody ends that."
    ),
    "replays": _number("Left out, because they are replays; `replays` in the filter takes them."),
    "repaired": _number(
        "Left out, because a replay of them was delivered or waits: with `repaired` false."
    ),
    "delivered": _number("Which arrived: they would be sent once more."),
    "gone": _number("Whose record is deleted, where the record as it is now would be told."),
    "examined": _number(f"Of the newest {replay.EXAMINED}, how many were mapped in time."),
    "differ": _number("Of these, for how many something else would be sent than was."),
    "skipped": _number("Of these, how many would not be sent."),
    "failed": _number("Of these, how many could not be mapped."),
    "reasons": ReasonSerializer(many=True, required=False),
    "differences": DifferencesSerializer(many=True, required=False),
}


class ReplayViewSet(LivingIntegrations):
    """Objects of an integration, made anew."""

    @route(
        "POST",
        "integration/<id:id>/objects:replay",
        replay.ACTION,
        takes=ReplaySerializer,
        answers=ANSWER,
        example={"filter": {"status": ["ERROR", "SKIPPED"]}, "perMinute": 600, "dryRun": True},
    )
    def replay(self, request: Any, id: UUID) -> Response:
        """Make objects anew, under new ids, as a task; or see first what that would send."""
        integration = self.record(id)
        given = self.read(ReplaySerializer).validated_data
        asked = self._asked(integration, given)
        if given.get("dry_run"):
            if asked.tells_now and not may(request, f"get:{integration.trigger_entity}"):
                text = f"What a {integration.trigger_entity} is now is for who may see one."
                raise PermissionDenied(text)
            audit.looked(replay.ACTION, integration)
            return Response({"task": None, **_seen(replay.preview(asked))})
        if not integration.enabled:
            raise Conflict("This integration is switched off: enable it to replay its objects.")
        task = replay.start(asked, str(request.user))
        transaction.on_commit(wake_replays)
        return Response({"task": rows.task_row(task), "count": task.total})

    def _asked(self, integration: Integration, given: dict[str, Any]) -> Replay:
        return Replay(
            platform_id=integration.platform_id,
            integration=integration,
            rows=self._rows(integration, given["ids"]) if "ids" in given else None,
            chosen=_words(given["filter"]) if "filter" in given else None,
            snapshot=given["snapshot"],
            mapping=given["mapping"],
            per_minute=given["per_minute"],
        )

    def _rows(self, integration: Integration, ids: list[UUID]) -> list[int]:
        of = IntegrationObject.objects.of(self.platform).filter(integration=integration)
        known = dict(of.filter(uuid__in=ids).values_list("uuid", "pk"))
        refuse(
            [
                Problem(f"ids[{place}]", "not_found", f"There is no object with the id '{each}'.")
                for place, each in enumerate(ids)
                if each not in known
            ]
        )
        return sorted(known.values())


def _words(narrowed: dict[str, Any]) -> dict[str, Any]:
    """The filter as it is kept, in the words of the wire."""
    fields = ReplayFilterSerializer().fields
    return {
        name: _spelled(narrowed[field.source])
        for name, field in fields.items()
        if field.source in narrowed
    }


def _spelled(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return timestamp(value) if isinstance(value, datetime) else value


def _seen(seen: replay.Preview) -> dict[str, Any]:
    return {
        "count": seen.count,
        "replayed": seen.replayed,
        "repaired": seen.repaired,
        "delivered": seen.delivered,
        "older": seen.older,
        "blocked": seen.blocked,
        "replays": seen.replays,
        "gone": seen.gone,
        "examined": seen.examined,
        "differ": seen.differ,
        "skipped": seen.skipped,
        "failed": seen.failed,
        "reasons": [
            {"code": code, "reason": reason, "count": count}
            for code, reason, count in seen.reasons_told
        ],
        "differences": [
            {
                "objectId": each.object.uuid,
                "entityId": each.object.entity_id,
                "reference": each.object.reference,
                "dataSourceId": each.data_source_id,
                "requestLogId": each.sent.uuid if each.sent else None,
                "changes": [
                    {"path": one.path, "before": one.before, "after": one.after}
                    for one in each.differences
                ],
            }
            for each in seen.compared
        ],
    }


viewsets = [ReplayViewSet]
