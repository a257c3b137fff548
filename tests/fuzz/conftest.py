"""How many examples there were, how they went, what was found: told when all is done."""

import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

ANSWERED = pytest.StashKey[Counter[int]]()
TRIED = pytest.StashKey[Counter[str]]()
SLOWEST = pytest.StashKey[float]()
STARTED = time.monotonic()
MINUTES = float(os.environ.get("OTMS_FUZZ_MINUTES", "inf"))


@pytest.fixture
def answered(request: pytest.FixtureRequest) -> Counter[int]:
    """To count an answer in, by its status."""
    if time.monotonic() - STARTED > MINUTES * 60:
        pytest.skip(f"the {MINUTES:g} minutes are over")
    return request.config.stash.setdefault(ANSWERED, Counter())


@pytest.fixture
def tried(pytestconfig: pytest.Config) -> Callable[[str, float], None]:
    """To tell how an example of the language went, and what it took of the processor."""
    stash = pytestconfig.stash
    counts = stash.setdefault(TRIED, Counter())

    def tell(outcome: str, seconds: float) -> None:
        counts[outcome] += 1
        stash[SLOWEST] = max(stash.get(SLOWEST, 0.0), seconds)

    return tell


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if counts := config.stash.get(ANSWERED, None):
        told = ", ".join(f"{status}: {count}" for status, count in sorted(counts.items()))
        findings = len(terminalreporter.stats.get("failed", ()))
        left_out = len(terminalreporter.stats.get("skipped", ()))
        terminalreporter.write_line(
            f"{sum(counts.values())} made-up calls, answered {told}; {findings} findings"
            + (f"; {left_out} tests left out" if left_out else "")
        )
    if outcomes := config.stash.get(TRIED, None):
        told = ", ".join(f"{outcome} {count:,}" for outcome, count in outcomes.most_common())
        terminalreporter.write_line(
            f"{outcomes.total():,} made-up mappings: {told}; the slowest took "
            f"{config.stash[SLOWEST] * 1000:,.0f} ms"
        )
