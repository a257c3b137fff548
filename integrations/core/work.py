"""How much one evaluation may do: counted, not timed, so that every machine gives one verdict."""

from collections.abc import Iterator
from typing import Any

# About half a second on a small machine at the worst; a large order with a hundred targets is far
# below. The weights of what is not a step from node to node are in these units too.
MOST = 4_000_000


class Exhausted(Exception):
    """An evaluation that would have to do more than the limit."""


class Work:
    """What is left to one evaluation: a whole mapping, or a whole list of filters, on one document.

    A unit is about the time of looking at one value. It also keeps what was found, because the same
    path on the same document need not be walked twice.
    """

    __slots__ = ("known", "left")

    def __init__(self, most: int | None = None) -> None:
        self.left = MOST if most is None else most
        self.known: dict[tuple[Any, Any], list[Any]] = {}

    def spend(self, units: int) -> None:
        """Take this much from what is left, before it is done."""
        self.left -= units
        if self.left < 0:
            raise Exhausted

    def weigh(self, value: Any) -> int:
        """Count what there is in a value, long texts as many, and spend that much."""
        spent = 0
        for each in inside(value):
            units = 1
            if isinstance(each, str):
                units += len(each) >> 5
            elif isinstance(each, int):
                units += each.bit_length() >> 5
            spent += units
            self.spend(units)
        return spent


def inside(value: Any) -> Iterator[Any]:
    """The value and every value in it, in no order that means anything."""
    stack = [value]
    while stack:
        each = stack.pop()
        yield each
        if isinstance(each, dict):
            stack += each.values()
        elif isinstance(each, list | tuple):
            stack += each
