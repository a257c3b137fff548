"""What is made of a value on its way to its target: looked up, converted, rounded, cut, replaced.

Null stays null through all of them, and what is missing stays missing, until `$ifNull` and
`$default` give a value. A list is converted item by item.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from integrations.core.errors import MappingError, shown
from integrations.core.scalars import EXACT, moment, number
from integrations.core.scope import MISSING, Builder, Place, Scope, Step
from otms import documents
from otms.documents import shorten
from otms.spelling import did_you_mean

MOST_DIGITS = 30
LONGEST_TEXT = 100_000
# What strftime does the same everywhere, in English and on every system.
DIRECTIVES = frozenset("YmdHMSfyjzIpaAbBGuV%")
LONGEST_FORMAT = 100
NO_ROW = object()


def lookup(builder: Builder, place: Place) -> Step:
    """Take what a table has for the value; without it `$default`, and without that an error."""
    table, target = place.argument, place.target
    if not isinstance(table, dict) or not table:
        message = 'Give `$lookup` a table such as {"requested": 10, "planned": 20}.'
        return builder.refuse(target, "not_a_table", message)
    rows = {str(key): builder.build(entry, target) for key, entry in table.items()}
    falls_back = "$default" in place.expression
    # Of a list, each item that has no row has it; of one value `$default` itself takes care.
    default = builder.build(place.expression.get("$default"), target)

    def look_up(value: Any, scope: Scope) -> Any:
        found = rows.get(value if isinstance(value, str) else documents.dumps(value).decode())
        if found is not None:
            return found(scope)
        if falls_back:
            return NO_ROW
        names = ", ".join(shorten(name, 30) for name in list(rows)[:10])
        raise _unfit(place, "$lookup", value, f"is not in the table; it has {names}")

    each = _of_each(place, look_up)

    def rows_or_default(scope: Scope) -> Any:
        made = each(scope)
        if made is NO_ROW:
            return MISSING
        if not isinstance(made, list):
            return made
        taken = [default(scope) if value is NO_ROW else value for value in made]
        return [value for value in taken if value is not MISSING]

    return rows_or_default


def convert(builder: Builder, place: Place) -> Step:
    """Make a value one of a type, or say that it can't be."""
    name, zone = place.argument, _zone(builder, place)
    if not isinstance(name, str) or name not in TYPES:
        message = f"Give `$type` one of {', '.join(TYPES)}.{did_you_mean(name, TYPES)}"
        return builder.refuse(place.target, "unknown_type", message)
    read, kind = TYPES[name]

    def to_type(value: Any, scope: Scope) -> Any:
        try:
            made = read(value, zone)
        except OverflowError as error:
            raise _unfit(place, "$type", value, "is out of range in this zone") from error
        if made is None:
            raise _unfit(place, "$type", value, f"is no {kind}")
        return made

    return _of_each(place, to_type)


def _string(value: Any, zone: tzinfo | None) -> str | None:
    if isinstance(value, dict | list):
        return None
    return value if isinstance(value, str) else documents.dumps(value).decode()


def _integer(value: Any, zone: tzinfo | None) -> int | None:
    read = number(value)
    return int(read) if read is not None and read == read.to_integral_value() else None


def _decimal(value: Any, zone: tzinfo | None) -> Decimal | None:
    return number(value)


def _boolean(value: Any, zone: tzinfo | None) -> bool | None:
    if isinstance(value, bool):
        return value
    said = value.strip().lower() if isinstance(value, str) else value
    return (
        {"true": True, "false": False, "1": True, "0": False, 1: True, 0: False}.get(said)
        if (isinstance(said, str | int))
        else None
    )


def _day(value: Any, zone: tzinfo | None) -> str | None:
    read = moment(value)
    if isinstance(read, datetime):
        read = (read.astimezone(zone) if zone else read).date()
    return read.isoformat() if read else None


TYPES: dict[str, tuple[Callable[[Any, tzinfo | None], Any], str]] = {
    "string": (_string, "single value"),
    "integer": (_integer, "whole number"),
    "decimal": (_decimal, "number"),
    "boolean": (_boolean, "true or false"),
    "date": (_day, "ISO date such as 2026-03-20"),
}


def written_date(builder: Builder, place: Place) -> Step:
    """Write an ISO date or time in another format, in a zone (UTC if there is none)."""
    format, zone = place.argument, _zone(builder, place) or UTC
    if not isinstance(format, str) or not format or len(format) > LONGEST_FORMAT:
        message = "Write `$date` as a format such as %d-%m-%Y, of at most 100 characters."
        return builder.refuse(place.target, "invalid_format", message)
    if "%" not in format:
        message = (
            f"{shorten(format)} has no signs such as %d in it, and would be written as it stands; "
            "a day is %d, a month %m, a year %Y: %d-%m-%Y."
        )
        return builder.refuse(place.target, "invalid_format", message)
    for directive in re.findall(r"%(.?)", format.replace("%%", "")):
        if directive not in DIRECTIVES:
            message = f"`$date` knows no %{directive}; there are " + " ".join(
                f"%{each}" for each in sorted(DIRECTIVES)
            )
            return builder.refuse(place.target, "invalid_format", f"{message}.")

    def write(value: Any, scope: Scope) -> str:
        read = moment(value)
        if read is None:
            raise _unfit(place, "$date", value, "is no ISO date such as 2026-03-20T10:30:00Z")
        try:
            if isinstance(read, datetime):
                read = read.astimezone(zone)
            return read.strftime(format) if isinstance(read, datetime) else _midnight(read, format)
        except (OverflowError, ValueError) as error:
            raise _unfit(place, "$date", value, "is out of range") from error

    return _of_each(place, write)


