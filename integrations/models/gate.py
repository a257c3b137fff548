"""Gate: what a claim must pass, one narrow row per integration; its lock makes caps exact."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from integrations.core.rate import Rate
from otms.db.fields import DocumentField

EVER = datetime(1970, 1, 1, tzinfo=UTC)
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
LOOK_AGAIN = timedelta(seconds=1)  # at a gate that is full only with what is in flight


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
    # The rate its target wants; null for none.
    rate_calls = models.PositiveIntegerField(null=True)
    rate_seconds = models.PositiveIntegerField(null=True)
    called = DocumentField(default=list)
    full_until = models.DateTimeField(default=EVER)

    class Meta:
        indexes = [models.Index(fields=["served_at"], name="gate_served")]

    def __str__(self) -> str:
        return f"gate of {self.integration_id}"

    @property
    def rate(self) -> Rate | None:
        if self.rate_calls is None or self.rate_seconds is None:
            return None
        return Rate(self.rate_calls, self.rate_seconds)

    def room(self, in_flight: int, now: datetime) -> int:
        """How many more may be called now; a gate that has none for its rate says until when."""
        room = max(0, self.cap - in_flight)
        if rate := self.rate:
            room = min(room, rate.left(self.called, in_flight, now.timestamp()))
            opens_at = rate.opens_at(self.called, now.timestamp())
            if not room and opens_at:
                self.full_until = datetime.fromtimestamp(opens_at, UTC)
                if rate.left(self.called, 0, now.timestamp()):  # calls in flight may come to none
                    self.full_until = min(self.full_until, now + LOOK_AGAIN)
                self.save(update_fields=["full_until"])
        return room

    def count(self, calls: int, now: datetime) -> None:
        """Calls of which the outcome is known now; its row is locked."""
        if rate := self.rate:
            self.called = rate.with_calls(self.called, calls, now.timestamp())
            self.save(update_fields=["called"])

    @classmethod
    def keep(cls, integration: Any) -> None:
        """Make the gate fit what the integration says now; saving it also ends a pause."""
        # What a deleted one left behind, a call in flight or a save at that moment, comes through
        # and is cancelled when its turn comes.
        rate, concurrency = integration.policy.rate, integration.policy.concurrency
        held = not integration.enabled and integration.deleted_at is None
        cls.objects.update_or_create(
            integration=integration,
            defaults={
                "cap": min(concurrency, rate.calls) if rate else concurrency,
                "rate_calls": rate.calls if rate else None,
                "rate_seconds": rate.seconds if rate else None,
                "full_until": EVER,
                # Resumed, it has its turn like all others, and the watchdog gives it time.
                "served_at": Now(),
                "lease_seconds": integration.policy.timeout + settings.OTMS_LEASE_MARGIN_SECONDS,
                "paused_until": FOREVER if held else EVER,
                "pause_reason": "The integration is not enabled." if held else "",
            },
        )
