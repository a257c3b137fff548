"""What Prometheus asks for, read from the database at each scrape.

So whichever of several web processes answers, it says the same, and a restart loses no count. What
a scrape costs grows with what waits and with the integrations there are, never with history.
"""

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import accumulate
from math import inf
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Max, Min, Q
from django_celery_beat.models import PeriodicTask
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from integrations import pressure
from integrations.core.room import Level
from integrations.models import (
    Alert,
    Counter,
    EntityChange,
    Gate,
    Integration,
    IntegrationObject,
    Log,
    Notice,
    RequestLog,
    Task,
)
from integrations.models.counter import BUCKETS, CALLS, DELAYS
from integrations.models.gate import EVER, FOREVER
from integrations.models.pressure import Of
from integrations.models.task import OPEN
from otms import __version__, documents
from otms.db.clock import database_now

MOST = 1000  # integrations that have series of their own; of more, platforms have
MOST_MS = 5000  # that the database may take for one of the statements
OUTCOMES = ("sent", "failed", "skipped", "cancelled")
TABLES = [
    model._meta.db_table
    for model in (IntegrationObject, EntityChange, Log, RequestLog, Counter, Gate)
]

Labels = tuple[str, str]


def text(accept: str) -> tuple[bytes, str]:
    """All of it, in the format that is asked for; and what that is called."""
    registry = CollectorRegistry()
    registry.register(DatabaseCollector())
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class DatabaseCollector(Collector):
    """The families of one scrape."""

    def collect(self) -> Iterator[Metric]:
        with transaction.atomic():
            _hurry()
            now = database_now("default")
            queue = _Queue(now)
            yield InfoMetricFamily(
                "otms_build",
                "The version that answers.",
                {"version": __version__, "database": connection.vendor},
            )
            yield from _integrations(queue)
            yield from _waiting(queue)
            yield from _counted(queue)
            yield from _deployment(now)
            yield from _intake(queue)
            yield from _stored()


class _Queue:
    """What waits, by integration, and which integrations there are."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        everywhere = IntegrationObject.objects.across_platforms().order_by()
        # The indexes that hold only what waits, or is leased, are all that these two read.
        waiting = everywhere.filter(due_at__isnull=False).values("integration")
        self.waiting = {
            row.pop("integration"): row
            for row in waiting.annotate(
                due=Count("id", filter=Q(due_at__lte=now)),
                later=Count("id", filter=Q(due_at__gt=now, due_at__lt=FOREVER)),
                blocked=Count("id", filter=Q(due_at__gte=FOREVER)),
                oldest=Min("due_at"),
            )
        }
        leased = everywhere.filter(leased=True).values("integration")
        self.leased = {
            row.pop("integration"): row
            for row in leased.annotate(
                held=Count("id", filter=Q(due_at__gt=now)),
                over=Count("id", filter=Q(due_at__lte=now)),
            )
        }
        known = Integration.objects.across_platforms().order_by("created_at", "id")
        there = Q(deleted_at=None) | Q(pk__in=[*self.waiting])
        self.integrations = list(known.filter(there).select_related("gate", "platform"))
        self.by_platform = len(self.integrations) > MOST

    def labels(self, integration: Integration) -> Labels:
        own = "" if self.by_platform else str(integration.pk)
        return str(integration.platform_id), own

    def totals(self) -> Iterable[Counter]:
        """What was counted in all time, found by its keys: the minutes are history.

        What a platform counted does not become less when an integration of it is deleted.
        """
        ids: Any = [each.pk for each in self.integrations]
        if self.by_platform:
            known = {each.platform_id for each in self.integrations}
            ids = Integration.objects.filter(platform__in=known).across_platforms().values("pk")
        return Counter.objects.across_platforms().filter(integration__in=ids, minute=EVER)

    def each(
        self, value: Callable[[Integration], float], most: bool = False
    ) -> Iterator[tuple[Labels, float]]:
        """What there is of each, by its labels; of a platform the sum, or the most."""
        found: dict[Labels, float] = {}
        for integration in self.integrations:
            key, one = self.labels(integration), value(integration)
            before = found.get(key, 0)
            found[key] = max(before, one) if most else before + one
        yield from found.items()

    def states(self, integration: Integration) -> dict[str, int]:
        waiting = self.waiting.get(integration.pk, {"due": 0, "later": 0, "blocked": 0})
        leased = self.leased.get(integration.pk, {"held": 0, "over": 0})
        # Between two statements some may have been claimed.
        return {
            "due": max(0, waiting["due"] - leased["over"]),
            "later": max(0, waiting["later"] - leased["held"]),
            "blocked": waiting["blocked"],
            "leased": leased["held"] + leased["over"],
        }

    def age(self, integration: Integration) -> float:
        """For how many seconds the oldest has been due; 0 if nothing is."""
        oldest = self.waiting.get(integration.pk, {}).get("oldest")
        return max(0.0, (self.now - oldest).total_seconds()) if oldest else 0.0

    def open_age(self, integration: Integration) -> float:
        """The same, where nothing but us keeps it from being sent."""
        gate = integration.gate
        held = gate.paused_until > self.now or gate.full_until > self.now or gate.blocked_by
        return 0.0 if held else self.age(integration)


def _hurry() -> None:
    """A scrape must not hold the database up, whatever it finds there."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(MOST_MS)])


