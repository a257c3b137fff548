"""On which line of a mapping, as it is written, stands what somebody is told about.

A problem names its target (`customer.name`, `lines[2].qty`) or the place of a filter (`[0].value`),
and JSON that was read knows no lines any more: the text is walked through once for where each part
stands. What is said of an operator or of a branch has the target of the whole: there the line is
told by what is written on it.
"""

import json
import re
from bisect import bisect_right
from contextlib import suppress
from functools import cached_property
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import NamedTuple

READ = json.JSONDecoder()
BLANK = re.compile(r"[ \t\n\r]*")
ITEM = re.compile(r"\[\d*\]\.?")
# Where a name may end in a field: before a dot, before a bracket, or with it.
ENDS = re.compile(r"(?=[.\[])|\Z")


# Of looking for parts within operators, for all that is told of one text.
MOST_STEPS = 50_000


class Part(NamedTuple):
    """Where a value begins, or the name that it has, and where it ends; what is in it, by names
    and numbers."""

    begin: int
    end: int
    parts: "dict[str | int, Part]"


class Lines:
    """The places in a text that is JSON."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newlines = [each.start() for each in re.finditer("\n", text)]
        self._twice: dict[str, int] = {}
        self._steps = MOST_STEPS

    @cached_property
    def _root(self) -> Part:
        begin = _next(self._text, 0)
        empty = begin == len(self._text)
        return Part(begin, begin, {}) if empty else self._read(begin, begin)

    def of(self, field: str, written: str = "") -> int:
        """The line, from 1, of the deepest part that the field names; that of all of it if none.

        Where that part has a text or a name that is `written` so, the line of that.
        """
        part = self._found(self._root, field)
        return self._line(self._place(part, written))

    def second(self, name: str) -> int:
        """The line on which this name stands for the second time in one object."""
        # Behind it the text may be no JSON, or deeper than anybody reads.
        with suppress(ValueError, IndexError, RecursionError):
            _ = self._root
        return self._line(self._twice.get(name, 0))

    def _line(self, place: int) -> int:
        return bisect_right(self._newlines, place) + 1

    def _place(self, part: Part, written: str) -> int:
        if not written:
            return part.begin
        # Whole, and else as a part of a text, where a path may stand without its `$`.
        short = written.removeprefix("$.")
        quoted = (json.dumps(each, ensure_ascii=False) for each in (written, short))
        ways = (*quoted, written, short)
        places = (self._text.find(way, part.begin, part.end) for way in ways)
        return next((place for place in places if place >= 0), part.begin)

    def _found(self, part: Part, field: str) -> Part:
        self._steps -= 1
        if not field or self._steps < 0:
            return part
        # The longest name first: a dot may be part of one.
        for end in reversed([each.start() for each in ENDS.finditer(field)]):
            name, rest = field[:end], field[end:].removeprefix(".")
            number = re.fullmatch(r"\[(\d+)\]", name)
            inner = part.parts.get(int(number[1]) if number else name)
            if inner is not None and end:
                return self._found(inner, rest)
        # What operators hold has the target of the operator; a loop's has the number of the item.
        for operator, inner in part.parts.items():
            if isinstance(operator, str) and operator.startswith("$"):
                left = ITEM.sub("", field, count=1) if operator == "$do" else field
                if left and (found := self._found(inner, left)) is not inner:
                    return found
        return part

    def _read(self, at: int, begin: int) -> Part:
        """The value here, which is called from `begin` on."""
        text, parts = self._text, dict[str | int, Part]()
        if text[at] not in "{[":
            _, end = READ.raw_decode(text, at)
            return Part(begin, end, parts)
        closing = "}" if text[at] == "{" else "]"
        place = _next(text, at + 1)
        while text[place] != closing:
            start: int = place
            name: str | int = len(parts)
            if closing == "}":
                name, colon = scanstring(text, place + 1, True)
                place = _next(text, _next(text, colon) + 1)
                if name in parts:
                    self._twice.setdefault(str(name), start)
            parts[name] = self._read(place, start)
            place = _next(text, parts[name].end)
            if text[place] == ",":
                place = _next(text, place + 1)
        return Part(begin, place + 1, parts)


def line_of(text: str, field: str, written: str = "") -> int:
    """The same for one field."""
    return Lines(text).of(field, written)


def _next(text: str, at: int) -> int:
    """Where something stands again behind blanks."""
    return BLANK.match(text, at).end()  # type: ignore[union-attr]
