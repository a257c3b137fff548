"""What a claim costs, in four shapes of a deep queue, and whether history makes it dearer."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.models import IntegrationObject
from integrations.models.integration import Integration
from otms.accounts.models import Platform
from tests import make, plans
from tests.benchmarks import stock
from tests.chaos.storm import FULL

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

HISTORY, WAITING = (900_000, 100_000) if FULL else (90_000, 10_000)
INTEGRATIONS = 20
SLOTS = 100
CLAIMS = 30
EACH = WAITING // INTEGRATIONS
LANES = EACH // 100
DUE = "now() - interval '1 minute' + n * interval '1 microsecond'"


def all_heads(integrations: list[Integration]) -> None:
    for each in integrations:
        stock.objects(each, EACH, {"lane": "'lane ' || n", "due_at": DUE})


def deep_lanes(integrations: list[Integration]) -> None:
    for each in integrations:
        stock.objects(each, EACH, {"lane": f"'lane ' || n % {LANES}", "due_at": DUE})


def blocked_heads(integrations: list[Integration]) -> None:
    """The head of each lane is tried again in an hour; all that stand behind it are due."""
    due = f"CASE WHEN n < {LANES} THEN now() + interval '1 hour' ELSE {DUE} END"
    for each in integrations:
        stock.objects(each, EACH, {"lane": f"'lane ' || n % {LANES}", "due_at": due})


def one_floods(integrations: list[Integration]) -> None:
    few = 50
    for each in integrations[1:]:
        stock.objects(each, few, {"lane": "'lane ' || n", "due_at": DUE})
    many = WAITING - few * (INTEGRATIONS - 1)
    stock.objects(integrations[0], many, {"lane": "'lane ' || n % 1000", "due_at": DUE})


SHAPES = (all_heads, deep_lanes, blocked_heads, one_floods)


@dataclass
class Cost:
    """What claims cost: milliseconds, statements, and pages of the queue's table and indexes."""

    times: list[float] = field(default_factory=list)
    statements: list[int] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    claimed: int = 0

    def __str__(self) -> str:
        return (
            f"{statistics.median(self.times) * 1000:.1f} ms (at most "
            f"{max(self.times) * 1000:.1f}), {max(self.statements)} statements, "
            f"{statistics.median(self.pages):.0f} pages, {self.claimed} claimed"
        )

    @property
    def typical_pages(self) -> float:
        return statistics.median(self.pages)


def pages_read() -> int:
    """Pages of the queue's table and indexes that this database has looked at so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read"
            " FROM pg_statio_user_tables WHERE relname = %s",
            [stock.TABLE],
        )
        return int(cursor.fetchone()[0])


def claim(cost: Cost) -> bool:
    """One claim, and its outcomes; was there anything to do?"""
    before = pages_read()
    with CaptureQueriesContext(connection) as captured:
        started = time.perf_counter()
        claims = IntegrationObject.objects.claim_due(SLOTS)
        cost.times.append(time.perf_counter() - started)
    cost.statements.append(len(captured))
    cost.pages.append(pages_read() - before)
    cost.claimed += len(claims.objects)
    IntegrationObject.objects.finish([obj.succeed("It was there.") for obj in claims.objects])
    return bool(claims.objects or claims.deferred)


def planned() -> Iterator[str]:
    """The plans of a claim's statements: with these values, and those that are kept."""
    with CaptureQueriesContext(connection) as asked:
        claimed = IntegrationObject.objects.claim_due(SLOTS).objects
    IntegrationObject.objects.finish([obj.succeed("It was there.") for obj in claimed])
    for _ in range(4):  # often enough for their plans to be kept
        claimed = IntegrationObject.objects.claim_due(SLOTS).objects
        IntegrationObject.objects.finish([obj.succeed("It was there.") for obj in claimed])
    yield from plans.explained(asked, stock.TABLE)
    yield from plans.kept(stock.TABLE)


def measured(integrations: list[Integration], shape: Callable[..., None]) -> tuple[Cost, Cost, int]:
    """Claims while there is something to do, claims when there is not, and how many led there.

    Only in one shape does the queue come to rest within a few claims: the other has none.
    """
    stock.empty()
    shape(integrations)
    stock.tidy()
    cost, idle, claims = Cost(), Cost(), 0
    if shape is blocked_heads:
        while claim(cost):
            claims += 1
        for _ in range(CLAIMS):
            assert not claim(idle)
    else:
        for _ in range(CLAIMS):
            assert claim(cost)
        for plan in planned():
            assert f"Seq Scan on {stock.TABLE}" not in plan, plan
    return cost, idle, claims


def test_a_claim_costs_the_same_whatever_was_delivered_before(
    platform: Platform, figure: Callable[[str], None]
) -> None:
    integrations = [
        make.integration(platform=platform, delivery={"concurrency": 100})
        for _ in range(INTEGRATIONS)
    ]
    fresh = {shape: measured(integrations, shape) for shape in SHAPES}
    for each in integrations:
        stock.objects(each, HISTORY // INTEGRATIONS, stock.FINISHED)
    figure(
        f"a claim of {SLOTS}: {WAITING:,} objects wait for {INTEGRATIONS} integrations, then "
        f"{HISTORY:,} are finished too"
    )
    for shape in SHAPES:
        (cost, idle, _), (later, later_idle, claims) = fresh[shape], measured(integrations, shape)
        name = shape.__name__.replace("_", " ")
        figure(f"  {name}: {cost}")
        figure(f"    with history: {later}; pages x {later.typical_pages / cost.typical_pages:.2f}")
        assert later.typical_pages < cost.typical_pages * 1.5
        if shape is blocked_heads:
            figure(f"    at rest after {claims} claims; then a look: {idle}")
            figure(f"    with history: {later_idle}")
            assert later_idle.typical_pages < idle.typical_pages * 1.5
