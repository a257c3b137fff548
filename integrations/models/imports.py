"""ImportRow (a row, and what became of it) and ExternalId (what a partner calls a record)."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import models

from otms.accounts.tenancy import PlatformQuerySet
from otms.db.fields import DocumentField


class Outcome(models.TextChoices):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


class ImportRow(models.Model):
    """A row of an import; without an outcome it still waits.

    The outcome is written in the transaction of what it says, so each row is brought in once,
    however often a worker dies and whoever goes on.
    """

    platform = models.ForeignKey("accounts.Platform", models.CASCADE, related_name="+")
    task = models.ForeignKey("integrations.Task", models.CASCADE, related_name="rows")
    position = models.PositiveIntegerField()
    row = DocumentField(null=True)  # until there is an outcome
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    record_id = models.UUIDField(null=True)
    external_id = models.CharField(max_length=255, blank=True)
    errors = DocumentField(default=list)
    warnings = DocumentField(default=list)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task", "position"], name="row_of_import")]

    def __str__(self) -> str:
        return f"row {self.position}: {self.outcome or 'waits'}"


class ExternalId(models.Model):
    """What an integration calls a record of ours: one name, one record."""

    platform = models.ForeignKey("accounts.Platform", models.CASCADE, related_name="+")
    integration = models.ForeignKey("integrations.Integration", models.CASCADE, related_name="+")
    entity = models.CharField(max_length=60)
    external_id = models.CharField(max_length=255)
    entity_id = models.UUIDField()

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "entity", "external_id"], name="one_external_id"
            )
        ]

    def __str__(self) -> str:
        return self.external_id

    @classmethod
    def held(
        cls, integration: Any, entity: str, external_ids: Collection[str]
    ) -> dict[str, "ExternalId"]:
        """The entries of these names that there are, locked until the transaction ends.

        Two imports that bring the same new name at once meet at the unique constraint: the second
        waits there for the first, fails, and finds its entry when it is tried again.
        """
        if not external_ids:
            return {}
        named: PlatformQuerySet[ExternalId] = cls.objects.of(integration.platform_id).filter(
            integration=integration, entity=entity, external_id__in=external_ids
        )
        locked = named.select_for_update(no_key=True).order_by("external_id")
        return {each.external_id: each for each in locked}

    def name(self, entity_id: UUID) -> None:
        """From now on it is this record's."""
        if self.entity_id != entity_id:
            self.entity_id = entity_id
            self.save(update_fields=["entity_id"])
