"""What the steps of a compiled mapping work with: the document, the loop, what they warn of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from integrations.core import paths
from integrations.core.errors import MappingError
from integrations.core.steps import Node
from integrations.core.work import Exhausted, Work, inside
from otms import documents

LARGEST_RESULT = 2**20
# Texts and numbers of up to so many characters are not weighed, however often a loop has them.
SMALL = 32
HUGE = 10**SMALL
# Warnings that are looked through, so that a loop gives each of them once.
MOST_IN_LOOPS = 100


class _Missing:
    """A key that is not there; null is something else."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


@dataclass(frozen=True)
class MappingWarning:
    """A target that was left out, and the path that found nothing.

    `meant`: the path that was probably meant. `whole`: of a path in a loop (`@.name`), where it
    leads from the document.
    """

    target: str
    path: str
    meant: str = ""
    whole: str = ""

    @property
    def message(self) -> str:
        """Say what happened in one sentence, with the path that was probably meant."""
        left_out = f"`{self.target}` was left out: `{self.path}` is not in the document."
        return left_out + self._hint

    @property
    def _hint(self) -> str:
        return f" Did you mean `{self.meant}`?" if self.meant else ""


class TextWarning(MappingWarning):
    """A target that is a text, where the value of a path was probably meant."""

    @property
    def message(self) -> str:
        """Say what is sent, and how to write the path."""
        return f"`{self.target}` is the text `{self.path[2:]}`; write `{self.path}` for its value."


class EmptyWarning(MappingWarning):
    """A path that finds nothing where that is allowed, and looks like a misspelling."""

    @property
    def message(self) -> str:
        """Say what was probably meant."""
        return f"`{self.target}`: `{self.path}` finds nothing in this document.{self._hint}"


class LoopWarning(MappingWarning):
    """A loop without an item, so that nothing is known of what it makes of one."""

    @property
    def message(self) -> str:
        """Say that it was not looked at."""
        return (
            f"`{self.target}` is empty: `{self.path}` has no item in this document, so what is "
            "made of one was not looked at."
        )


class GapWarning(MappingWarning):
    """A place in a text that stayed empty."""

    @property
    def message(self) -> str:
        """Say which place it is."""
        return (
            f"`{self.target}` has an empty place: `{self.path}` is not in the document.{self._hint}"
        )


