"""A target that hangs, with a long queue of its own, beside one that is fast."""

import statistics
from collections.abc import Callable
from itertools import chain

import pytest

from integrations.models import Gate, IntegrationObject
from integrations.models.gate import EVER, FOREVER
from otms.accounts.models import Platform
from tests import make
from tests.benchmarks import stock
from tests.benchmarks.pace import Pace, percentile, told
from tests.chaos.storm import FULL
from tests.chaos.system import System, wait_for
from tests.sink import Sink

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

WAITING = 100_000 if FULL else 10_000
RATE = 50  # orders a second
SECONDS, ROUNDS = (15, 5) if FULL else (5, 3)


def test_one_that_hangs_does_not_delay_another(
    system: System, platform: Platform, witness: Sink, figure: Callable[[str], None]
) -> None:
    """In turns with and without, so that whatever else the machine does is in both."""
    hanging = make.integration(
        witness.url("/hang"),
        platform=platform,
        trigger={"entity": "transportOrder", "actions": ["deleted"]},
        # Longer than it is measured: a target that is known to hang is called no more.
        delivery={"concurrency": 100, "timeout": SECONDS + 8, "retry": {"schedule": [3600]}},
    )
    make.integration(witness.url("/ok"), platform=platform)
    due = "now() - interval '1 hour' + n * interval '1 microsecond'"
    stock.objects(hanging, WAITING, {"lane": "'lane ' || n % 50000", "due_at": due})
    stock.tidy()
    gate = Gate.objects.filter(pk=hanging.pk)
    gate.update(paused_until=FOREVER)
    leased = IntegrationObject.objects.of(platform).filter(integration=hanging, leased=True)
    token = make.token(make.UserFactory(platform=platform))
    system.redis()
    system.web()
    for _ in range(2):
        system.worker()
    pace = Pace(system.web_port, token, witness)
    pace.latencies(RATE, 8)  # till both workers are warm
    alone, beside = [], []
    for _ in range(ROUNDS):
        alone.append(pace.latencies(RATE, SECONDS))
        gate.update(paused_until=EVER, full_until=EVER, troubles=None)
        wait_for(lambda: leased.count() >= 40)
        beside.append(pace.latencies(RATE, SECONDS))
        assert leased.count() >= 40, "it hangs no more"
        gate.update(paused_until=FOREVER)
        wait_for(lambda: not leased.exists(), timeout=60)
    p95 = [statistics.median(percentile(each, 0.95) for each in kind) for kind in (alone, beside)]
    figure(f"{RATE} orders/s, undisturbed: {told(sorted(chain(*alone)))}")
    figure(
        f"  beside one that hangs with {WAITING:,} waiting: {told(sorted(chain(*beside)))}; "
        f"p95 x {p95[1] / p95[0]:.2f} (median of {ROUNDS} rounds)"
    )
    assert p95[1] <= 2 * p95[0]
