"""Made-up documents, mappings and filters: mostly sensible, now and then hostile.

Everything is JSON text, as it comes from outside, and all of one example comes from one number.
"""

import random
from collections.abc import Callable
from typing import Any

from integrations.core.comparisons import OPERATORS as COMPARISONS
from integrations.core.conversions import TYPES
from integrations.core.operators import OPERATORS
from tests.fuzz.spelling import Number, text
from tests.fuzz.words import (
    FORMATS,
    KILLERS,
    NAMES,
    NO_NUMBERS,
    NO_STEPS,
    NUMBERS,
    STEPS,
    TEXTS,
    ZONES,
)

LARGEST = 5_000_000  # characters of a document


class Language(random.Random):
    """One example: `document()` first, then what is written about it."""

    def document(self) -> str:
        """JSON text of an order, of anything, or of what a stranger sends to do harm."""
        kind = self.random()
        self._is_hostile = kind >= 0.93
        if kind < 0.5:
            self._seen = self._order()
        elif kind < 0.93:
            self._seen = self._value(0)
        else:
            self._seen = self._hostile()
        return text(self._seen)

    def mapping(self) -> str:
        """JSON text of a mapping of that document."""
        if self._is_hostile and self.random() < 0.5:
            return text(self._killer())
        members = {self._target(): self._expression(0) for _ in range(self.randint(0, 6))}
        return text(self._expression(0) if self.random() < 0.1 else members)

    def filters(self) -> str:
        """JSON text of a list of filters on it."""
        if self._is_hostile and self.random() < 0.3:
            one = {"field": self.choice(["$..*", "$..k", "$..[?(@..k)]"]), "operator": "contains"}
            return text([{**one, "value": self._value(4)} for _ in range(self.choice([9, 900]))])
        return text([self._filter(0) for _ in range(self.randint(0, 3))])

    # Documents.

    def _order(self) -> Any:
        order = {
            "id": "1",
            "name": self.choice(TEXTS),
            "status": self.choice(["requested", "planned", None]),
            "createdAt": self.choice(TEXTS),
            "customer": {"name": self.choice(TEXTS), self._name(): self._value(2)},
            "consignments": [
                {
                    "name": self.choice(TEXTS),
                    "goods": [
                        {"weight": {"value": self._number(), "unit": "kg"}, "a": self._value(3)}
                        for _ in range(self.randint(0, 3))
                    ],
                }
                for _ in range(self.randint(0, 3))
            ],
        }
        for name in self.sample(list(order), self.randint(0, 2)):
            order[name] = self._value(2)
        document = {"transportOrder": order}
        return document | {"before": self.choice([None, document, self._value(1)])}

    def _value(self, depth: int) -> Any:
        kind = self.random()
        if depth > 5 or kind < 0.5:
            return self.choice([self.choice(TEXTS), self._number(), None, True, False])
        many = range(self.randint(0, 5))
        if kind < 0.75:
            return {self._name(): self._value(depth + 1) for _ in many}
        return [self._value(depth + 1) for _ in many]

    def _hostile(self) -> Any:
        name = self.choice(["k", "a", "transportOrder"])
        shape = self.randrange(7)
        if shape == 0:  # deep
            return self._nested(self.choice([30, 62, 63, 64, 65, 500, 5_000]), name)
        if shape == 1:  # wide
            return {name: self._many(self.choice([1_000, 10_000, 10_001, 50_000]))}
        if shape == 2:  # long
            return {name: self.choice("aé🚚") * self.choice([10_000, 300_000, 2_000_000])}
        if shape == 3:  # the same in itself, over and over
            value: Any = "x" * 100
            for _ in range(self.randint(1, 12)):
                value = {name: value, "a": value}
            return value
        if shape == 4:
            return {f"{name}{number}": self._value(4) for number in range(5_000)}
        if shape == 5:
            return [[self.choice([Number("1"), "a", None, {"a": "b"}])] * 300] * 30
        return {name: {"k": [{"k": [{"k": n, "a": n}] * 20} for n in range(20)]}}

    def _killer(self) -> Any:
        """A mapping that would take a day, or a house full of memory, if nobody stopped it."""
        many, path = self.choice([5, 60, 900, 4_900]), self.choice(["$", "$.k", "$.a", "$..*"])
        each = self.choice(["$.k[*]", "$.a[*]", "$.transportOrder[*]", "$..*", "$.k[*].k[*]"])
        shape = self.randrange(7)
        if shape == 0:  # loops in loops
            made: Any = self.choice(["@", path, "#", {"a": "#"}, {"$join": [path, path]}])
            for _ in range(self.randint(1, 5)):
                made = {"$each": self.choice([each, "@[*]", "$..*"]), "$do": made}
            return made
        if shape == 1:
            return [f"$..[?(@..k == {number})]" for number in range(min(many, 900))]
        if shape == 2:
            return {"$text": f"{{{{{path[2:] or 'k'}}}}}" * many}
        if shape == 3:
            return {"$join": [path] * many, "$sep": "x" * 1_000}
        if shape == 4:
            return {f"t{number}": path for number in range(many)}
        if shape == 5:
            one = {"field": "$..*", "operator": "contains", "value": self._value(5)}
            return {
                "$each": each,
                "$do": {"$if": [one] * min(many, 900), "$then": "@", "$else": path},
            }
        looked_up = {"$path": each, "$lookup": {str(key): path for key in range(min(many, 200))}}
        return {**looked_up, "$default": {"$sum": each}}

    def _many(self, times: int) -> list[Any]:
        """The same again and again, up to what a call may bring."""
        value = self._value(5)
        return [value] * min(times, LARGEST // (len(text(value)) + 1))

    def _nested(self, levels: int, name: str) -> Any:
        value = self._value(5)
        for _ in range(levels):
            value = {name: value} if self.random() < 0.7 else [value]
        return value

    def _number(self) -> Any:
        if self.random() < 0.005:
            return Number(self.choice(NO_NUMBERS))
        return Number(self.choice(NUMBERS) if self.random() < 0.6 else str(self.randint(-99, 99)))

    def _name(self) -> str:
        return self.choice(NAMES)

    def _target(self) -> str:
        name = self._name()
        return f"t{name}" if name.startswith("$") and self.random() < 0.97 else name

    # Paths.

    def _path(self, start: str = "$") -> str:
        if self.random() < 0.02:
            return self.choice(KILLERS)
        value, path = self._seen, start
        for _ in range(self.randint(0, 5)):
            if self.random() < 0.08:
                return path + self._steps()
            if isinstance(value, dict) and value:
                name = self.choice(list(value)[:50])
                value, path = value[name], path + self._member(name)
            elif isinstance(value, list) and value:
                value, path = value[0], path + self.choice(["[0]", "[*]", "[*]", "[-1]"])
        return path + self._member(self._name()) if self.random() < 0.1 else path

    def _member(self, name: str) -> str:
        plain = name.isidentifier() and name.isascii()
        if self.random() < (0.9 if plain else 0.03):
            return f".{name}"
        return f'["{name}"]' if "'" in name or self.random() < 0.5 else f"['{name}']"

    def _steps(self) -> str:
        if self.random() < 0.05:
            return self.choice(NO_STEPS)
        return "".join(self.choice(STEPS) for _ in range(self.randint(1, 3)))

    # Expressions.

    def _expression(self, depth: int, *, in_loop: bool = False) -> Any:
        kind = self.random()
        if depth > 4 or kind < 0.35:
            start = "@" if in_loop and self.random() < 0.6 else "$"
            return (
                self._path(start) if self.random() < 0.93 else self.choice(["#", "@", "@.a", "##"])
            )
        if kind < 0.42:
            return self.choice([self._value(3), self.choice(TEXTS), self._number()])
        many = range(self.randint(0, 3))
        if kind < 0.5:
            return {self._target(): self._expression(depth + 1, in_loop=in_loop) for _ in many}
        if kind < 0.55:
            return [self._expression(depth + 1, in_loop=in_loop) for _ in many]
        return self._operators(depth, in_loop)

    def _operators(self, depth: int, in_loop: bool) -> dict[str, Any]:
        def inner() -> Any:
            return self._expression(depth + 1, in_loop=in_loop)

        sources = [name for name, operator in OPERATORS.items() if operator.source]
        source = self.choice(sources) if self.random() < 0.6 else "$path"
        made: dict[str, Any] = {source: self._argument(source, depth, in_loop)}
        if source == "$each":
            made["$do"] = self._expression(depth + 1, in_loop=True)
        elif source == "$if":
            made |= {"$then": inner()} | ({"$else": inner()} if self.random() < 0.5 else {})
        elif source == "$join" and self.random() < 0.7:
            made["$sep"] = self.choice(TEXTS)
        refinements = [name for name in OPERATORS if name not in sources]
        for name in self.sample(refinements, self.choice([0, 0, 1, 1, 2, 4])):
            made[name] = self._argument(name, depth, in_loop)
            if name in ("$date", "$type") and self.random() < 0.4:
                made["$tz"] = self.choice(ZONES)
        if self.random() < 0.03:
            made[self.choice(["$nope", "$defualt", "a", "$do", "$sep"])] = self._value(4)
        if self.random() < 0.03:
            made[self.choice(list(made))] = self._value(3)
        return made

    def _argument(self, name: str, depth: int, in_loop: bool) -> Any:
        def inner() -> Any:
            return self._expression(depth + 1, in_loop=in_loop)

        several = range(self.randint(1, 4))
        if name in ("$path", "$each"):
            return self._path("@" if in_loop and self.random() < 0.5 else "$")
        if name == "$text":
            places = (f"{self.choice(TEXTS)}{{{{{self._path()[2:] or 'name'}}}}}" for _ in several)
            return "".join(places) + self.choice(["", "", "", "}}", "{{", "{{a", "{{}}"])
        if name in ("$first", "$join"):
            return [inner() if self.random() < 0.6 else self.choice(TEXTS) for _ in several]
        if name == "$if":
            one = self._filter(0, in_loop=in_loop)
            return one if self.random() < 0.7 else [one, self._filter(0, in_loop=in_loop)]
        if name == "$lookup":
            return {self.choice([*TEXTS, *NAMES]): inner() for _ in several}
        if name == "$type":
            return self.choice([*TYPES, *TYPES, *TYPES, "number"])
        if name == "$date":
            return self.choice(FORMATS)
        if name in ("$round", "$max"):
            fine = "0 1 2 3 5 30" if name == "$round" else "1 2 3 40 9999 100000"
            wrong = ["-1", "1.5", "100001", "9" * 400, "0"]
            return Number(self.choice(fine.split() if self.random() < 0.95 else wrong))
        if name in ("$omit", "$required"):
            return self.random() < 0.97
        return inner()

    # Filters.

    def _filter(self, depth: int, *, in_loop: bool = False) -> Any:
        kind = self.random()
        if depth < 4 and kind < 0.2:
            several = range(self.randint(1, 3))
            group = self.choice(["any", "all"])
            return {group: [self._filter(depth + 1, in_loop=in_loop) for _ in several]}
        if depth < 4 and kind < 0.3:
            return {"not": self._filter(depth + 1, in_loop=in_loop)}
        if kind < 0.31:
            return self._value(3)
        operator = self.choice([*COMPARISONS] * 9 + ["regex"])
        takes = COMPARISONS[operator].takes if operator in COMPARISONS else "any"
        made = {
            "field": self._path("@" if in_loop and self.random() < 0.5 else "$"),
            "operator": operator,
        }
        values: dict[str, Callable[[], Any]] = {
            "list": lambda: [self._value(5) for _ in range(self.randint(0, 4))],
            "text": lambda: self.choice([*TEXTS[:-3], "*", "*a?" * 30, "[!a]*" * 20]),
            "order": lambda: self.choice([*map(Number, NUMBERS), *TEXTS]),
            "scalar": lambda: self._value(9),
            "any": lambda: self._value(3),
        }
        if takes in values:
            made["value"] = values[takes if self.random() < 0.98 else "any"]()
        return made
