"""IntegrationVersion: filters and mappings as they were, for what began with them."""

from typing import Any

from django.db import models

from otms.accounts.tenancy import PlatformQuerySet
from otms.db.before_commit import Touched, until_commit
from otms.db.fields import DocumentField


class IntegrationVersion(models.Model):
    """What an integration filtered by and how it mapped, from one of its versions on.

    `number` is the version of the integration since which it is so. A saved change of anything else
    (an address, a secret, a policy) makes none: those count at once, for retries too.
    """

    platform = models.ForeignKey("accounts.Platform", models.CASCADE, related_name="+")
    integration = models.ForeignKey(
        "integrations.Integration", models.CASCADE, related_name="versions"
    )
    number = models.PositiveIntegerField()
    filters = DocumentField(default=list)
    mappings = DocumentField(default=dict)  # by the id of the data source
    conditions = DocumentField(null=True)  # its filters, the same way; null: there were none
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["integration", "number"], name="one_of_a_number")
        ]
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"version {self.number} of {self.integration_id}"

    @property
    def language(self) -> tuple[Any, ...]:
        """What it says in our language."""
        return self.filters, self.mappings, self.conditions or {}


def keep(integration: Any, using: str) -> None:
    """Before the running transaction commits, keep what the integration says then, if it is new."""
    until_commit(_keep, using)[integration.pk] = None


def _keep(touched: Touched, using: str) -> None:
    from integrations.models.integration import Integration

    everywhere = Integration.objects.using(using).across_platforms()
    for integration in everywhere.filter(pk__in=touched).prefetch_related("data_sources"):
        sources = integration.data_sources.all()
        said = IntegrationVersion(
            platform_id=integration.platform_id,
            integration=integration,
            number=integration.version,
            filters=integration.filters or [],
            mappings={str(each.pk): each.mapping for each in sources},
            conditions={str(each.pk): each.filters for each in sources if each.filters},
        )
        known = IntegrationVersion.objects.using(using).of(integration.platform_id)
        newest = known.filter(integration=integration).first()
        if newest is None or newest.language != said.language:
            said.save(using=using)