def _gauge(name: str, told: str, values: Iterable[tuple[Labels, float]]) -> Metric:
    family = GaugeMetricFamily(name, told, labels=["platform", "integration"])
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def _integrations(queue: _Queue) -> Iterator[Metric]:
    if not queue.by_platform:
        names = ["platform", "integration", "platform_name", "name", "type"]
        info = InfoMetricFamily("otms_integration", "What an integration is called.", labels=names)
        for each in queue.integrations:
            said = (each.platform.name, each.name, each.type)
            info.add_metric([*queue.labels(each), *map(documents.visible, said)], {})
        yield info
    yield _gauge(
        "otms_integrations_disabled",
        "Switched off by a person.",
        queue.each(lambda each: not each.enabled),
    )
    yield _gauge(
        "otms_integrations_suspended",
        "Sends nothing more until a person saves or resumes it.",
        queue.each(lambda each: each.enabled and each.gate.paused_until > queue.now),
    )
    yield _gauge(
        "otms_targets_in_trouble",
        "Targets that failed time and again.",
        queue.each(lambda each: sum(one.told for one in each.gate.trouble.values())),
    )
    yield _gauge(
        "otms_targets_held_back",
        "Of those, the ones that get a call at a time until they work again.",
        queue.each(lambda each: sum(one.held for one in each.gate.trouble.values())),
    )


def _waiting(queue: _Queue) -> Iterator[Metric]:
    depth: dict[tuple[str, ...], float] = defaultdict(float)
    for each in queue.integrations:
        for state, count in queue.states(each).items():
            depth[*queue.labels(each), state] += count
    family = GaugeMetricFamily(
        "otms_queue_objects",
        "Objects that wait: due, due later, blocked by their lane, or leased to a worker.",
        labels=["platform", "integration", "state"],
    )
    for labels, value in depth.items():
        family.add_metric(labels, value)
    yield family
    yield _gauge(
        "otms_queue_oldest_due_seconds",
        "For how long the oldest object has been due.",
        queue.each(queue.age, most=True),
    )
    yield _gauge(
        "otms_queue_oldest_open_seconds",
        "The same, of integrations that are neither paused, nor in trouble, nor at their rate.",
        queue.each(queue.open_age, most=True),
    )


def _counted(queue: _Queue) -> Iterator[Metric]:
    # What was not counted yet is 0: a count that begins with 1 would look as if it had not risen.
    sums: dict[Labels, Tally[str]] = {queue.labels(each): Tally() for each in queue.integrations}
    for row in queue.totals():
        own = "" if queue.by_platform else str(row.integration_id)
        sums[str(row.platform_id), own].update(row.counts)
    names = ["platform", "integration"]
    deliveries = CounterMetricFamily(
        "otms_deliveries",
        "What became of objects: sent (each step by itself), failed for good, skipped, cancelled.",
        labels=[*names, "outcome"],
    )
    retries = CounterMetricFamily(
        "otms_retries", "Attempts that failed and are made again.", labels=names
    )
    interrupted = CounterMetricFamily(
        "otms_leases_expired", "Leases that ended without an outcome.", labels=names
    )
    calls = HistogramMetricFamily(
        "otms_call_duration_seconds", "How long targets took to answer.", labels=names
    )
    delays = HistogramMetricFamily(
        "otms_delivery_delay_seconds", "From a change to its last delivery.", labels=names
    )
    for labels, tally in sums.items():
        for outcome in OUTCOMES:
            deliveries.add_metric([*labels, outcome], tally[outcome])
        retries.add_metric(labels, tally["retried"])
        interrupted.add_metric(labels, tally["interrupted"])
        calls.add_metric(labels, _buckets(tally, CALLS), tally["calls_ms"] / 1000)
        delays.add_metric(labels, _buckets(tally, DELAYS), tally["delays_ms"] / 1000)
    yield from (deliveries, retries, interrupted, calls, delays)


