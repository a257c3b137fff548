"""A span of time is said as people say it."""

import pytest

from integrations.core import span


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.25, "250 ms"),
        (10, "10 s"),
        (119, "119 s"),
        (600, "10 min"),
        (7200, "2 h"),
        (12_600, "3.5 h"),
        (86_400 * 4, "4 d"),
    ],
)
def test_as_exact_as_people_want_to_know_it(seconds: float, said: str) -> None:
    assert span.in_words(seconds) == said
