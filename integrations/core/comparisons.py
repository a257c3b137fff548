"""The operators of a filter: each is one entry of the table at the end.

Numbers compare as numbers (a text such as "12.50" too, beside a number), ISO dates as dates, all
else only with its own kind. A comparison that makes no sense does not hold, and says so.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from integrations.core.errors import shown
from integrations.core.paths import Path
from integrations.core.scalars import day, moment, number
from integrations.core.work import Work

NOTHING = "the path finds nothing"
NEW = "the record is new"

# What comparing takes, in units of work: two single values, and a character of a pattern.
EACH = 60
PATTERN = 50


class Answer(NamedTuple):
    """Whether a comparison holds, and what there is to know about it."""

    holds: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a path sees: in the document, and in the document as it was before the change."""

    path: Path
    now: list[Any]
    earlier: Any
    work: Work

    @property
    def before(self) -> list[Any] | None:
        """List what the path saw before the change; None for a record that was not there."""
        return None if self.earlier is None else self.path.find(self.earlier, self.work)


class Operator(NamedTuple):
    """An entry of the table: the test, the kind of value that it compares with, when it holds."""

    test: Callable[[Sight, Any], Answer]
    takes: str
    told: str


def equal(seen: Any, wanted: Any) -> Answer:
    """Compare two values for equality, by what they mean rather than how they are spelled."""
    if _is_text(seen) and _is_text(wanted) and seen == wanted:
        return Answer(True)
    if not (_is_text(seen) and _is_text(wanted)):
        one, other = number(seen), number(wanted)
        if one is not None and other is not None:
            return Answer(one == other)
    if dates := _dates(seen, wanted):
        return Answer(dates[0] == dates[1])
    if None in (seen, wanted) or _kind(seen) == _kind(wanted):
        return Answer(identical(seen, wanted))
    return Answer(False, _senseless(seen, wanted))


def ordered(holds: Callable[[int], bool]) -> Callable[[Any, Any], Answer]:
    """Make the comparison that holds for some order: less (-1), the same (0), or more (1)."""

    def compare(seen: Any, wanted: Any) -> Answer:
        pair: Any = (number(seen), number(wanted))
        if None in pair:
            pair = _dates(seen, wanted)
        if pair is None and _is_text(seen) and _is_text(wanted):
            # "n/a" is neither before nor after a date, and not more or less than a number.
            readings = [read(text) for text in (seen, wanted) for read in (moment, number)]
            pair = (seen, wanted) if readings == [None] * 4 else None
        if pair is None:
            return Answer(False, _senseless(seen, wanted))
        one, other = pair
        return Answer(holds((one > other) - (one < other)))

    return compare


