"""What is wrong with a mapping, a filter or a setting, in words a person can act on."""

from dataclasses import dataclass, replace
from typing import Any, Self

from otms import documents
from otms.documents import shorten

SHOWN = 80
# Of what a person writes: filters, a mapping. A partner takes no document that is larger.
LARGEST = 2**20


@dataclass(frozen=True)
class Problem:
    """One thing to mend before a document of ours can be saved.

    `meant` is the word that was probably meant by the one that is `written` there, if any is.
    """

    field: str
    code: str
    message: str
    written: str = ""
    meant: str = ""

    def under(self, prefix: str) -> "Problem":
        """Give the same problem, named from the document that holds this one."""
        joint = "" if not self.field or self.field.startswith("[") else "."
        return self.at(f"{prefix}{joint}{self.field}")

    def at(self, field: str) -> "Problem":
        """Give the same problem, at a field of another name."""
        return replace(self, field=field)


def too_large(written: Any, what: str) -> list[Problem]:
    """What there is to say of a document of ours of more than 1 MiB; nothing of a smaller one."""
    try:
        size = len(documents.dumps(written))
    except ValueError:
        return []  # it is no JSON: whoever reads it says where
    if size <= LARGEST:
        return []
    return [Problem("", "too_large", f"{what} is at most 1 MiB; this one has {size:,} bytes.")]


class ExpressionError(Exception):
    """An expression that cannot be carried out on this document; trying again won't help."""

    def __init__(self, target: str, expression: str, message: str) -> None:
        self.target = target
        self.expression = expression
        self._message = message
        super().__init__(f"{target}: {self.said}" if target else self.said)
        self.message = str(self)

    @property
    def said(self) -> str:
        """The message, with what was written there where that is not in it already."""
        written = self.expression
        if not written or written.strip('"') in self._message:
            return self._message
        return f"{self._message} It is written {written}."

    def inside(self, loop: str, item: str) -> Self:
        """The same error, with the item of a loop by its number."""
        if not self.target.startswith(loop):
            return self
        return type(self)(item + self.target[len(loop) :], self.expression, self._message)


class MappingError(ExpressionError):
    """A mapping that is broken, or does not fit this document."""


class FilterError(ExpressionError):
    """A filter that is broken, or does not fit this document."""


def shown(value: Any, limit: int = SHOWN) -> str:
    """Quote a value in a message without writing out all of it first."""
    large = isinstance(value, dict | list | tuple)
    return shorten(_beginning(value, [limit + 2]) if large else value, limit)


def _beginning(value: Any, room: list[int]) -> Any:
    """So much of a value as a message can show; what is cut off is still too long for it."""
    room[0] -= 1
    if isinstance(value, dict):
        made: Any = {}
        for key, child in value.items():
            if room[0] <= 0:
                break
            made[key[: SHOWN + 2] if isinstance(key, str) else key] = _beginning(child, room)
        return made
    if isinstance(value, list | tuple):
        made = []
        for child in value:
            if room[0] <= 0:
                break
            made.append(_beginning(child, room))
        return made
    return value[: SHOWN + 2] if isinstance(value, str) else value
