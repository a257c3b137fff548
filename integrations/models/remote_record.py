"""RemoteRecord: what the target of a data source calls a record of ours."""

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
    """What an answer says that the target calls the record; "" says that it has it no more."""

    source_id: UUID
    remote_id: str


class RemoteRecordQuerySet(PlatformQuerySet["RemoteRecord"]):
    def of_objects(self, objects: Iterable["IntegrationObject"]) -> "RemoteRecordQuerySet":
        """Those of the records that these objects are about, in whatever target of theirs."""
        asked = Q(pk=None)
        for obj in objects:
            asked |= Q(
                data_source__integration=obj.integration_id,
                entity=obj.entity,
                entity_id=obj.entity_id,
            )
        return self.filter(asked)

    def remember(self, told: Iterable[tuple["IntegrationObject", Remembered]]) -> None:
        """Keep what targets say now, and forget what they have no more."""
        for obj, said in told:
            of = {
                "platform_id": obj.platform_id,
                "data_source_id": said.source_id,
                "entity": obj.entity,
                "entity_id": obj.entity_id,
            }
            if said.remote_id:
                self.bulk_create(
                    [RemoteRecord(**of, remote_id=said.remote_id)],
                    update_conflicts=True,
                    unique_fields=["data_source", "entity", "entity_id"],
                    update_fields=["remote_id"],
                )
            else:
                self.of(obj.platform_id).filter(**of).delete()


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
    """An id as it is kept: a text, or a whole number in digits; "" for what is no id."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value).strip() if not isinstance(value, int) or abs(value) < 10**30 else ""
    return text if len(text) <= LONGEST_ID else ""
