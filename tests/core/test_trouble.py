"""When a target is in trouble, how it is tried meanwhile, and when the trouble is over."""

from dataclasses import replace
from typing import Any

import pytest

from integrations.core.trouble import (
    FEW,
    FIRST_COOLDOWN,
    LASTING,
    LATER,
    LONGEST_ASKED,
    LONGEST_COOLDOWN,
    LONGEST_SOON,
    MANY,
    RAMP,
    SETTLED,
    SOON,
    Report,
    Trouble,
)

WORKS = Report("s", "ERP", "works")
REFUSES = Report("s", "ERP", "refuses", "It answered 400.")
FAILS = Report("s", "ERP", "fails", "It answered 500.")
DOWN = Report("s", "ERP", "down", "It answered 503.")


class Target:
    """A target, with a clock that is set by hand and no chance."""

    def __init__(self, cap: int = 8) -> None:
        self.cap, self.now = cap, 1000.0
        self.trouble: Trouble | None = None

    def tells(self, *reports: Report) -> "Target":
        for report in reports:
            self.trouble = Trouble.after(
                self.trouble, report, self.now, cap=self.cap, chance=lambda: 0.0
            )
        return self

    def room(self, in_flight: int = 0) -> int | None:
        return self.trouble.room(in_flight, self.now) if self.trouble else None

    @property
    def left(self) -> float:
        """Seconds until it is tried."""
        assert self.trouble
        return self.trouble.until - self.now


def test_a_few_failures_are_no_trouble_yet_and_forgotten_with_the_first_success() -> None:
    target = Target().tells(*[DOWN] * (MANY - 1))
    assert target.trouble is not None
    assert (target.trouble.told, target.room()) == (False, None)
    assert target.tells(WORKS).trouble is None


def test_many_in_a_row_are_held_back_and_told_when_they_last() -> None:
    target = Target().tells(*[DOWN] * MANY)
    assert target.trouble is not None
    assert (target.trouble.held, target.trouble.told) == (True, False)
    target.now += SETTLED - 1
    target.tells(DOWN)
    assert not target.trouble.told
    target.now += 1
    assert target.tells(DOWN).trouble.told


def test_a_blip_of_a_second_is_over_before_anybody_is_told() -> None:
    target = Target().tells(*[DOWN] * MANY)
    target.now += target.left
    seen = [target.tells(WORKS).trouble for _ in range(RAMP)]
    assert seen.pop() is None
    assert not any(each.told for each in seen if each)


def test_a_few_in_a_row_are_told_when_they_last_long() -> None:
    target = Target().tells(*[DOWN] * (FEW - 1))
    target.now += LASTING
    few = target.tells(DOWN).trouble
    assert few is not None
    assert (few.told, few.since, few.reason) == (True, 1000.0, "It answered 503.")


def test_one_is_tried_at_a_time_and_each_that_fails_makes_the_wait_longer() -> None:
    target = Target().tells(*[DOWN] * MANY)
    waits = []
    for _ in range(9):
        assert target.room() == 0
        waits.append(target.left)
        target.now += target.left
        assert (target.room(), target.room(in_flight=1)) == (1, 0)
        target.tells(DOWN)
    assert waits == [FIRST_COOLDOWN, 10, 20, 40, 80, 160, 300, 300, LONGEST_COOLDOWN]


def test_calls_that_were_under_way_do_not_make_it_longer() -> None:
    target = Target().tells(*[DOWN] * MANY)
    target.now += 1
    assert target.tells(*[DOWN] * 7).left == FIRST_COOLDOWN - 1
    assert target.trouble is not None
    assert target.trouble.failures == MANY + 7


def test_a_target_that_says_when_is_left_alone_until_then_but_not_for_ever() -> None:
    target = Target().tells(*[DOWN] * (MANY - 1), replace(DOWN, wait=90))
    assert target.left == 90
    target.now += 1
    assert target.tells(replace(DOWN, wait=1e9)).left == LONGEST_ASKED


def test_after_a_trial_that_went_well_more_come_a_little_at_a_time() -> None:
    target = Target(cap=20).tells(*[DOWN] * MANY)
    target.now += target.left
    rooms = []
    while target.tells(WORKS).trouble:
        rooms.append(target.room())
    assert rooms == list(range(2, 21))


@pytest.mark.parametrize("cap", [1, 8])
def test_it_is_over_when_it_worked_often_enough_however_few_may_call(cap: int) -> None:
    target = Target(cap=cap).tells(*[DOWN] * MANY)
    target.now += target.left
    assert target.tells(*[WORKS] * (RAMP - 1)).trouble is not None
    assert target.tells(WORKS).trouble is None


