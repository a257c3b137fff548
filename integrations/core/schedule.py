"""When a scheduled integration runs: every so many seconds, minutes, hours, days or weeks."""

from datetime import UTC, datetime
from typing import Any

from integrations.core.errors import Problem

UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}
_VALUE, _UNIT = "integrationSchedulerScheduleValue", "integrationSchedulerScheduleType"


def check(document: Any) -> list[Problem]:
    """What is wrong with a schedule in the vendor's three fields; `milliseconds` is computed."""
    if not isinstance(document, dict):
        return [
            Problem("", "not_an_object", "A schedule is an object, or null for: as changes come.")
        ]
    found = [
        Problem(key, "unknown_field", f"A schedule has {_VALUE} and {_UNIT}.")
        for key in document
        if key not in (_VALUE, _UNIT, "milliseconds")
    ]
    value = document.get(_VALUE)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10_000:
        found.append(Problem(_VALUE, "out_of_range", "Write a whole number from 1 to 10000."))
    if document.get(_UNIT) not in tuple(UNITS):
        found.append(Problem(_UNIT, "invalid_choice", f"Choose one of {', '.join(UNITS)}."))
    return found


def completed(document: dict[str, Any] | None) -> dict[str, Any] | None:
    """The schedule with `milliseconds` beside value and unit."""
    if not document:
        return None
    seconds = document[_VALUE] * UNITS[document[_UNIT]]
    return {_VALUE: document[_VALUE], _UNIT: document[_UNIT], "milliseconds": seconds * 1000}


def next_tick(document: dict[str, Any] | None, now: datetime) -> datetime:
    """When what happens now may leave: at once, or at the next tick (counted from 1970)."""
    if not document:
        return now
    seconds = document[_VALUE] * UNITS[document[_UNIT]]
    return datetime.fromtimestamp((now.timestamp() // seconds + 1) * seconds, UTC)
