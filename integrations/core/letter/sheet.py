"""A text that is read rule by rule: what one rule used, the next does not see."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

T = TypeVar("T")
Span = tuple[int, int]

USED = "\0"
MOST = 50  # of what one rule finds; an order in a letter has fewer
# The end of a word or number, and its beginning.
BEGIN = r"(?<![\w.,])"
END = r"(?!\w)"
GAP = r"[ \t\xa0]{0,3}"


@dataclass(frozen=True)
class Found:
    """A value, how sure it is (0 to 1), where it stands in the text, and what else it may be."""

    value: Any
    confidence: float
    span: Span
    alternatives: tuple[tuple[Any, float], ...] = ()
    part: str = "body"  # of the mail: the span counts from its beginning

    def but(self, **changed: Any) -> "Found":
        return replace(self, **changed)


def rule(pattern: str, flags: int = re.IGNORECASE) -> re.Pattern[str]:
    return re.compile(pattern, flags)


class Sheet:
    """The text as it is, and what is left of it for the next rule, in the same places."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.left = text.replace(USED, " ")

    def take(self, pattern: re.Pattern[str], read: Callable[[re.Match[str]], T | None]) -> list[T]:
        """What `read` makes of the matches; None leaves a match to other rules."""
        found: list[T] = []
        used: list[Span] = []
        for match in pattern.finditer(self.left):
            if (made := read(match)) is not None:
                found.append(made)
                used.append(match.span())
                if len(found) == MOST:
                    break
        self.hide(used)
        return found

    def hide(self, spans: Iterable[Span]) -> None:
        """All at once: one copy of the text for a rule, not one for each match."""
        pieces, at = [], 0
        for begin, end in sorted(spans):
            begin = max(begin, at)
            if begin < end:
                pieces += [self.left[at:begin], USED * (end - begin)]
                at = end
        self.left = "".join([*pieces, self.left[at:]])

    def line_begin(self, place: int) -> int:
        return self.text.rfind("\n", 0, place) + 1
