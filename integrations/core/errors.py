"""What is wrong with a mapping, a filter or a setting, in words a person can act on."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True)
class Problem:
    """One thing to mend before a document of ours can be saved."""

    field: str
    code: str
    message: str

    def under(self, prefix: str) -> "Problem":
        """Give the same problem, named from the document that holds this one."""
        joint = "" if not self.field or self.field.startswith("[") else "."
        return Problem(f"{prefix}{joint}{self.field}", self.code, self.message)


class ExpressionError(Exception):
    """An expression that cannot be carried out on this document; trying again won't help."""

    def __init__(self, target: str, expression: str, message: str) -> None:
        super().__init__(f"{target}: {message}" if target else message)
        self.target = target
        self.expression = expression
        self.message = str(self)


class MappingError(ExpressionError):
    """A mapping that is broken, or does not fit this document."""


class FilterError(ExpressionError):
    """A filter that is broken, or does not fit this document."""


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Name the nearest known word as a question, or say nothing."""
    lowered = {each.lower(): each for each in known}
    near = get_close_matches(str(word).lower()[:100], lowered, n=1, cutoff=0.6)
    return f" Did you mean `{lowered[near[0]]}`?" if near else ""
