"""What becomes of a target over a quarter of an hour, or of thousands of calls: by the rules alone.

Seeded: the same happens each time.
"""

import heapq
import random
from datetime import timedelta

import pytest

from integrations.core.backoff import RetryPolicy
from integrations.core.trouble import LONGEST_COOLDOWN, Kind, Report, Trouble

HALF_A_SECOND, QUARTER_OF_AN_HOUR = 0.5, 900.0


def told(kind: Kind) -> Report:
    return Report("s", "ERP", kind, "It answered something.")


class Day:
    """Documents for one target, the oldest that is due first; some fail whenever they are sent."""

    def __init__(self, bad: int, good: int, kind: Kind) -> None:
        self.chance = random.Random(1)
        self.kind = kind
        found = [(place * 0.1, place, False, 1) for place in range(bad)]
        found += [(3.0 + place, bad + place, True, 1) for place in range(good)]
        self.born = {id: due for due, id, *_ in found}
        self.waiting = found
        self.late: list[float] = []  # how long what is good was on its way
        self.failed = 0
        self.alerts = ""
        heapq.heapify(found)
        self._passes()

    def _passes(self) -> None:
        now, trouble = 0.0, None
        while self.waiting:
            held = trouble if trouble and trouble.held else None
            now = max(now, self.waiting[0][0], held.until if held else 0.0)
            if now > QUARTER_OF_AN_HOUR:
                return
            _, id, good, attempt = heapq.heappop(self.waiting)
            now += HALF_A_SECOND / (held.at_once if held else 8)
            before, report = trouble, told("works" if good else self.kind)
            trouble = Trouble.after(trouble, report, now, cap=8, chance=self.chance.random)
            was, is_told = bool(before and before.told), bool(trouble and trouble.told)
            self.alerts += {(False, True): "begun ", (True, False): "over "}.get((was, is_told), "")
            if good:
                self.late.append(now - self.born[id])
            else:
                self.failed += 1
                self._again(now, id, attempt)

    def _again(self, now: float, id: int, attempt: int) -> None:
        wait = RetryPolicy().delay(
            attempt, retry_after=None, elapsed=timedelta(), random=self.chance.random
        )
        assert wait is not None
        heapq.heappush(self.waiting, (now + wait, id, False, attempt + 1))


def test_what_is_good_comes_within_a_minute_though_many_documents_fail() -> None:
    day = Day(bad=30, good=800, kind="fails")
    assert len(day.late) == 800
    assert max(day.late) < 60
    assert day.alerts == "begun over "


def test_one_that_is_down_gets_few_calls_and_one_alert() -> None:
    day = Day(bad=800, good=0, kind="down")
    assert 10 < day.failed < 25
    assert day.alerts == "begun "


def test_one_that_fails_with_every_document_gets_fewer_and_fewer_calls() -> None:
    day = Day(bad=800, good=0, kind="fails")
    assert 80 < day.failed < 160
    assert day.alerts == "begun "


@pytest.mark.parametrize("cap", [8, 100])
@pytest.mark.parametrize(("share", "minutes"), [(0.01, 1), (0.05, 2), (0.2, 15)])
def test_after_an_outage_one_that_fails_now_and_then_is_soon_called_as_ever(
    cap: int, share: float, minutes: float
) -> None:
    for seed in range(10):
        chance, now = random.Random(seed), 0.0
        trouble: Trouble | None = Trouble(
            since=0.0, told=True, held=True, at_once=1, cooldown=LONGEST_COOLDOWN
        )
        while trouble:
            now = max(now, trouble.until) + 0.1 / trouble.at_once
            report = told("down" if chance.random() < share else "works")
            trouble = Trouble.after(trouble, report, now, cap=cap, chance=chance.random)
            assert now < minutes * 60
