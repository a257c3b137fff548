"""Counter: what became of an integration's objects in one minute, and in all time.

Written with the outcomes, so that graphs, metrics and alerts never look at the logs.
"""

from bisect import bisect_left
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from math import inf
from typing import Any

from django.db import connections, models

from integrations.models.gate import EVER
from integrations.models.outcome import Outcome
from otms.accounts.tenancy import PlatformQuerySet
from otms.db.text import Asked, together

# `sent` counts what a target took, each step of an object by itself; `failed` what was given up.
COUNTS = ("sent", "failed", "retried", "skipped", "cancelled", "interrupted")
# Upper ends in seconds, as Prometheus has them: `le`.
BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 900, inf)
_ENDS = [f"{end * 1000:.0f}" if end < inf else "more" for end in BUCKETS]
CALLS = [f"calls_{end}" for end in _ENDS]  # how long targets took to answer
DELAYS = [f"delays_{end}" for end in _ENDS]  # from the change to the delivery that was its last
SUMS = ("calls_ms", "delays_ms")
COLUMNS = (*COUNTS, *SUMS, *CALLS, *DELAYS)


class CounterQuerySet(PlatformQuerySet["Counter"]):
    def recording(self, outcomes: Sequence[Outcome], now: datetime) -> list[Asked]:
        """The statement that adds these outcomes, and each call that was made for them."""
        tallies: dict[tuple[Any, Any], Tally[str]] = defaultdict(Tally)
        for outcome in outcomes:
            key = (outcome.object.integration_id, outcome.object.platform_id)
            tallies[key].update(dict(_told(outcome, now)))
        return self._adding(tallies, now)

    def add(self, tallies: dict[tuple[Any, Any], Tally[str]], now: datetime) -> None:
        """Add what was counted for each (integration, platform) to its minute: one statement."""
        together(self.db, *self._adding(tallies, now))

    def _adding(self, tallies: dict[tuple[Any, Any], Tally[str]], now: datetime) -> list[Asked]:
        """The statement for that.

        The rows in the order of their key: two workers that add to the same must not wait for each
        other.
        """
        minute = now.replace(second=0, microsecond=0)
        rows = [
            Counter(platform_id=platform, integration_id=integration, minute=at, **tally)
            for (integration, platform), tally in sorted(tallies.items())
            if tally
            for at in (EVER, minute)
        ]
        if not rows:
            return []
        connection = connections[self.db]
        fields = self.model._meta.concrete_fields
        names = [field.column for field in fields]
        added = [
            f"{name} = {self.model._meta.db_table}.{name} + excluded.{name}" for name in COLUMNS
        ]
        one = f"({', '.join(['%s'] * len(names))})"
        values = [
            field.get_db_prep_save(field.pre_save(row, add=True), connection)
            for row in rows
            for field in fields
        ]
        into = f"INSERT INTO {self.model._meta.db_table} ({', '.join(names)})"
        into += f" VALUES {', '.join([one] * len(rows))} ON CONFLICT (integration_id, minute)"
        return [(f"{into} DO UPDATE SET {', '.join(added)}", values)]


class Counter(models.Model):
    """What was counted in the minute that begins at `minute`; the row of `EVER` counts all time."""

    pk = models.CompositePrimaryKey("integration_id", "minute")
    integration = models.ForeignKey(
        "integrations.Integration", models.CASCADE, related_name="counters", db_index=False
    )
    minute = models.DateTimeField()
    platform = models.ForeignKey(
        "accounts.Platform", models.CASCADE, related_name="+", db_index=False
    )

    objects = CounterQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.integration_id} at {self.minute:%Y-%m-%d %H:%M}"

    @property
    def counts(self) -> dict[str, int]:
        """All that was counted, by its column."""
        return {name: getattr(self, name) for name in COLUMNS}


for _name in COLUMNS:
    models.BigIntegerField(default=0).contribute_to_class(Counter, _name)


def _told(outcome: Outcome, now: datetime) -> Iterator[tuple[str, int]]:
    """What one outcome adds to which column."""
    if kind := outcome.counted_as:
        yield kind, 1
    if outcome.request and outcome.request.duration_ms is not None:
        took = outcome.request.duration_ms
        yield CALLS[bisect_left(BUCKETS, took / 1000)], 1
        yield "calls_ms", round(took)
    if outcome.is_delivered:
        delay = max(0.0, (now - outcome.object.created_at).total_seconds())
        yield DELAYS[bisect_left(BUCKETS, delay)], 1
        yield "delays_ms", round(delay * 1000)


def interrupted(rows: Iterable[Any]) -> dict[tuple[Any, Any], Tally[str]]:
    """The tallies of objects whose claim ended without an outcome."""
    tallies: dict[tuple[Any, Any], Tally[str]] = defaultdict(Tally)
    for row in rows:
        tallies[row.integration_id, row.platform_id]["interrupted"] += 1
    return tallies