@dataclass(slots=True)
class Scope:
    """What the steps of one mapping see: the document, and how much they may still make of it.

    In a loop also its item, where that stands in the document, and its number, from 1.
    """

    document: Any
    item: Any = None
    node: Node | None = None
    number: int = 0
    warnings: list[MappingWarning] = field(default_factory=list)
    room: int = LARGEST_RESULT
    work: Work | None = None
    # The targets of loops that went round, and of those that had nothing to go round for.
    looped: set[str] = field(default_factory=set)
    idle: set[str] = field(default_factory=set)

    def warn(self, warning: MappingWarning) -> None:
        """Note it, in a loop once and not for each item."""
        if not self.number or warning not in self.warnings[-MOST_IN_LOOPS:]:
            self.warnings.append(warning)

    def budget(self) -> Work:
        """Give the one budget of this evaluation, made when the first path asks that needs one."""
        self.work = self.work or Work()
        return self.work

    def weigh(self, value: Any, target: str, path: str) -> None:
        """Stop before many large values add up to more than a partner can take."""
        if isinstance(value, str):
            self.take(len(value), target, path)
        # Every value takes at least a character and a comma: no need to write them to know.
        elif next(islice(inside(value), self.room // 2 + 2, None), None) is not None:
            self.room = -1
        else:
            self.room -= len(documents.dumps(value))
        self.take(0, target, path)

    def weigh_number(self, number: Any, target: str, path: str) -> None:
        """The same of a number; to spell a long one is work, too."""
        if number.__class__ is int and -HUGE < number < HUGE:
            return
        length = number.bit_length() // 3 if number.__class__ is int else len(str(number))
        if length > SMALL:
            self.take(length, target, path)
            try:
                self.budget().spend(length)
            except Exhausted:
                message = "There are too many long numbers for one mapping."
                raise MappingError(target, path, message) from None

    def take(self, characters: int, target: str, path: str) -> None:
        """Take so many of what the result may have, before they are written."""
        self.room -= characters
        if self.room < 0:
            raise MappingError(target, path, f"`{path}` makes the result larger than 1 MiB.")


Step = Callable[[Scope], Any]


class Builder(Protocol):
    """What an operator may ask of the compiler while its object is compiled."""

    def build(self, expression: Any, target: str) -> Step:
        """Compile any expression of the language, such as the argument of an operator."""

    def path(self, text: Any, target: str) -> Step:
        """Compile the path of a value, or note down why it cannot be one."""

    def has_room(self, target: str) -> bool:
        """Count one more piece of work; False when there are too many, which is noted down."""

    def loop(self, text: Any, body: Any, target: str) -> tuple[Step, Step, int]:
        """Compile a loop: what gives its items, what is made of one, and of how many pieces."""

    def condition(self, written: Any, target: str) -> Callable[[Scope], bool]:
        """Compile a filter, or a list of them, that may be about the item of a loop too."""

    def refuse(self, target: str, code: str, message: str) -> Step:
        """Note down a problem, and give a step that is never run."""


class Place(NamedTuple):
    """Where an operator stands: its argument, its object, its target, and the step before it."""

    argument: Any
    expression: Mapping[str, Any]
    target: str
    before: Step


Schema = dict[str, Any]


class Operator(NamedTuple):
    """An entry of the table; `companions` are keys that mean something only beside it.

    `takes` is the JSON Schema of its argument (schema.py), `companions` has one for each of theirs;
    `needs` are those that can't be left out. The first line of what `build` says of itself is told
    to whoever looks for an operator, with the example, which works on any transport order.
    """

    build: Callable[[Builder, Place], Step]
    takes: Schema = {}
    example: Any = None
    source: bool = False
    companions: Mapping[str, Schema] = MappingProxyType({})
    needs: tuple[str, ...] = ()


def nothing(scope: Scope) -> Any:
    """Find nothing: the step before the first."""
    return MISSING


def at(path: paths.Path, target: str, whole: str = "") -> Step:
    """Make the step that reads a path: one value, or a list when there can be several."""
    text, plain, of_item = path.text, path.plain, path.text.startswith("@")

    def read(scope: Scope) -> Any:
        document = scope.item if of_item else scope.document
        try:
            if plain:
                value = path.first(document, MISSING)
            else:
                found = path.find(document, scope.budget(), scope.node if of_item else None)
                value = found if not path.one else found[0] if found else MISSING
            if value.__class__ in _CAN_BE_LARGE:
                scope.weigh(value, target, text)
            elif value.__class__ in _NUMBERS:
                scope.weigh_number(value, target, text)
        except ValueError as error:
            raise MappingError(target, text, str(error)) from error
        if value is MISSING:
            scope.warn(MappingWarning(target, text, whole=whole))
        return value

    return read


def items(path: paths.Path, target: str, whole: str = "") -> Step:
    """Make the step that reads the items of a loop, as nodes; one value is an item too."""
    read, of_item = at(path, target, whole), path.text.startswith("@")

    def read_items(scope: Scope) -> Any:
        value = read(scope)
        if value is MISSING or value is None:
            return value
        document, node = (scope.item, scope.node) if of_item else (scope.document, None)
        found = path.nodes(document, scope.budget(), node)
        if not path.one or not isinstance(value, list):
            return found
        return [(item, place, found[0]) for place, item in enumerate(value)]

    return read_items


_CAN_BE_LARGE = {str, list, dict}
_NUMBERS = {int, Decimal}
