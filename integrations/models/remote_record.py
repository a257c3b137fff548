"""RemoteRecord: what the target of a data source calls a record of ours."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models
from django.db.models import Q

from otms.accounts.tenancy import PlatformQuerySet

if TYPE_CHECKING:
    from integrations.models.object import IntegrationObject

LONGEST_ID = 255


@dataclass(frozen=True)
class Remembered:
    """What an answer says that a target calls the record; without it, all that was known of it is
    forgotten."""

    source_id: Any = None
    remote_id: str = ""


class RemoteRecordQuerySet(PlatformQuerySet["RemoteRecord"]):
    def of_objects(self, objects: Iterable["IntegrationObject"]) -> "RemoteRecordQuerySet":
        """Those of the records that these objects are about, in whatever target of theirs."""
        return self._at("data_source__integration", ((obj.integration_id, obj) for obj in objects))

    def forget_for(self, objects: Iterable["IntegrationObject"]) -> None:
        """Forget the records where these objects stand, and those that never began: at the first.

        Not for deletes, by which nothing would be created.
        """
        platforms: dict[Any, list[tuple[Any, IntegrationObject]]] = defaultdict(list)
        first: dict[Any, Any] = {}
        for obj in objects:
            if obj.change.action == "deleted":
                continue
            if obj.at_source is None and obj.integration_id not in first:
                source = obj.integration.data_sources.first()
                first[obj.integration_id] = source and source.pk
            at = obj.at_source or first[obj.integration_id]
            platforms[obj.platform_id].append((at, obj))
        for platform_id, standing in platforms.items():
            self.of(platform_id)._at("data_source", standing).delete()

    def _at(
        self, place: str, standing: Iterable[tuple[Any, "IntegrationObject"]]
    ) -> "RemoteRecordQuerySet":
        """The records that objects are about, each in a place of its own."""
        ids: dict[tuple[Any, str], set[UUID]] = defaultdict(set)
        for at, obj in standing:
            ids[at, obj.entity].add(obj.entity_id)
        found = Q(pk=None)
        for (at, entity), of_records in ids.items():
            found |= Q(**{place: at}, entity=entity, entity_id__in=of_records)
        return self.filter(found)

    def remember(self, told: Iterable[tuple["IntegrationObject", Remembered]]) -> None:
        """Keep what targets say now, the last word on each; and forget what nobody needs more."""
        made: dict[tuple[Any, UUID], RemoteRecord] = {}
        for obj, said in told:
            if said.remote_id:
                made[said.source_id, obj.entity_id] = RemoteRecord(
                    platform_id=obj.platform_id,
                    data_source_id=said.source_id,
                    entity=obj.entity,
                    entity_id=obj.entity_id,
                    remote_id=said.remote_id,
                )
            else:
                self.of(obj.platform_id).of_objects([obj]).delete()
        self.bulk_create(
            made.values(),
            update_conflicts=True,
            unique_fields=["data_source", "entity", "entity_id"],
            update_fields=["remote_id"],
        )


class RemoteRecord(models.Model):
    """The id that a target answered when a record was created there: the next call updates it."""

    platform = models.ForeignKey(
        "accounts.Platform", models.CASCADE, related_name="+", db_index=False
    )
    data_source = models.ForeignKey("integrations.DataSource", models.CASCADE, related_name="+")
    entity = models.CharField(max_length=60)
    entity_id = models.UUIDField()
    remote_id = models.CharField(max_length=LONGEST_ID)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RemoteRecordQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["platform", "remote_id"], name="remote_record_by_id")]
        constraints = [
            models.UniqueConstraint(
                fields=["data_source", "entity", "entity_id"], name="one_remote_record"
            )
        ]

    def __str__(self) -> str:
        return self.remote_id


def readable(value: Any) -> str:
    """An id as it is kept: a text, or a whole number in digits; "" for what is no id.

    `.` and `..` are none: in a URL they are steps, and name another place than the record's.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value).strip() if not isinstance(value, int) or abs(value) < 10**30 else ""
    return text if len(text) <= LONGEST_ID and text not in (".", "..") else ""
