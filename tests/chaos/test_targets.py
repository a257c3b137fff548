"""Targets that behave badly, and targets that must not be overrun, with real workers."""

import time
from collections.abc import Callable, Sequence

import pytest

from integrations.models import RequestLog
from otms.accounts.models import Platform
from tests import make
from tests.chaos.conftest import queue_of, save_orders, settled
from tests.chaos.storm import FULL
from tests.chaos.system import System, wait_for
from tests.sink import Received, Sink

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

TIMEOUT = 2
# What each answer is judged as: the status, and what is said.
BAD = {
    "/hang": (None, "No complete answer within 2 s."),
    "/drip/1000": (200, "No complete answer within 2 s."),
    "/big/100000000": (200, ""),
    "/gzipbomb/100": (200, ""),
    "/badchunks": (None, "The answer is not HTTP."),
    "/latin1": (200, ""),
    "/badgzip": (200, "The answer is not compressed the way it says."),
    "/garbage": (None, "The answer is not HTTP."),
    "/hints/0": (None, "The answer is not HTTP."),
}


def test_bad_answers_end_at_their_cap_and_leave_no_memory_behind(
    system: System, platform: Platform, sink: Sink, figure: Callable[[str], None]
) -> None:
    for n in range(8):
        make.integration(sink.url(f"/ok?{n}"), platform=platform)
    system.redis()
    worker = system.worker()
    save_orders(platform, 40)
    wait_for(settled(platform, 320), timeout=60)
    before = worker.memory()
    others = make.PlatformFactory()
    for path in BAD:
        make.integration(
            sink.url(path),
            platform=others,
            delivery={"timeout": TIMEOUT, "concurrency": 4, "retry": {"giveUpAfter": "PT1S"}},
        )
    orders = 40 if FULL else 8
    save_orders(others, orders)
    open_ones = queue_of(others).filter(status__in=("QUEUE", "RETRY"))
    wait_for(lambda: not open_ones.exists(), timeout=300)
    calls = RequestLog.objects.of(others).order_by("id")
    assert calls.count() == len(BAD) * orders
    for path, expected in BAD.items():
        seen = calls.filter(url=sink.url(path)).values_list("response_status", "error", "truncated")
        judged = {(status, error) for status, error, _ in seen}
        # On a busy machine the time may be over before the first of what drips was read.
        assert expected in judged, (path, judged)
        assert judged <= {expected, (None, f"No complete answer within {TIMEOUT} s.")}, path
        answered = [cut for status, error, cut in seen if (status, error) == expected]
        assert all(answered) == (path in ("/big/100000000", "/gzipbomb/100")), path
    longest = max(calls.values_list("duration_ms", flat=True))
    assert longest < TIMEOUT * 1000 + 1000
    grown = worker.memory("VmHWM") - before
    figure(
        f"{len(BAD) * orders} bad answers, of 100 MB and more some: a worker of {before:.0f} MiB "
        f"grew by {grown:.0f} MiB at most; the longest call took {longest:.0f} ms"
    )
    # One answer is kept up to 64 KiB; 36 at once, with their connections, are a few MiB.
    assert grown < 50
    assert not system.gone()


def overlapping(calls: Sequence[Received], seconds: float) -> int:
    """The most calls that were open at one moment, when each is open for so long."""
    starts = [call.at for call in calls]
    return max(sum(at - seconds < other <= at for other in starts) for at in starts)


def in_any(seconds: float, calls: Sequence[Received]) -> int:
    """The most calls in any such time."""
    starts = sorted(call.at for call in calls)
    return max(sum(at <= other < at + seconds for other in starts) for at in starts)


def test_four_workers_together_keep_a_cap_and_a_rate(
    system: System, platform: Platform, witness: Sink, figure: Callable[[str], None]
) -> None:
    """The receiver counts: it keeps each call open for a known time, and knows when each came."""
    rate, window, orders = (60, 60.0, 150) if FULL else (20, 1.0, 100)
    make.integration(
        witness.url("/slow/100"),
        platform=platform,
        delivery={"concurrency": 3, "rate": f"{rate}/{'min' if FULL else 's'}", "timeout": 5},
    )
    system.redis()
    for _ in range(4):
        system.worker()
    save_orders(platform, orders)
    started = time.monotonic()
    wait_for(settled(platform, orders), timeout=400)
    calls = witness.requests
    most, at_once = in_any(window, calls), overlapping(calls, 0.1)
    figure(
        f"cap 3 and {rate} in {window:.0f} s, 4 workers: {len(calls)} calls in "
        f"{time.monotonic() - started:.0f} s, at most {at_once} at once and {most} in any "
        f"{window:.0f} s"
    )
    assert len(calls) == orders
    assert most <= rate
    assert at_once <= 3