def test_a_failure_on_the_way_back_halves_how_many_may_call_and_waits_as_at_first() -> None:
    target = Target().tells(*[DOWN] * MANY)
    target.now += target.left
    target.tells(*[WORKS] * 5)
    assert target.room() == 6
    assert target.tells(DOWN).left == FIRST_COOLDOWN
    assert target.trouble is not None
    assert (target.trouble.since, target.trouble.works, target.trouble.at_once) == (1000, 3, 3)
    target.now += target.left
    target.tells(DOWN)
    target.now += target.left
    assert target.tells(DOWN).left == 2 * FIRST_COOLDOWN


def test_a_call_that_was_under_way_does_not_shorten_what_the_target_asked_for() -> None:
    target = Target().tells(*[DOWN] * (MANY - 1), replace(DOWN, wait=90))
    assert target.tells(WORKS).left == 90


def test_what_may_be_because_of_the_document_is_soon_followed_by_another() -> None:
    target = Target().tells(*[FAILS] * MANY)
    for failed in range(1, 21):
        assert target.room() == 0
        assert target.left == pytest.approx(max(SOON, LATER * failed))
        target.now += target.left
        assert target.room() == 1
        target.tells(FAILS)
    target.now += target.left
    assert target.tells(DOWN).left == FIRST_COOLDOWN
    target.now += target.left
    target.tells(WORKS, FAILS)
    assert (target.room(), target.left) == (1, 0)
    target.tells(*[FAILS] * 3)
    assert target.left == pytest.approx(SOON)  # those before it worked do not count


def test_one_that_fails_whatever_it_is_sent_is_tried_less_and_less() -> None:
    target = Target().tells(*[FAILS] * MANY)
    for _ in range(400):
        target.now += target.left
        target.tells(FAILS)
    assert target.left == pytest.approx(LONGEST_SOON)


def test_one_that_refuses_is_in_trouble_but_answers_and_is_not_held_back() -> None:
    target = Target().tells(*[REFUSES] * MANY)
    target.now += SETTLED
    target.tells(REFUSES)
    assert target.trouble is not None
    assert (target.trouble.told, target.room()) == (True, None)
    assert target.tells(*[DOWN] * (MANY - 1)).room() is None
    assert target.tells(DOWN).room() == 0
    target.now += target.left
    assert target.tells(REFUSES).room() == 1
    assert target.left == 0


def test_one_that_refuses_some_documents_works_for_the_others() -> None:
    target = Target().tells(*[DOWN] * MANY)
    target.now += target.left
    for _ in range(RAMP - 1):
        target.tells(WORKS, REFUSES)
    assert target.trouble is not None
    assert target.trouble.patience == target.now
    assert target.tells(WORKS).trouble is None


def test_one_that_refuses_works_again_when_it_took_a_few_and_not_one_now_and_then() -> None:
    target = Target()
    for _ in range(5):
        target.tells(REFUSES)
        target.now += LASTING
        target.tells(*[REFUSES] * (FEW - 1), WORKS)
        assert target.trouble is not None
        assert (target.trouble.told, target.trouble.works_for_now) == (True, False)
    target.tells(*[WORKS] * (FEW - 1))
    assert target.trouble is not None
    assert target.trouble.works_for_now


def test_it_is_told_at_once_when_it_is_held_back_for_long() -> None:
    for wait, told in ((LASTING - 1, False), (LASTING, True)):
        target = Target().tells(*[DOWN] * (MANY - 1), replace(DOWN, wait=wait))
        assert target.trouble is not None
        assert target.trouble.told == told


def test_patience_begins_when_it_is_held_back() -> None:
    target = Target()
    for _ in range(FEW):
        target.now += 3 * 86_400
        target.tells(DOWN)
    assert target.trouble is not None
    assert (target.trouble.held, target.trouble.patience) == (True, target.now)


def test_a_person_who_came_by_has_it_tried_at_once_with_patience_again() -> None:
    target = Target().tells(*[DOWN] * MANY)
    target.now += 1
    assert target.trouble is not None
    calm: Any = target.trouble.calm(target.now)
    assert (calm.room(0, target.now), calm.held, calm.since, calm.patience) == (1, True, 1000, 1001)
    target.trouble = calm
    assert target.tells(DOWN).left == FIRST_COOLDOWN
    assert Target().tells(DOWN).trouble.calm(0) is None  # type: ignore[union-attr]


def test_one_that_is_gone_for_good_is_held_back_from_its_first_answer() -> None:
    target = Target().tells(replace(DOWN, kind="gone"))
    assert target.trouble is not None
    assert (target.trouble.told, target.trouble.held, target.room()) == (True, True, 0)


def test_it_is_read_as_it_was_written_also_by_an_older_version() -> None:
    trouble = Target().tells(*[DOWN] * MANY).trouble
    assert trouble is not None
    assert Trouble.read({**trouble.written(), "newer": 1}) == trouble
