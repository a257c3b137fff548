"""When to try again, and when to stop trying."""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from integrations.core.errors import Problem
from otms.spelling import did_you_mean

FIRST_DELAY = 5.0
LONGEST_DELAY = 3600.0
LONGEST_STEP = timedelta(days=7)
LONGEST_BUDGET = timedelta(days=90)
LONGEST_RETRY_AFTER = timedelta(hours=24)
WORDS = ("5xx", "network")
KEYS = ("schedule", "giveUpAfter", "on")

# Months and years are left out: they have no fixed length.
_DURATION = re.compile(
    r"P(?=.)(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,4})D)?"
    r"(?:T(?=.)(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,6})M)?(?:(?P<seconds>\d{1,9})S)?)?"
)


@dataclass(frozen=True)
class RetryPolicy:
    """How long to wait between attempts, for how long in all, and after which failures."""

    schedule: tuple[float, ...] | None = None
    give_up_after: timedelta = timedelta(days=3)
    on: frozenset[int | str] = frozenset({408, 425, 429, *WORDS})

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | None) -> "RetryPolicy":
        """Read a policy as the API spells it; what is not given keeps its default."""
        if problems := cls.check(document):
            raise ValueError(f"{problems[0].field}: {problems[0].message}")
        given = {key: value for key, value in (document or {}).items() if value is not None}
        policy: dict[str, Any] = {}
        if "schedule" in given:
            policy["schedule"] = tuple(float(delay) for delay in given["schedule"])
        if "giveUpAfter" in given:
            policy["give_up_after"] = _duration(given["giveUpAfter"])
        if "on" in given:
            policy["on"] = frozenset(given["on"])
        return cls(**policy)

    @staticmethod
    def check(document: Any) -> list[Problem]:
        """List everything that is wrong with a policy as the API spells it."""
        if document is None:
            return []
        if not isinstance(document, Mapping):
            return [Problem("", "invalid_policy", "Write the retry policy as an object.")]
        problems = [
            Problem(
                str(key),
                "unknown_field",
                f"Leave out `{key}`; there are {', '.join(KEYS)}.{did_you_mean(key, KEYS)}",
            )
            for key in document
            if key not in KEYS
        ]
        problems += _check_schedule(document.get("schedule"))
        problems += _check_budget(document.get("giveUpAfter"))
        problems += _check_on(document.get("on"))
        return problems

    def retries(self, status: int | None) -> bool:
        """Is this answer worth another attempt? No status means the network failed."""
        if status is None:
            return "network" in self.on
        return status in self.on or (500 <= status <= 599 and "5xx" in self.on)

    def delay(
        self,
        attempt: int,
        *,
        retry_after: float | None,
        elapsed: timedelta,
        random: Callable[[], float] = random.random,
    ) -> float | None:
        """Tell the seconds to wait after this attempt, or None when the time is used up.

        A partner who asks for more than is left of it gets one last attempt at its end.
        """
        wait = self._own_delay(max(attempt, 1), random())
        left = (self.give_up_after - elapsed).total_seconds()
        return None if wait > left else min(max(wait, retry_after or 0.0), left)

    def _own_delay(self, attempt: int, chance: float) -> float:
        if self.schedule:
            return self.schedule[min(attempt, len(self.schedule)) - 1] * (1 + 0.1 * chance)
        # Half is fixed, so that each wait is longer than the one before until the ceiling;
        # half is random, so that what failed together does not come back together.
        # The exponent is cut because no attempt number may overflow a float.
        ceiling = min(FIRST_DELAY * 2.0 ** min(attempt - 1, 30), LONGEST_DELAY)
        return ceiling * (1 + chance) / 2


def parse_retry_after(value: str, now: datetime) -> float | None:
    """Read a Retry-After header, seconds or date, as seconds from now; None if it is neither."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        # Ten digits are three centuries already; more could not be a float.
        seconds = float(text[:10]) if len(text) <= 10 else float("inf")
    else:
        try:
            moment = parsedate_to_datetime(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            seconds = (moment - now).total_seconds()
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER.total_seconds())


def _duration(text: object) -> timedelta | None:
    match = _DURATION.fullmatch(text) if isinstance(text, str) and text.isascii() else None
    if match is None:
        return None
    return timedelta(**{unit: int(count) for unit, count in match.groupdict().items() if count})


def _check_schedule(schedule: Any) -> list[Problem]:
    if schedule is None:
        return []
    if not isinstance(schedule, list | tuple) or not 1 <= len(schedule) <= 100:
        message = "Write the schedule as a list of 1 to 100 delays in seconds, or leave it out."
        return [Problem("schedule", "invalid_schedule", message)]
    longest = int(LONGEST_STEP.total_seconds())
    return [
        Problem(
            f"schedule[{place}]",
            "invalid_delay",
            f"Write each delay as a number of seconds from 1 to {longest}.",
        )
        for place, delay in enumerate(schedule)
        if isinstance(delay, bool)
        or not isinstance(delay, int | float | Decimal)
        or not 1 <= delay <= longest
    ]


def _check_budget(text: Any) -> list[Problem]:
    if text is None:
        return []
    budget = _duration(text)
    if budget is not None and timedelta(0) < budget <= LONGEST_BUDGET:
        return []
    message = "Write giveUpAfter as an ISO 8601 duration up to P90D, such as P3D or PT24H."
    return [Problem("giveUpAfter", "invalid_duration", message)]


def _check_on(on: Any) -> list[Problem]:
    if on is None:
        return []
    message = "Write each entry as a status from 100 to 599, or as 5xx or network."
    if not isinstance(on, list | tuple | set | frozenset):
        return [Problem("on", "invalid_list", message)]
    return [
        Problem(f"on[{place}]", "invalid_status", message)
        for place, entry in enumerate(on)
        if not (
            entry in WORDS if isinstance(entry, str) else type(entry) is int and 100 <= entry <= 599
        )
    ]
