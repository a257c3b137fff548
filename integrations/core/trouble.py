"""Trouble: a target that fails time and again gets one call at a time, until it works again.

What is still to be sent there waits meanwhile, and comes back a little at a time. A trouble begins
with the first failure in a row, is told to people when there are enough of them, and is over when
the target has worked for a while.
"""

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

# In a row, before it is held back: so many. It is told after as many that last for some seconds,
# for nobody is to be woken for a blip; or after a few that last long.
MANY, SETTLED = 10, 10.0
FEW, LASTING = 3, 60.0
FIRST_COOLDOWN, LONGEST_COOLDOWN = 5.0, 300.0
LONGEST_ASKED = 3600.0  # that a target may ask for itself, by Retry-After
RAMP = 8  # successes until all may call again, if not more may call at once
LONGEST_REASON = 500
TIMES = {"since", "until", "cooldown", "last", "patience"}  # which a document has as decimals

Kind = Literal["works", "refuses", "down", "gone"]


@dataclass(frozen=True)
class Report:
    """What one call, or a document that could not be made for it, tells of the target `source`.

    It `works`; it `refuses` this document, or there was none; or it is `down`, and whatever is sent
    to it next will fare no better, or even `gone` for good. `alone`: no other step of the
    integration calls; `first`: what was not sent anywhere yet comes here.
    """

    source: Any
    name: str  # of that data source
    kind: Kind
    reason: str = ""
    wait: float | None = None  # seconds that the target asks for
    alone: bool = False
    first: bool = False


@dataclass(frozen=True)
class Trouble:
    """Failures in a row of one target; times in seconds since 1970.

    `at_once` calls may be made once `until` is over, if it is held back; else as many as ever.
    """

    since: float
    failures: int = 0
    works: int = 0  # successes since it was down last, of one that is in trouble
    told: bool = False  # there were enough of them: it is in trouble
    held: bool = False
    until: float = 0.0
    cooldown: float = 0.0
    at_once: int = 0
    last: float = 0.0  # failure
    # From when patience runs out: from the first failure, the last success, or since a person came.
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
        return (before or cls(since=now, patience=now))._failed(report, now, chance)

    @property
    def is_on(self) -> bool:
        """Is it more than a failure or two?"""
        return self.told or self.held

    def calm(self, now: float, *, alone: bool, first: bool) -> "Trouble | None":
        """After a person looked at it: it is tried at once, and with patience again."""
        if not self.is_on:
            return None
        tried = replace(self, until=now, cooldown=0.0, at_once=1, works=0)
        return replace(tried, patience=now, alone=alone, first=first)

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
        tried = replace(self, works=works, at_once=self.at_once + 1)
        return replace(tried, until=min(self.until, now), patience=now)

    def _failed(self, report: Report, now: float, chance: Callable[[], float]) -> "Trouble":
        failures, lasted = self.failures + 1, now - self.since
        many = failures >= MANY and lasted >= SETTLED
        few = failures >= FEW and lasted >= LASTING
        down = report.kind in ("down", "gone")
        failed = replace(
            self,
            failures=failures,
            # One that refuses some documents works for the others.
            works=0 if down else self.works,
            told=self.told or many or few or report.kind == "gone",
            last=now,
            name=report.name,
            reason=report.reason[:LONGEST_REASON],
            alone=report.alone,
            first=report.first,
        )
        if down and (failures >= MANY or failed.told):
            return failed._held_back(report, now, chance)
        # Refusing this one, it answers: the next may come, one after the other.
        return replace(failed, until=min(self.until, now)) if failed.held else failed

    def _held_back(self, report: Report, now: float, chance: Callable[[], float]) -> "Trouble":
        asked = min(report.wait or 0.0, LONGEST_ASKED)
        if self.held and now < self.until:  # a call that was under way before
            return replace(self, until=max(self.until, now + asked))
        cooldown = min(self.cooldown * 2 or FIRST_COOLDOWN, LONGEST_COOLDOWN)
        wait = max(cooldown * (1 + 0.1 * chance()), asked)
        return replace(self, held=True, until=now + wait, cooldown=cooldown, at_once=1)
