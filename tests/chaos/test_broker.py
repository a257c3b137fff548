"""Without the broker saving is as fast, delivery too where PostgreSQL tells, and nothing lost."""

import statistics
import time
from typing import Any

import pytest
import redis

from integrations.models import Status
from otms.accounts.models import Platform
from tests import make
from tests.chaos.conftest import Posting, queue_of, save_orders, settled
from tests.chaos.storm import FULL
from tests.chaos.system import System, wait_for
from tests.sink import Sink

pytestmark = pytest.mark.chaos


def test_an_order_reaches_the_receiver_in_under_a_second(
    system: System, platform: Platform, post: Posting, sink: Sink, figure: Any
) -> None:
    """Nothing ticks and nobody polls: it was the wake-up."""
    make.integration(sink.url(), platform=platform)
    system.redis()
    system.worker(OTMS_POLL_SECONDS="0")
    system.web()
    for n in (1, 2):  # the first may leave before the worker hears hints
        post(f"warm {n}")
        sink.wait(n, timeout=20)
    taken = []
    for n in range(3, 23):
        started = time.time()
        post(str(n))
        assert sink.wait(n)["delivered"] == n
        taken.append(sink.requests[-1].at - started)
    median, worst = statistics.median(taken), max(taken)
    figure(f"POST to receiver: median {median * 1000:.0f} ms, worst {worst * 1000:.0f} ms of 20")
    assert median < 1


@pytest.mark.parametrize("told", [True, False], ids=["by the database", "by the broker"])
def test_saving_does_not_wait_for_a_broker_that_is_gone(
    system: System, platform: Platform, post: Posting, sink: Sink, figure: Any, told: bool
) -> None:
    make.integration(sink.url(), platform=platform)
    broker = system.redis()
    system.environment |= {"OTMS_NOTIFY": str(told).lower()}
    system.worker(OTMS_POLL_SECONDS="0")
    system.beat()
    system.web()
    post("before")
    sink.wait(1, timeout=20)
    wait_for(settled(platform, 1))
    broker.kill()
    orders, seconds = (500, 60) if FULL else (20, 2)
    started, taken = time.monotonic(), []
    for n in range(orders):
        taken.append(post(f"during {n}"))
        time.sleep(max(0, started + seconds * n / orders - time.monotonic()))
    assert max(taken) < 1
    figure(
        f"broker gone for {time.monotonic() - started:.0f} s: {orders} orders saved, the slowest "
        f"in {max(taken) * 1000:.0f} ms"
    )
    if told:
        assert sink.wait(orders + 1, timeout=20)["delivered"] == orders + 1
    else:  # the worker may still have been looking around when the first of them came
        assert queue_of(platform).latest("id").status == Status.QUEUE
    system.redis()
    assert sink.wait(orders + 1, timeout=60)["delivered"] == orders + 1
    wait_for(settled(platform, orders + 1))
    assert sink.stats()["duplicates"] == 0
    assert not system.gone()


def test_a_broker_that_forgets_everything_loses_nothing(
    system: System, platform: Platform, post: Posting, sink: Sink
) -> None:
    make.integration(sink.url(), platform=platform)
    broker = system.redis()
    client = redis.Redis(port=system.redis_port)
    system.worker(OTMS_POLL_SECONDS="0")
    system.beat()
    system.web()
    for n in range(20):
        post(str(n))
        client.flushall()
    assert sink.wait(20, timeout=30)["delivered"] == 20
    broker.kill()
    system.redis()
    for n in range(20, 25):
        post(str(n))
    assert sink.wait(25, timeout=40)["delivered"] == 25
    wait_for(settled(platform, 25))
    assert sink.stats()["duplicates"] == 0


def test_without_hints_and_polling_the_tick_delivers(
    system: System, platform: Platform, sink: Sink, figure: Any
) -> None:
    make.integration(sink.url(), platform=platform)
    system.redis()
    system.environment |= {"OTMS_WAKE_UPS": "false", "OTMS_POLL_SECONDS": "0"}
    save_orders(platform, 1)
    system.worker()
    sink.wait(1, timeout=20)  # it looks when it starts, and once more when that is done
    wait_for(settled(platform, 1))
    time.sleep(0.5)
    save_orders(platform, 1)
    assert sink.wait(2, timeout=1)["delivered"] == 1
    system.beat()
    for n in (2, 3) if FULL else (2,):
        started = time.monotonic()
        assert sink.wait(n, timeout=30 if n == 2 else 15)["delivered"] == n  # beat has to start
        figure(f"by the tick alone: {time.monotonic() - started:.1f} s")
        wait_for(settled(platform, n))
        time.sleep(0.5)
        save_orders(platform, 1)


def test_a_worker_that_starts_without_a_broker_delivers_and_stops(
    system: System, platform: Platform, sink: Sink
) -> None:
    make.integration(sink.url(), platform=platform)
    save_orders(platform, 3)
    worker = system.worker()
    assert sink.wait(3, timeout=20)["delivered"] == 3
    wait_for(settled(platform, 3))
    worker.stop()
    assert not queue_of(platform).filter(leased=True).exists()
