"""The operators of the mapping language: each is one entry of the table at the end.

An operator object such as `{"$path": "order.id", "$default": 0}` is one source (`$path`) and any
number of refinements (`$default`). They are applied in the order of the table, whatever the
order in the object. An entry's `build` gets what it needs to compile its argument, and returns a
step: a function from the scope of one document to a value, or to MISSING.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, Protocol

from integrations.core import paths
from integrations.core.errors import MappingError
from integrations.core.work import Work, inside
from otms import documents
from otms.documents import shorten

LARGEST_RESULT = 2**20


class _Missing:
    """A key that is not there; null is something else."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


@dataclass(frozen=True)
class MappingWarning:
    """A target that was left out, and the path that found nothing."""

    target: str
    path: str
    hint: str = ""

    @property
    def message(self) -> str:
        """Say what happened in one sentence, with the path that was probably meant."""
        left_out = f"`{self.target}` was left out: `{self.path}` is not in the document."
        return left_out + self.hint


class TextWarning(MappingWarning):
    """A target that is a text, where the value of a path was probably meant."""

    @property
    def message(self) -> str:
        """Say what is sent, and how to write the path."""
        return f"`{self.target}` is the text `{self.path[2:]}`; write `{self.path}` for its value."


class GapWarning(MappingWarning):
    """A place in a text that stayed empty."""

    @property
    def message(self) -> str:
        """Say which place it is."""
        return (
            f"`{self.target}` has an empty place: `{self.path}` is not in the document.{self.hint}"
        )


@dataclass(slots=True)
class Scope:
    """What the steps of one mapping see: the document, and how much they may still make of it."""

    document: Any
    warnings: list[MappingWarning] = field(default_factory=list)
    room: int = LARGEST_RESULT
    work: Work | None = None

    def budget(self) -> Work:
        """Give the one budget of this evaluation, made when the first path asks that needs one."""
        self.work = self.work or Work()
        return self.work

    def weigh(self, value: Any, target: str, path: str) -> None:
        """Stop before many large values add up to more than a partner can take."""
        if isinstance(value, str):
            self.room -= len(value)
        # Every value takes at least a character and a comma: no need to write them to know.
        elif next(islice(inside(value), self.room // 2 + 2, None), None) is not None:
            self.room = -1
        else:
            self.room -= len(documents.dumps(value))
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

    def refuse(self, target: str, code: str, message: str) -> Step:
        """Note down a problem, and give a step that is never run."""


class Place(NamedTuple):
    """Where an operator stands: its argument, its object, its target, and the step before it."""

    argument: Any
    expression: Mapping[str, Any]
    target: str
    before: Step


class Operator(NamedTuple):
    """An entry of the table; `companions` are keys that mean something only beside it."""

    build: Callable[[Builder, Place], Step]
    source: bool = False
    companions: tuple[str, ...] = ()


def nothing(scope: Scope) -> Any:
    """Find nothing: the step before the first."""
    return MISSING


def at(path: paths.Path, target: str) -> Step:
    """Make the step that reads a path: one value, or a list when there can be several."""
    text, plain = path.text, path.plain

    def read(scope: Scope) -> Any:
        try:
            if plain:
                value = path.first(scope.document, MISSING)
            else:
                found = path.find(scope.document, scope.budget())
                value = found if not path.one else found[0] if found else MISSING
            if value.__class__ in _CAN_BE_LARGE:
                scope.weigh(value, target, text)
        except ValueError as error:
            raise MappingError(target, text, str(error)) from error
        if value is MISSING:
            scope.warnings.append(MappingWarning(target, text))
        return value

    return read


_CAN_BE_LARGE = {str, list, dict}


def _path(builder: Builder, place: Place) -> Step:
    """Read a path; the vendor writes it without `$.`, and both spellings are taken."""
    text = place.argument
    if isinstance(text, str) and text and text[0] not in "$@":
        text = f"${text}" if text[0] == "[" else f"$.{text}"
    return builder.path(text, place.target)


def _text(builder: Builder, place: Place) -> Step:
    """Write values into a text: `Order {{transportOrder.name}} is {{transportOrder.status}}`."""
    text, target = place.argument, place.target
    if not isinstance(text, str):
        message = (
            f"Write a text with places such as {{{{transportOrder.name}}}}, not {shorten(text)}."
        )
        return builder.refuse(target, "not_a_text", message)
    first, *rest = text.split("{{")
    pieces: list[tuple[Step, str]] = []
    for piece in rest:
        if not builder.has_room(target):
            return nothing
        inside_braces, closed, after = piece.partition("}}")
        if not closed:
            message = f"The place {shorten('{{' + piece)} has no end; write }}}} behind the path."
            return builder.refuse(target, "open_place", message)
        step = _path(builder, place._replace(argument=inside_braces.strip()))
        pieces.append((step, after))

    def write(scope: Scope) -> str:
        written = [first]
        for step, after in pieces:
            noted = len(scope.warnings)
            value = step(scope)
            if value is MISSING:
                scope.warnings[noted:] = [
                    GapWarning(target, w.path) for w in scope.warnings[noted:]
                ]
            else:
                written.append(_in_words(value, target))
            written.append(after)
        made = "".join(written)
        scope.weigh(made, target, shorten(text))
        return made

    return write


def _in_words(value: Any, target: str) -> str:
    """A value as it stands in a text; null is nothing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(_in_words(each, target) for each in value)
    if isinstance(value, dict):
        names = ", ".join(list(value)[:5])
        message = f"An object can't stand in a text; name one of its fields: {names}."
        raise MappingError(target, "", message)
    return documents.dumps(value).decode()


def _default(builder: Builder, place: Place) -> Step:
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


OPERATORS: dict[str, Operator] = {
    "$path": Operator(_path, source=True),
    "$text": Operator(_text, source=True),
    "$default": Operator(_default),
}
SOURCES = tuple(name for name, operator in OPERATORS.items() if operator.source)
