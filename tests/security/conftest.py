"""Secrets to plant; and figures that a test measured are shown at the end of the run."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.security.planted import Planted

FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture
def planted() -> Planted:
    return Planted()


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    return request.config.stash.setdefault(FIGURES, []).append


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash.get(FIGURES, []):
        terminalreporter.write_line(line)