def _midnight(day: date, format: str) -> str:
    """A date without a time is of no zone: it is never moved to the day before."""
    return datetime(day.year, day.month, day.day).strftime(format)


def rounded(builder: Builder, place: Place) -> Step:
    """Round a number half up to so many digits behind the point, and write all of them."""
    digits = place.argument
    if isinstance(digits, bool) or not isinstance(digits, int) or not 0 <= digits <= MOST_DIGITS:
        message = f"Write `$round` as a number of digits from 0 to {MOST_DIGITS}."
        return builder.refuse(place.target, "invalid_digits", message)
    unit = Decimal(1).scaleb(-digits)

    def round_off(value: Any, scope: Scope) -> Any:
        read = number(value)
        if read is None:
            raise _unfit(place, "$round", value, "is no number")
        made = read.quantize(unit, rounding=ROUND_HALF_UP, context=EXACT)
        made = made if made else made.copy_abs()  # there is no minus nothing
        return made if digits else int(made)

    return _of_each(place, round_off)


_AS_TEXT = 'write "$type": "string" beside it'


def cut(builder: Builder, place: Place) -> Step:
    """Cut a text to so many characters."""
    most = place.argument
    if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= LONGEST_TEXT:
        message = f"Write `$max` as a number of characters from 1 to {LONGEST_TEXT}."
        return builder.refuse(place.target, "invalid_length", message)

    def shorten_text(value: Any, scope: Scope) -> Any:
        if not isinstance(value, str):
            way = "name one of its fields" if isinstance(value, dict) else _AS_TEXT
            raise _unfit(place, "$max", value, f"is no text; {way}")
        return value[:most]

    return _of_each(place, shorten_text)


def if_null(builder: Builder, place: Place) -> Step:
    """Take another expression for null."""
    return _instead_of(builder, place, lambda value: value is None)


def if_empty(builder: Builder, place: Place) -> Step:
    """Take another expression for an empty text, as the vendor shows what is not set."""
    return _instead_of(builder, place, lambda value: isinstance(value, str) and not value.strip())


def _instead_of(builder: Builder, place: Place, is_it: Callable[[Any], bool]) -> Step:
    before, otherwise = place.before, builder.build(place.argument, place.target)

    def value_or_other(scope: Scope) -> Any:
        value = before(scope)
        if isinstance(value, list):
            made = [otherwise(scope) if is_it(each) else each for each in value]
            return [each for each in made if each is not MISSING]
        return otherwise(scope) if is_it(value) else value

    return value_or_other


def default(builder: Builder, place: Place) -> Step:
    """Take another expression when the source finds nothing; null is something."""
    before, otherwise = place.before, builder.build(place.argument, place.target)

    def value_or_default(scope: Scope) -> Any:
        noted = len(scope.warnings)
        value = before(scope)
        if value is not MISSING:
            return value
        # What has a default was expected to be missing: nobody needs to hear of it.
        del scope.warnings[noted:]
        return otherwise(scope)

    return value_or_default


def required(builder: Builder, place: Place) -> Step:
    """Fail when there is no value: the partner can do nothing without it."""
    if place.argument is not True:
        return builder.refuse(place.target, "not_true", "Write `$required` as true.")

    def demand(scope: Scope) -> Any:
        noted = len(scope.warnings)
        value = place.before(scope)
        if value is MISSING or value is None:
            of = ", ".join(f"`{w.path}`" for w in scope.warnings[noted:])
            is_what = "is null" if value is None else "is not in the document"
            said = f"`$required`: {of or shorten(place.expression)} {is_what}."
            raise MappingError(place.target, shorten(place.expression), said)
        return value

    return demand


def _of_each(place: Place, change: Callable[[Any, Scope], Any]) -> Step:
    """Of a list, each item; null and what is missing stay what they are."""

    def step(scope: Scope) -> Any:
        value = place.before(scope)
        if value is MISSING or value is None:
            return value
        if not isinstance(value, list):
            return change(value, scope)
        made = [each if each is None else change(each, scope) for each in value]
        return [each for each in made if each is not MISSING]

    return step


def _unfit(place: Place, name: str, value: Any, why: str) -> MappingError:
    return MappingError(place.target, shorten(place.expression), f"`{name}`: {shown(value)} {why}.")


@cache
def _zones() -> frozenset[str]:
    """The names of all time zones, for which the disk is searched."""
    return frozenset(available_timezones())


def _zone(builder: Builder, place: Place) -> tzinfo | None:
    name = place.expression.get("$tz")
    if name is None:
        return None
    try:
        if isinstance(name, str) and len(name) <= LONGEST_FORMAT:
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    meant = did_you_mean(name, _zones())
    message = f"No time zone {shorten(name)}; write one such as Europe/Amsterdam.{meant}"
    builder.refuse(place.target, "unknown_zone", message)
    return None
