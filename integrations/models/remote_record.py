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

    source_id: UUID | None = None
    remote_id: str = ""


class RemoteRecordQuerySet(PlatformQuerySet["RemoteRecord"]):
    def of_objects(self, objects: Iterable["IntegrationObject"]) -> "RemoteRecordQuerySet":
        """Those of the records that these objects are about, in whatever target of theirs."""
        return self._each((obj, "data_source__integration", obj.integration_id) for obj in objects)

    def forget_for(self, objects: Iterable["IntegrationObject"]) -> None:
        """Forget the records where these objects stand, and those that never began: at the first.

        Not for deletes, by which nothing would be created.
        """
        for obj in objects:
            if obj.change.action != "deleted":
                first = obj.integration.data_sources.values_list("pk", flat=True)[:1]
                at = obj.at_source or next(iter(first), None)
                self.of(obj.platform_id)._each([(obj, "data_source", at)]).delete()

    def _each(
        self, asked: Iterable[tuple["IntegrationObject", str, Any]]
    ) -> "RemoteRecordQuerySet":
        """The records of objects, each at one data source or at those of an integration."""
        groups: dict[tuple[str, Any, str], set[UUID]] = defaultdict(set)
        for obj, at, id in asked:
            groups[at, id, obj.entity].add(obj.entity_id)
        found = Q(pk=None)
        for (at, id, entity), ids in groups.items():
            found |= Q(**{at: id}, entity=entity, entity_id__in=ids)
        return self.filter(found)

    def remember(self, told: Iterable[tuple["IntegrationObject", Remembered]]) -> None:
        """Keep what targets say now, and forget what nobody needs any more."""
        for obj, said in told:
            if not said.remote_id:
                self.of(obj.platform_id).of_objects([obj]).delete()
                continue
            made = RemoteRecord(
                platform_id=obj.platform_id,
                data_source_id=said.source_id or UUID(int=0),
                entity=obj.entity,
                entity_id=obj.entity_id,
                remote_id=said.remote_id,
            )
            self.bulk_create(
                [made],
                update_conflicts=True,
                unique_fields=["data_source", "entity", "entity_id"],
                update_fields=["remote_id"],
            )


class RemoteRecord(models.Model):
    """The id that a target answered when a record was created there: the next call updates it."""

    platform = models.ForeignKey("accounts.Platform", models.CASCADE, related_name="+")
    data_source = models.ForeignKey("integrations.DataSource", models.CASCADE, related_name="+")
    entity = models.CharField(max_length=60)
    entity_id = models.UUIDField()
    remote_id = models.CharField(max_length=LONGEST_ID)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RemoteRecordQuerySet.as_manager()

    class Meta:
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
