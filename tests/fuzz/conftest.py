"""How many calls were made, and how they were answered: told when all is done."""

from collections import Counter
from typing import Any

import pytest

ANSWERED = pytest.StashKey[Counter[int]]()


@pytest.fixture
def answered(request: pytest.FixtureRequest) -> Counter[int]:
    """To count an answer in, by its status."""
    return request.config.stash.setdefault(ANSWERED, Counter())


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if counts := config.stash.get(ANSWERED, None):
        told = ", ".join(f"{status}: {count}" for status, count in sorted(counts.items()))
        terminalreporter.write_line(f"{sum(counts.values())} made-up calls, answered {told}")
