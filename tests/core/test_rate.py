"""Never more calls in any window than the target wants, and no fewer than that for long."""

import random
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.core.rate import Called, Rate


@pytest.mark.parametrize(
    ("written", "rate"),
    [("60/min", Rate(60, 60)), ("10/s", Rate(10, 1)), ("99999/hour", Rate(99999, 3600))],
)
def test_it_is_read_as_it_is_written(written: str, rate: Rate) -> None:
    assert Rate.of(written) == rate


@pytest.mark.parametrize(
    "written",
    ["0/min", "-1/s", "60", "60/m", "60/minute", "1.5/s", "100000/s", " 6/s", 60, True, {}],
)
def test_what_is_no_rate_is_none(written: object) -> None:
    assert Rate.of(written) is None


def test_calls_in_flight_count_and_then_for_a_whole_window() -> None:
    rate = Rate(3, 60)
    called: Called = []
    assert rate.left(called, in_flight=1, now=1000.5) == 2
    called = rate.with_calls(called, 2, 1000.5)
    assert rate.left(called, in_flight=1, now=1030) == 0
    assert rate.opens_at(called, 1030) == 1061
    assert rate.left(called, in_flight=0, now=1060.9) == 1
    assert rate.left(called, in_flight=0, now=1061) == 3
    assert rate.opens_at(called, 1061) is None


@given(
    calls=st.integers(1, 30),
    seconds=st.sampled_from([1, 60, 3600]),
    seed=st.integers(0, 2**32),
)
def test_no_window_ever_has_more(calls: int, seconds: int, seed: int) -> None:
    """A target that takes its time, a caller that takes all it may: the arrivals are counted."""
    rate, chance = Rate(calls, seconds), random.Random(seed)
    called: Called = []
    flying: list[tuple[float, float]] = []
    arrivals = []
    now = chance.uniform(1e9, 2e9)
    for _ in range(150):
        now += chance.uniform(0, seconds / 10)
        for _ in range(rate.left(called, len(flying), now)):
            arrives = now + chance.expovariate(10 / seconds)
            flying.append((arrives, arrives + chance.expovariate(10 / seconds)))
            arrivals.append(arrives)
        over = [each for each in flying if each[1] <= now]
        if over:
            called = rate.with_calls(called, len(over), now)
            flying = [each for each in flying if each[1] > now]
        assert len(called) <= 62
    window: deque[float] = deque()
    for at in sorted(arrivals):
        window.append(at)
        while window[0] <= at - seconds:
            window.popleft()
        assert len(window) <= calls
    # And it is used: several windows' worth, when many have passed.
    assert len(arrivals) >= 2 * calls