def identical(one: Any, other: Any) -> bool:
    """Are these the same JSON value? Unlike in Python, true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(identical(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(identical, one, other))
    return bool(one == other)


def _any(compare: Callable[[Any, Any], Answer]) -> Callable[[Sight, Any], Answer]:
    """A path that finds several values holds if any of them does."""

    def test(sight: Sight, wanted: Any) -> Answer:
        sight.work.spend(EACH * len(sight.now) * sight.work.weigh(wanted))
        answers = [compare(seen, wanted) for seen in sight.now]
        if not answers:
            return Answer(False, NOTHING)
        return next((each for each in answers if each.holds), answers[0])

    return test


def _differs(compare: Callable[[Any, Any], Answer]) -> Callable[[Sight, Any], Answer]:
    """The opposite, value by value; what is not there is not equal to anything."""

    def opposite(seen: Any, wanted: Any) -> Answer:
        answer = compare(seen, wanted)
        return Answer(not answer.holds, answer.note)

    def test(sight: Sight, wanted: Any) -> Answer:
        return _any(opposite)(sight, wanted) if sight.now else Answer(True, NOTHING)

    return test


def _among(seen: Any, wanted: Any) -> Answer:
    return Answer(any(equal(seen, each).holds for each in wanted))


def _weighed(
    test: Callable[[Sight, Any], Answer], cost: Callable[[Any, Any], int], once: int = 0
) -> Callable[[Sight, Any], Answer]:
    """A test that takes longer the longer the texts or lists are that it looks through."""

    def weighed(sight: Sight, wanted: Any) -> Answer:
        if isinstance(wanted, str):
            sight.work.spend(once * len(wanted))
        for seen in sight.now:
            sight.work.spend(cost(seen, wanted))
        return test(sight, wanted)

    return weighed


def _cost_of_contains(seen: Any, wanted: Any) -> int:
    if isinstance(seen, list):
        return EACH * len(seen)
    if not (_is_text(seen) and _is_text(wanted)):
        return 0
    # Python looks through a long text in one go, and through a short one perhaps again and again.
    return len(seen) >> 3 if len(seen) > 30_000 else len(seen) * min(len(wanted), 100) >> 6


def _cost_of_like(seen: Any, wanted: Any) -> int:
    return len(seen) * len(wanted) >> 4 if _is_text(seen) and _is_text(wanted) else 0


def _contains(seen: Any, wanted: Any) -> Answer:
    if isinstance(seen, list):
        return Answer(any(equal(each, wanted).holds for each in seen))
    return _text_test(lambda text, part: part in text)(seen, wanted)


def _text_test(holds: Callable[[str, str], bool]) -> Callable[[Any, Any], Answer]:
    def compare(seen: Any, wanted: Any) -> Answer:
        if _is_text(seen) and _is_text(wanted):
            return Answer(holds(seen, wanted))
        return Answer(False, _senseless(seen, wanted))

    return compare


def _changed(sight: Sight, wanted: Any) -> Answer:
    before = sight.before
    if before is None:
        return Answer(bool(sight.now), NEW)
    sight.work.spend(8 * sight.work.weigh(sight.now))
    return Answer(not identical(sight.now, before), f"before: {shown(_plain(before))}")


def _changed_from(sight: Sight, wanted: Any) -> Answer:
    before = sight.before
    if before is None:
        return Answer(False, NEW)
    changed, note = _changed(sight, wanted)
    return Answer(changed and _any(equal)(replace(sight, now=before), wanted).holds, note)


def _changed_to(sight: Sight, wanted: Any) -> Answer:
    changed, note = _changed(sight, wanted)
    return Answer(changed and _any(equal)(sight, wanted).holds, note)


def _plain(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    for types, kind in _KINDS:
        if isinstance(value, types):
            return kind
    return "null" if value is None else type(value).__name__


_KINDS: tuple[tuple[Any, str], ...] = (
    (int | float | Decimal, "a number"),
    (str | date, "a text"),
    (list, "a list"),
    (dict, "an object"),
)


def _senseless(seen: Any, wanted: Any) -> str:
    return f"{_kind(seen)} cannot be compared so with {_kind(wanted)} ({shown(wanted, 40)})"


def _dates(seen: Any, wanted: Any) -> tuple[Any, Any] | None:
    one, other = moment(seen), moment(wanted)
    if one is None or other is None:
        return None
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one, other
    try:
        # A date without a time is that whole day: nothing at noon is after it.
        return day(one), day(other)
    except OverflowError:
        return None


OPERATORS: dict[str, Operator] = {
    "eq": Operator(_any(equal), "any", "Holds if it is equal to the value."),
    "ne": Operator(_differs(equal), "any", "Holds if it is not equal to the value, or not there."),
    "in": Operator(_any(_among), "list", "Holds if it is one of these."),
    "notIn": Operator(_differs(_among), "list", "Holds if it is none of these, or not there."),
    "gt": Operator(_any(ordered(lambda order: order > 0)), "order", "Holds if it is more."),
    "gte": Operator(
        _any(ordered(lambda order: order >= 0)), "order", "Holds if it is as much, or more."
    ),
    "lt": Operator(_any(ordered(lambda order: order < 0)), "order", "Holds if it is less."),
    "lte": Operator(
        _any(ordered(lambda order: order <= 0)), "order", "Holds if it is as much, or less."
    ),
    "contains": Operator(
        _weighed(_any(_contains), _cost_of_contains),
        "scalar",
        "Holds if it is a text with this in it, or a list with this item.",
    ),
    "startsWith": Operator(
        _any(_text_test(str.startswith)), "text", "Holds if it is a text that begins with this."
    ),
    "endsWith": Operator(
        _any(_text_test(str.endswith)), "text", "Holds if it is a text that ends with this."
    ),
    "like": Operator(
        _weighed(_any(_text_test(fnmatchcase)), _cost_of_like, once=PATTERN),
        "text",
        "Holds if it is a text like this: `*` any characters, `?` one, `[ab]` one of these.",
    ),
    "exists": Operator(
        lambda sight, wanted: Answer(bool(sight.now)), "nothing", "Holds if it is there, null too."
    ),
    "missing": Operator(
        lambda sight, wanted: Answer(not sight.now), "nothing", "Holds if it is not there."
    ),
    "changed": Operator(
        _changed, "nothing", "Holds if it differs from before; on a new record, if it is there."
    ),
    "changedFrom": Operator(
        _changed_from, "any", "Holds if it changed and was this; on a new record it never does."
    ),
    "changedTo": Operator(_changed_to, "any", "Holds if it changed, and is this now."),
}
