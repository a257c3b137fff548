"""How many calls were made, how they were answered, what was found: told when all is done."""

import os
import time
from collections import Counter
from typing import Any

import pytest

ANSWERED = pytest.StashKey[Counter[int]]()
STARTED = time.monotonic()
MINUTES = float(os.environ.get("OTMS_FUZZ_MINUTES", "inf"))


@pytest.fixture
def answered(request: pytest.FixtureRequest) -> Counter[int]:
    """To count an answer in, by its status."""
    if time.monotonic() - STARTED > MINUTES * 60:
        pytest.skip(f"the {MINUTES:g} minutes are over")
    return request.config.stash.setdefault(ANSWERED, Counter())


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if counts := config.stash.get(ANSWERED, None):
        told = ", ".join(f"{status}: {count}" for status, count in sorted(counts.items()))
        findings = len(terminalreporter.stats.get("failed", ()))
        left_out = len(terminalreporter.stats.get("skipped", ()))
        terminalreporter.write_line(
            f"{sum(counts.values())} made-up calls, answered {told}; {findings} findings"
            + (f"; {left_out} tests left out" if left_out else "")
        )
