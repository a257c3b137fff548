"""How many examples there were, how they went, what was found: told when all is done."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

STARTED = time.monotonic()
MINUTES = float(os.environ.get("OTMS_FUZZ_MINUTES", "inf"))


@pytest.fixture
def answered(request: pytest.FixtureRequest) -> Iterator[Counter[int]]:
    """To count an answer in, by its status."""
    if time.monotonic() - STARTED > MINUTES * 60:
        pytest.skip(f"the {MINUTES:g} minutes are over")
    counts: Counter[int] = Counter()
    yield counts
    request.node.user_properties.append(("answered", list(counts.items())))


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Iterator[Callable[[str, float], None]]:
    """To tell how an example of the language went, and what it took of the processor."""
    counts: Counter[str] = Counter()
    slowest = 0.0

    def tell(outcome: str, seconds: float) -> None:
        nonlocal slowest
        counts[outcome] += 1
        slowest = max(slowest, seconds)

    yield tell
    request.node.user_properties.append(("tried", list(counts.items())))
    request.node.user_properties.append(("slowest", slowest))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Once for all processes: what was counted comes with the end of each test."""
    told = [
        told
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "teardown"
        for told in report.user_properties
    ]
    stats = terminalreporter.stats
    if answered := _total(told, "answered"):
        by_status = ", ".join(f"{status}: {count}" for status, count in sorted(answered.items()))
        left_out = len(stats.get("skipped", ()))
        terminalreporter.write_line(
            f"{answered.total():,} made-up calls, answered {by_status}"
            + (f"; {left_out} tests left out" if left_out else "")
        )
    if tried := _total(told, "tried"):
        outcomes = ", ".join(f"{outcome} {count:,}" for outcome, count in tried.most_common())
        slowest = max(value for name, value in told if name == "slowest")
        terminalreporter.write_line(
            f"{tried.total():,} made-up mappings: {outcomes}; the slowest took "
            f"{slowest * 1000:,.0f} ms"
        )
    if answered or tried:
        terminalreporter.write_line(f"{len(stats.get('failed', ()))} findings")


def _total(told: list[tuple[str, Any]], name: str) -> Counter[Any]:
    total: Counter[Any] = Counter()
    for each, counts in told:
        if each == name:
            total.update(dict(map(tuple, counts)))
    return total
