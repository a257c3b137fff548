"""Trouble: a target that fails time and again gets one call at a time, until it works again.

What is still to be sent there waits meanwhile, and comes back a little at a time. A trouble begins
with the first failure in a row, is told to people when there are enough of them, and is over when
most of what is sent works for a while.
"""

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, NamedTuple

# In a row, before it is held back: so many. It is told after as many that last for some seconds,
# for nobody is to be woken for a blip; or after a few that last long, or are going to.
MANY, SETTLED = 10, 10.0
FEW, LASTING = 3, 60.0
FIRST_COOLDOWN, LONGEST_COOLDOWN = 5.0, 300.0
# Till the next trial, when it may have been the document that made the last one fail: a second, and
# in the end more with each in a row, for one that fails whatever it is sent.
SOON, LATER, LONGEST_SOON = 1.0, 0.1, 30.0
LONGEST_ASKED = 3600.0  # that a target may ask for itself, by Retry-After
RAMP = 8  # successes until all may call again, if not more may call at once
UNDONE = 2  # successes that a failure undoes: it is over when more than two of three calls work
LONGEST_REASON = 500
TIMES = {"since", "until", "cooldown", "last", "patience"}  # which a document has as decimals

Kind = Literal["works", "refuses", "fails", "down", "gone"]


@dataclass(frozen=True)
class Report:
    """What one call, or a document that could not be made for it, tells of the target `source`.

    It `works`; it `refuses` this document, or there was none; it `fails`, be it because of this
    document or whatever it is sent; or it is `down`, and what is sent to it next will fare no
    better, or even `gone` for good.
    """

    source: Any
    name: str  # of that data source
    kind: Kind
    reason: str = ""
    wait: float | None = None  # seconds that the target asks for


class Place(NamedTuple):
    """Where a target is in its integration.

    `alone`: no other step calls; `first`: what was not sent anywhere yet comes here.
    """

    alone: bool = False
    first: bool = False


@dataclass(frozen=True)
class Trouble:
    """Failures of one target, with no success before they were many; seconds since 1970.

    `at_once` calls may be made once `until` is over, if it is held back; else as many as ever.
    """

    since: float
    failures: int = 0
    serious: int = 0  # of them, those that are no refusals
    works: int = 0  # successes of one that is in trouble, less what failures undid
    told: bool = False  # there were enough of them: it is in trouble
    held: bool = False
    until: float = 0.0
    cooldown: float = 0.0
    at_once: int = 0
    failing: int = 0  # documents in a row that failed since it is held back
    last: float = 0.0  # failure
    # From when patience runs out: since it is held back, worked last, or a person came.
    patience: float = 0.0
    name: str = ""
    reason: str = ""
    alone: bool = False
    first: bool = False

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Trouble":
        """As it was written; what a newer version wrote beside it is left out."""
        known = {field.name for field in fields(cls)} & document.keys()
        read = {name: document[name] for name in known}
        return cls(**read | {name: float(read[name]) for name in TIMES & known})

    def written(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def after(
        cls,
        before: "Trouble | None",
        report: Report,
        now: float,
        *,
        cap: int,
        chance: Callable[[], float] = random.random,
    ) -> "Trouble | None":
        """What it is after this report; None when nothing is wrong (any more).

        `cap` calls at once are what the integration wants when all is well.
        """
        if report.kind == "works":
            return before._worked(now, cap) if before and before.is_on else None
        return (before or cls(since=now))._failed(report, now, chance)

    @property
    def is_on(self) -> bool:
        """Is it more than a failure or two?"""
        return self.told or self.held

    @property
    def works_for_now(self) -> bool:
        """Is it over if nothing waits for it? One that refuses some takes others in between."""
        return self.works >= (1 if self.held else FEW)

    def placed(self, place: Place) -> "Trouble":
        return replace(self, alone=place.alone, first=place.first)

    def calm(self, now: float) -> "Trouble | None":
        """After a person looked at it: it is tried at once, and with patience again."""
        if not self.is_on:
            return None
        return replace(self, until=now, cooldown=0.0, at_once=1, works=0, patience=now)

    def room(self, in_flight: int, now: float) -> int | None:
        """How many more may be called now; None if it is not held back."""
        if not self.held:
            return None
        return 0 if now < self.until else max(0, self.at_once - in_flight)

    def _worked(self, now: float, cap: int) -> "Trouble | None":
        works = self.works + 1
        # As many as it is called at once: else a trial that went well would let all of them go.
        if works >= (max(RAMP, cap) if self.held else RAMP):
            return None
        at_once = min(self.at_once + 1, cap)
        return replace(self, works=works, at_once=at_once, failing=0, patience=now)

    def _failed(self, report: Report, now: float, chance: Callable[[], float]) -> "Trouble":
        serious, lasted = report.kind != "refuses", now - self.since
        # One that is held back and refuses some documents works for the others.
        counts = serious or not self.held
        failed = replace(
            self,
            failures=self.failures + 1,
            serious=self.serious + serious,
            works=max(0, self.works - UNDONE) if counts else self.works,
            last=now,
            name=report.name,
            reason=report.reason[:LONGEST_REASON],
        )
        gone = report.kind == "gone"
        few = failed.serious >= FEW and lasted >= LASTING
        if serious and (gone or few or failed.serious >= MANY or self.held):
            failed = failed._held_back(report, now, chance)
        will_last = max(failed.until - self.since, lasted) >= LASTING
        many = failed.failures >= MANY and lasted >= SETTLED
        return replace(
            failed, told=self.told or gone or many or (failed.failures >= FEW and will_last)
        )

    def _held_back(self, report: Report, now: float, chance: Callable[[], float]) -> "Trouble":
        held = replace(self, held=True, at_once=max(1, self.at_once // 2))
        if not self.held:
            held = replace(held, patience=now)
        asked = min(report.wait or 0.0, LONGEST_ASKED)
        if now < self.until:  # a call that was under way before
            return replace(held, until=max(self.until, now + asked))
        on_its_way_back = self.at_once > 1
        if report.kind == "fails":
            # The next is another document, and may fare better.
            failing = self.failing + 1
            soon = min(max(SOON, LATER * failing), LONGEST_SOON)
            return replace(held, until=now if on_its_way_back else now + soon, failing=failing)
        longer = min(self.cooldown * 2 or FIRST_COOLDOWN, LONGEST_COOLDOWN)
        cooldown = FIRST_COOLDOWN if on_its_way_back else longer
        wait = max(cooldown * (1 + 0.1 * chance()), asked)
        return replace(held, until=now + wait, cooldown=cooldown, failing=0)
