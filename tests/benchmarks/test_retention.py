"""A long history is forgotten while orders are delivered."""

import statistics
import threading
from collections.abc import Callable
from itertools import chain

import pytest
from django.db import connections

from integrations import retention
from integrations.models import IntegrationObject
from otms.accounts.models import Platform
from tests import make
from tests.benchmarks import stock
from tests.benchmarks.pace import Pace, percentile, told
from tests.chaos.storm import FULL
from tests.chaos.system import System
from tests.sink import Sink

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

FINISHED = 1_000_000 if FULL else 20_000
RATE = 30  # orders a second
SECONDS, ROUNDS = (15, 5) if FULL else (5, 3)
YEAR_OLD = {**stock.FINISHED, "created_at": "now() - interval '400 days'"}
YEAR_OLD["finished_at"] = YEAR_OLD["created_at"]


class Forgetting(threading.Thread):
    """A worker's task, in a process of its own but for the statements: one look after the other."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.on, self.over = threading.Event(), threading.Event()
        self.forgotten = 0

    def run(self) -> None:
        while not self.over.is_set():
            if self.on.wait(0.1):
                self.forgotten += retention.work_off(seconds=1).get("objects", 0)
        connections.close_all()


def test_forgetting_delays_no_delivery_and_leaves_no_holes(
    system: System, platform: Platform, witness: Sink, figure: Callable[[str], None]
) -> None:
    """In turns with and without, so that whatever else the machine does is in both."""
    integration = make.integration(witness.url("/ok"), platform=platform)
    stock.objects(integration, FINISHED, YEAR_OLD)
    stock.logs()
    stock.tidy()
    full = stock.sizes()
    token = make.token(make.UserFactory(platform=platform))
    system.redis()
    system.web()
    system.worker()
    pace = Pace(system.web_port, token, witness)
    pace.latencies(RATE, 8)
    worker = Forgetting()
    worker.start()
    without, beside = [], []
    try:
        for _ in range(ROUNDS):
            without.append(pace.latencies(RATE, SECONDS))
            worker.on.set()
            before = worker.forgotten
            beside.append(pace.latencies(RATE, SECONDS))
            assert worker.forgotten > before, "nothing was left to forget"
            worker.on.clear()
        p95 = [
            statistics.median(percentile(each, 0.95) for each in kind) for kind in (without, beside)
        ]
        figure(f"{RATE} orders/s, nothing is forgotten: {told(sorted(chain(*without)))}")
        figure(
            f"  beside history that is forgotten: {told(sorted(chain(*beside)))}; "
            f"p95 x {p95[1] / p95[0]:.2f} (median of {ROUNDS} rounds); "
            f"{worker.forgotten:,} objects in {ROUNDS * SECONDS} s"
        )
    finally:
        worker.over.set()
        worker.on.set()
        worker.join(30)
    # Nothing is delivered now, so nobody is to be spared. As much again finds room where it was.
    retention.work_off(seconds=3000, pause=0)
    old = IntegrationObject.objects.of(platform).filter(created_at__lt="2026-01-01T00:00Z")
    assert not old.exists()
    stock.tidy()
    stock.objects(integration, FINISHED, YEAR_OLD)
    stock.logs()
    again = stock.sizes()
    for table, size in full.items():
        figure(
            f"  {table}: {size:,.0f} MiB with {FINISHED:,} finished objects, {again[table]:,.0f} "
            f"after they were forgotten and as many came: x {again[table] / size:.2f}"
        )
    assert all(again[table] < 1.5 * full[table] for table in full)
