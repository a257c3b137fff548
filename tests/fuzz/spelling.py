"""JSON as it is written, and what no writer would write."""

import json
from collections.abc import Iterable
from typing import Any


class Number(str):
    """A number as it is written."""

    __slots__ = ()


class Raw(str):
    """What is written as it stands."""

    __slots__ = ()


def text(value: Any) -> str:
    """Write JSON, also what is nested deeper than Python's own writer goes."""
    written: list[str] = []
    left = [value]  # the last first
    while left:
        each = left.pop()
        if isinstance(each, Raw | Number):
            written.append(each)
        elif isinstance(each, dict):
            members = ([Raw(json.dumps(name) + ":"), inner] for name, inner in each.items())
            left += _inside("{", members, "}")
        elif isinstance(each, list):
            left += _inside("[", ([inner] for inner in each), "]")
        else:
            written.append(json.dumps(each))
    return "".join(written)


def _inside(opening: str, members: Iterable[list[Any]], closing: str) -> list[Any]:
    pieces: list[Any] = [Raw(opening)]
    for place, member in enumerate(members):
        pieces += [Raw(","), *member] if place else member
    return [*pieces, Raw(closing)][::-1]
