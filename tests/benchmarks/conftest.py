"""Speed, as ratios of what was measured in one run; the figures are printed at the end."""

from tests.chaos.conftest import (
    database_url,
    figure,
    platform,
    pytest_runtest_makereport,
    pytest_terminal_summary,
    system,
    template,
    witness,
)

__all__ = [
    "database_url",
    "figure",
    "platform",
    "pytest_runtest_makereport",
    "pytest_terminal_summary",
    "system",
    "template",
    "witness",
]
