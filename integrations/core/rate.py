"""How many calls a target wants in a window of time: never more, in any window of that length.

A call counts from its claim until a whole window after its outcome, because it reaches the target
somewhere in between. What was called is kept in slices, each counted as if all of it had been at
the end of the slice, so that what is kept is short however many calls there are.
"""

import re
from dataclasses import dataclass

SECONDS = {"s": 1, "min": 60, "hour": 3600}
SLICES = 60

# [the end of a slice, in seconds since 1970; the calls that ended in it], the oldest first.
Called = list[list[float]]

WRITTEN = re.compile(r"([1-9][0-9]{0,4})/(s|min|hour)")


@dataclass(frozen=True)
class Rate:
    calls: int
    seconds: int

    @classmethod
    def of(cls, written: object) -> "Rate | None":
        """Read 60/min, 10/s or 1000/hour; None if it is not written so."""
        match = WRITTEN.fullmatch(written) if isinstance(written, str) else None
        if match is None:
            return None
        return cls(int(match[1]), SECONDS[match[2]])

    def left(self, called: Called, in_flight: int, now: float) -> int:
        """How many more may be called at this moment."""
        return max(0, self.calls - in_flight - sum(int(n) for _, n in self._alive(called, now)))

    def opens_at(self, called: Called, now: float) -> float | None:
        """When the oldest calls are forgotten, in seconds since 1970; None if there are none."""
        alive = self._alive(called, now)
        return alive[0][0] + self.seconds if alive else None

    def with_calls(self, called: Called, calls: int, now: float) -> Called:
        """What was called, with some more that ended now."""
        width = self.seconds / SLICES
        end = (now // width + 1) * width
        kept = self._alive(called, now)
        if kept and kept[-1][0] >= end:
            return [*kept[:-1], [kept[-1][0], kept[-1][1] + calls]]
        return [*kept, [end, calls]]

    def _alive(self, called: Called, now: float) -> Called:
        return [[float(end), n] for end, n in called if float(end) + self.seconds > now]
