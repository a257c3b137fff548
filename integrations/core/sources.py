"""Where a value comes from: a path, a text, the first of several, a loop, a choice."""

from decimal import Decimal
from typing import Any

from integrations.core.errors import MappingError, shown
from integrations.core.scalars import EXACT, number
from integrations.core.scope import (
    MISSING,
    Builder,
    GapWarning,
    Place,
    Scope,
    Step,
    nothing,
)
from integrations.core.work import Exhausted
from otms import documents
from otms.documents import shorten

# What one piece of a loop's body takes for one item, in units of work.
PIECE = 3


def path(builder: Builder, place: Place) -> Step:
    """Read a path; the vendor writes it without `$.`, and both spellings are taken."""
    return builder.path(_spelled(place.argument), place.target)


def _spelled(text: Any) -> Any:
    if isinstance(text, str) and text and text[0] not in "$@":
        return f"${text}" if text[0] == "[" else f"$.{text}"
    return text


def text(builder: Builder, place: Place) -> Step:
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
        pieces.append((path(builder, place._replace(argument=inside_braces.strip())), after))

    def write(scope: Scope) -> str:
        written = [first]
        for step, after in pieces:
            noted = len(scope.warnings)
            value = step(scope)
            if value is MISSING:
                scope.warnings[noted:] = [
                    GapWarning(target, w.path, whole=w.whole) for w in scope.warnings[noted:]
                ]
            else:
                written.append(_in_words(value, "$text", place))
            written.append(after)
        made = "".join(written)
        scope.weigh(made, target, shorten(text))
        return made

    return write


def first(builder: Builder, place: Place) -> Step:
    """Take the first of several expressions that is there and not null."""
    steps = _each_of(builder, place, "$first")

    def take(scope: Scope) -> Any:
        noted = len(scope.warnings)
        for step in steps:
            value = step(scope)
            if value is not MISSING and value is not None:
                # That others were not there is what it is for.
                del scope.warnings[noted:]
                return value
        return MISSING

    return take


def join(builder: Builder, place: Place) -> Step:
    """Write several expressions one after the other; what is missing or null is skipped."""
    target, between = place.target, place.expression.get("$sep", "")
    if not isinstance(between, str):
        message = f'Write `$sep` as a text such as ", ", not {shorten(between)}.'
        return builder.refuse(target, "not_a_text", message)
    steps = _each_of(builder, place, "$join")

    def write(scope: Scope) -> Any:
        noted = len(scope.warnings)
        values = [step(scope) for step in steps]
        words = [_in_words(v, "$join", place) for v in values if v is not MISSING and v is not None]
        if not words:
            return MISSING
        del scope.warnings[noted:]
        length = sum(map(len, words)) + len(between) * (len(words) - 1)
        scope.take(length, target, "$join")
        return between.join(words)

    return write


def total(builder: Builder, place: Place) -> Step:
    """Add up numbers and numeric texts, exactly; null and what is missing add nothing."""
    target, step = place.target, builder.build(place.argument, place.target)

    def add(scope: Scope) -> Any:
        value = step(scope)
        if value is MISSING or value is None:
            return value
        sum_ = Decimal(0)
        for each in value if isinstance(value, list) else [value]:
            if each is None:
                continue
            if (addend := number(each)) is None:
                said = f"`$sum` adds up numbers, and {shown(each)} is none."
                raise MappingError(target, shorten(place.argument), said)
            sum_ = EXACT.add(sum_, addend)
        return int(sum_) if sum_ == sum_.to_integral_value() and _whole(value) else sum_

    return add


def _whole(value: Any) -> bool:
    """Were all of them whole numbers, written as such?"""
    values = value if isinstance(value, list) else [value]
    return all(isinstance(each, int) for each in values if each is not None)


def each(builder: Builder, place: Place) -> Step:
    """Make something of each item: in `$do`, `@` is the item and `#` its number, from 1."""
    target = place.target
    if "$do" not in place.expression:
        message = "Write what is made of each item into `$do`."
        return builder.refuse(target, "no_body", message)
    path = _spelled(place.argument)
    items_of, body, pieces = builder.loop(path, place.expression["$do"], target)

    def go_round(scope: Scope) -> Any:
        items = items_of(scope)
        if items is MISSING or items is None:
            return items
        (scope.looped if items else scope.idle).add(target)
        try:
            scope.budget().spend(PIECE * pieces * len(items))
        except Exhausted:
            said = f"{len(items)} items are too much work for what is made of each."
            raise MappingError(target, shorten(place.argument), said) from None
        outside, made = (scope.item, scope.node, scope.number), []
        try:
            for scope.number, scope.node in enumerate(items, 1):
                scope.item = scope.node[0]
                try:
                    value = body(scope)
                except MappingError as error:
                    raise error.inside(f"{target}[]", f"{target}[{scope.number - 1}]") from error
                if value is not MISSING:
                    made.append(value)
        finally:
            scope.item, scope.node, scope.number = outside
        return made

    return go_round


def choice(builder: Builder, place: Place) -> Step:
    """Take `$then` if a filter holds, else `$else`, which may be left out."""
    target, expression = place.target, place.expression
    if "$then" not in expression:
        message = "Write what is taken if it holds into `$then`."
        return builder.refuse(target, "no_choice", message)
    holds = builder.condition(place.argument, target)
    then = builder.build(expression["$then"], target)
    otherwise = builder.build(expression["$else"], target) if "$else" in expression else nothing

    def choose(scope: Scope) -> Any:
        return then(scope) if holds(scope) else otherwise(scope)

    return choose


def omit(builder: Builder, place: Place) -> Step:
    """Leave the target out, without a warning."""
    if place.argument is not True:
        return builder.refuse(place.target, "not_true", "Write `$omit` as true.")
    return nothing


def _each_of(builder: Builder, place: Place, name: str) -> list[Step]:
    if not isinstance(place.argument, list | tuple) or not place.argument:
        message = f"Give `{name}` a list of paths or other expressions."
        builder.refuse(place.target, "not_a_list", message)
        return []
    return [builder.build(expression, place.target) for expression in place.argument]


def _in_words(value: Any, name: str, place: Place) -> str:
    """A value as it stands in a text; null is nothing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(_in_words(each, name, place) for each in value)
    if isinstance(value, dict):
        fields = ", ".join(shorten(field, 40) for field in list(value)[:5])
        instead = f"name one of its fields: {fields}" if fields else "and this one has no fields"
        said = f"`{name}`: {shown(value)} is an object and can't stand in a text; {instead}."
        raise MappingError(place.target, shorten(place.expression), said)
    return documents.dumps(value).decode()
