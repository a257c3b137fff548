"""Make the steps of a mapping out of what is written, and note down what is wrong with it."""

from collections.abc import Callable
from collections.abc import Mapping as Object
from dataclasses import replace
from decimal import Decimal
from typing import Any

from integrations.core import filters, paths
from integrations.core import scope as steps
from integrations.core.errors import ExpressionError, MappingError, Problem
from integrations.core.operators import OPERATORS, SOURCES
from integrations.core.scope import MISSING, Scope, Step
from otms.documents import DEPTH, shorten
from otms.spelling import did_you_mean, nearest

# A partner's document with more targets is no document any more, but a program.
MOST = 5_000
MOST_PROBLEMS = 100


class Compiler:
    """Compile expressions and note down every problem on the way, so that check is compile."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.paths: list[tuple[str, str]] = []
        self.texts: list[tuple[str, str]] = []
        self.loops: list[tuple[str, str]] = []
        self._depth = 0
        self._built = 0
        self._known: set[str] = set()
        self._reading = 0
        self._loops: list[str] = []  # where the items of the loops around this are

    def build(self, expression: Any, target: str) -> Step:
        """Compile one expression: a path, a constant, an object, a list, an operator object."""
        if not self.has_room(target):
            return steps.nothing
        if isinstance(expression, str):
            return self._text(expression, target)
        if not isinstance(expression, Object | list | tuple):
            return _constant(expression, target)
        if self._depth >= DEPTH:
            return self.refuse(target, "too_deep", f"Nest at most {DEPTH} levels.")
        self._depth += 1
        try:
            if not isinstance(expression, Object):
                return self._list(expression, target)
            if any(isinstance(key, str) and key.startswith("$") for key in expression):
                return self._operators(expression, target)
            return self._object(expression, target)
        finally:
            self._depth -= 1

    def has_room(self, target: str) -> bool:
        """Count one more; False when there are too many, which is noted down once."""
        self._built += 1
        if self._built == MOST + 1 and len(self.problems) < MOST_PROBLEMS:
            text = f"A mapping has at most {MOST} targets and places in texts."
            self.refuse(target, "too_many", text)
        return self._built <= MOST and len(self.problems) < MOST_PROBLEMS

    def path(
        self, text: Any, target: str, read: Callable[[paths.Path, str, str], Step] = steps.at
    ) -> Step:
        """Compile a path into the step that reads it."""
        if not isinstance(text, str):
            message = (
                f"Write the path as a text such as `$.transportOrder.id`, not {shorten(text)}."
            )
            return self.refuse(target, "invalid_path", message, shorten(text))
        whole = text
        if text.startswith("@"):
            if not self._loops:
                message = f"{shorten(text)} is about the item of a loop, and there is no loop here"
                message += "; write `@@` for a text with @."
                return self.refuse(target, "outside_loop", message, text)
            whole = self._loops[-1] + text[1:] if self._loops[-1] else ""
        if whole:
            self.paths.append((target, whole))
        if text not in self._known:
            self._known.add(text)
            self._reading += paths.reading([text])
        if self._reading > paths.READING:
            message = "There are too many paths with `..`, `*` or conditions before this one; "
            return self.refuse(target, "too_many", message + "name whole paths instead.", text)
        try:
            return read(paths.compile(text), target, whole)
        except paths.PathError as error:
            return self.refuse(target, "invalid_path", str(error), text)

    def loop(self, text: Any, body: Any, target: str) -> tuple[Step, Step, int]:
        """Compile what gives a loop its items, what is made of one, and of how many pieces."""
        items = self.path(text, target, steps.items)
        whole = self._items(text)
        if whole.endswith("[*]"):
            self.loops.append((target, whole))
        self._loops.append(whole)
        before = self._built
        try:
            step = self.build(body, f"{target}[]")
        finally:
            self._loops.pop()
        return items, step, self._built - before

    def _items(self, text: Any) -> str:
        """Where the items of a loop are, from the document; nothing if that can't be told."""
        if not _is_path(text):
            return ""
        whole = text
        if text.startswith("@"):
            whole = self._loops[-1] + text[1:] if self._loops and self._loops[-1] else ""
        return whole if not whole or whole.endswith("]") else f"{whole}[*]"

    def condition(self, written: Any, target: str) -> Callable[[Scope], bool]:
        """Compile a filter, or a list of them, that may be about the item of a loop too."""
        listed = written if isinstance(written, list) else [written]
        in_loop = bool(self._loops)
        if problems := filters.check(listed, in_loop=in_loop):
            for problem in problems[:MOST_PROBLEMS]:
                place = problem.field.removeprefix("[0]").lstrip(".")
                said = (
                    f"`$if`: {place}: {problem.message}" if place else f"`$if`: {problem.message}"
                )
                self.refuse(target, problem.code, said, problem.written, problem.meant)
            return lambda scope: False
        self.paths += [(target, path) for _, path in filters.fields(listed) if path[0] == "$"]
        compiled = filters.compile(listed, in_loop=in_loop)

        def holds(scope: Scope) -> bool:
            try:
                return compiled.evaluate(
                    scope.document, item=scope.node, work=scope.budget()
                ).matched
            except ExpressionError as error:
                raise MappingError(target, error.expression, f"`$if`: {error.said}") from error

        return holds

    def refuse(
        self, target: str, code: str, message: str, written: str = "", meant: str = ""
    ) -> Step:
        """Note down a problem."""
        self.problems.append(Problem(target, code, message, written, meant))
        return steps.nothing

    def _text(self, text: str, target: str) -> Step:
        if text == "#" and self._loops:
            return lambda scope: scope.number
        if text == "#":
            message = "`#` numbers the items of a loop, and there is no loop here"
            message += "; write `##` for the text."
            return self.refuse(target, "outside_loop", message, text)
        if text.startswith(("$$", "@@")) or text == "##":
            text = text[1:]
        elif text.startswith(("$", "@")):
            return self.path(text, target)
        elif path := paths.spelled_out(text):
            self.texts.append((target, path))
        if len(text) <= steps.SMALL:
            return lambda scope: text

        def large(scope: Scope) -> str:
            scope.weigh(text, target, shorten(text))
            return text

        return large

    def _object(self, members: Object[Any, Any], target: str) -> Step:
        made_of: list[tuple[str, Step]] = []
        for key, expression in members.items():
            if isinstance(key, str):
                made_of.append((key, self.build(expression, f"{target}.{key}" if target else key)))
            else:
                self.refuse(target, "invalid_key", f"Write the name {shorten(key)} as a text.")

        long = sum(len(key) for key, _ in made_of if len(key) > steps.SMALL)

        def build_object(scope: Scope) -> dict[str, Any]:
            if long:
                scope.take(long, target, f"{target} and what is in it")
            made = {}
            for key, step in made_of:
                value = step(scope)
                if value is not MISSING:
                    made[key] = value
            return made

        return build_object

    def _list(self, items: Any, target: str) -> Step:
        steps = [self.build(item, f"{target}[{place}]") for place, item in enumerate(items)]

        def build_list(scope: Scope) -> list[Any]:
            return [value for step in steps if (value := step(scope)) is not MISSING]

        return build_list

    def _operators(self, expression: Object[Any, Any], target: str) -> Step:
        known = [name for name in OPERATORS if name in expression]
        allowed = {*known, *(more for name in known for more in OPERATORS[name].companions)}
        strange = [key for key in expression if key not in allowed]
        for key in strange[:MOST_PROBLEMS]:
            self._refuse_operator(key, target)
        # A misspelt source is one problem, not two.
        if not strange and sum(OPERATORS[name].source for name in known) != 1:
            self.refuse(target, "no_source", f"Give exactly one of {', '.join(SOURCES)}.")
        step: Step = steps.nothing
        for name in known:
            place = steps.Place(expression[name], expression, target, step)
            known_before = len(self.problems)
            step = OPERATORS[name].build(self, place)
            self.problems[known_before:] = [
                problem if problem.written else replace(problem, written=name)
                for problem in self.problems[known_before:]
            ]
        return step

    def _refuse_operator(self, key: Any, target: str) -> None:
        if isinstance(key, str) and key.startswith("$"):
            there_are = f"there are: {', '.join(OPERATORS)}.{did_you_mean(key, OPERATORS)}"
            message = f"No operator `{key[:80]}`; {there_are}"
            self.refuse(target, "unknown_operator", message, key, nearest(key, OPERATORS))
        else:
            meant = f"${key}" if isinstance(key, str) and f"${key}" in OPERATORS else ""
            hint = f" Did you mean `{meant}`?" if meant else ""
            message = (
                f"{shorten(key)} stands beside operators; an object has either, not both.{hint}"
            )
            self.refuse(target, "mixed_keys", message, str(key), meant)


def _constant(value: Any, target: str) -> Step:
    def number(scope: Scope) -> Any:
        scope.weigh_number(value, target, shorten(value))
        return value

    return number if value.__class__ in (int, Decimal) else lambda scope: value


def _is_path(text: Any) -> bool:
    return isinstance(text, str) and text[:1] in ("$", "@") and text[:2] not in ("$$", "@@")
