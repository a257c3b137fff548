"""When it is said that there is little room, and when that it is over."""

import pytest

from integrations.core.room import Level, Room

FREE, LOW, FULL = Level.FREE, Level.LOW, Level.FULL


@pytest.mark.parametrize(
    ("used", "level"), [(0, FREE), (79, FREE), (80, LOW), (99, LOW), (100, FULL), (1000, FULL)]
)
def test_a_fifth_that_is_left_is_little_and_nothing_is_none(used: int, level: Level) -> None:
    assert Room.below(100, used).level() == level


@pytest.mark.parametrize(
    ("used", "before", "level"),
    [(99, FULL, FULL), (90, FULL, FULL), (89, FULL, LOW), (71, LOW, LOW), (70, LOW, LOW),
     (69, LOW, FREE), (0, FULL, FREE), (99, LOW, LOW)],
)  # fmt: skip
def test_it_is_over_only_when_there_is_some_more(used: int, before: Level, level: Level) -> None:
    assert Room.below(100, used).level(before) == level


def test_what_goes_up_and_down_at_the_limit_turns_once() -> None:
    level, seen = FREE, []
    for used in (79, 81, 79, 81, 99, 101, 99, 101, 99):
        level = Room.below(100, used).level(level)
        seen.append(level)
    assert seen == [FREE, LOW, LOW, LOW, LOW, FULL, FULL, FULL, FULL]


def test_of_a_disk_what_is_free_counts() -> None:
    assert [Room(free, 20, 5).level() for free in (21, 20, 6, 5, 0)] == [
        FREE, LOW, LOW, FULL, FULL,
    ]  # fmt: skip


def test_without_a_limit_it_is_never_full() -> None:
    assert Room(1, 0, 0).level() == FREE
