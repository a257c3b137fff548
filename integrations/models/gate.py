"""Gate: what a claim must pass, one narrow row per integration; its lock makes caps exact."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import models

EVER = datetime(1970, 1, 1, tzinfo=UTC)
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)


class Gate(models.Model):
    """How many at once, for how long, and whether at all; served in turn (`served_at`)."""

    integration = models.OneToOneField(
        "integrations.Integration", models.CASCADE, primary_key=True, related_name="gate"
    )
    cap = models.PositiveIntegerField(default=8)
    lease_seconds = models.FloatField(default=30)
    served_at = models.DateTimeField(default=EVER)
    paused_until = models.DateTimeField(default=EVER)
    pause_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["served_at"], name="gate_served")]

    def __str__(self) -> str:
        return f"gate of {self.integration_id}"

    @classmethod
    def keep(cls, integration: Any) -> None:
        """Make the gate fit what the integration says now; saving it also ends a pause."""
        # What a deleted one left behind, a call in flight or a save at that moment, comes through
        # and is cancelled when its turn comes.
        held = not integration.enabled and integration.deleted_at is None
        cls.objects.update_or_create(
            integration=integration,
            defaults={
                "cap": integration.policy.concurrency,
                "lease_seconds": integration.policy.timeout + settings.OTMS_LEASE_MARGIN_SECONDS,
                "paused_until": FOREVER if held else EVER,
                "pause_reason": "The integration is not enabled." if held else "",
            },
        )