def _buckets(tally: Tally[str], columns: list[str]) -> list[tuple[str, float]]:
    ends = ("+Inf" if end == inf else str(float(end)) for end in BUCKETS)
    return list(zip(ends, accumulate(tally[column] for column in columns), strict=True))


def _deployment(now: datetime) -> Iterator[Metric]:
    """Beat, tasks and alerts: of the deployment, not of one integration."""
    beat = PeriodicTask.objects.filter(enabled=True).aggregate(newest=Max("last_run_at"))["newest"]
    age = GaugeMetricFamily(
        "otms_beat_heartbeat_age_seconds", "Since beat sent something last; not there if never."
    )
    if beat:
        age.add_metric([], max(0.0, (now - beat).total_seconds()))
    yield age
    tasks = GaugeMetricFamily(
        "otms_tasks_open", "Long work that is not done yet.", labels=["kind", "status"]
    )
    to_do = Task.objects.across_platforms().filter(status__in=OPEN).order_by()
    for row in to_do.values("kind", "status").annotate(count=Count("id")):
        tasks.add_metric([row["kind"], row["status"]], row["count"])
    yield tasks
    waiting = GaugeMetricFamily(
        "otms_alerts_undelivered",
        "Alerts that nobody looked up the recipients of, and notices that are not sent yet.",
        labels=["stage"],
    )
    alerts = Alert.objects.across_platforms().filter(addressed_at=None)
    notices = Notice.objects.across_platforms().filter(outcome="")
    waiting.add_metric(["to_address"], alerts.count())
    waiting.add_metric(["to_send"], notices.count())
    yield waiting


def _intake(queue: _Queue) -> Iterator[Metric]:
    """How near it is that nothing more is taken in, and where that is so."""
    limits = {
        "otms_queue_limit": (settings.OTMS_MOST_WAITING, "Objects of a platform that may wait."),
        "otms_database_limit_bytes": (
            settings.OTMS_MOST_DATABASE_BYTES,
            "What the database may take before nothing more is taken in.",
        ),
        "otms_disk_free_bytes": (
            pressure.disk_free(),
            "What is free for the file of an embedded database.",
        ),
    }
    for name, (value, text) in limits.items():
        family = GaugeMetricFamily(name, text)
        if value or (name == "otms_disk_free_bytes" and value is not None):
            family.add_metric([], value)
        yield family
    known = pressure.known()  # as the doors know it: also of a disk that takes no byte more
    places = {(str(each.platform_id), Of.QUEUE.value) for each in queue.integrations}
    places |= {("", Of.DISK.value), ("", Of.DATABASE.value)}
    for name, level, text in (
        ("otms_intake_low", Level.LOW, "1: the room for what comes in is nearly used up."),
        ("otms_intake_stopped", Level.FULL, "1: nothing more is taken in until there is room."),
    ):
        family = GaugeMetricFamily(name, text, labels=["platform", "of"])
        there = {(each["platform_id"], each["of"]) for each in known if each["level"] == level}
        for labels in sorted(places | there):
            family.add_metric(labels, labels in there)
        yield family


def _stored() -> Iterator[Metric]:
    size = GaugeMetricFamily("otms_database_bytes", "What the database takes on its disk.")
    postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_database_size(current_database())"
            if postgresql
            else "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        )
        size.add_metric([], cursor.fetchone()[0])
        yield size
        if postgresql:
            cursor.execute(
                "SELECT relname, n_live_tup, n_dead_tup, pg_total_relation_size(relid)"
                "  FROM pg_stat_user_tables"
                " WHERE schemaname = current_schema() AND relname = ANY(%s)",
                [TABLES],
            )
            yield from _tables(cursor.fetchall())


def _tables(rows: list[tuple[Any, ...]]) -> Iterator[Metric]:
    told = {
        "otms_table_live_rows": "Rows of a table of the queue, as PostgreSQL estimates them.",
        "otms_table_dead_rows": "Rows that are gone and not vacuumed yet.",
        "otms_table_bytes": "What a table takes with its indexes.",
    }
    for place, (name, text) in enumerate(told.items(), 1):
        family = GaugeMetricFamily(name, text, labels=["table"])
        for row in rows:
            family.add_metric([row[0]], row[place])
        yield family
