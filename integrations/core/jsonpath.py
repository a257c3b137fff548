"""jsonpath-ng's extended language, made exact for decimals and bounded in work.

The library knows int and float as numbers and no limits. Here a literal such as 1.50 is read as
a decimal, decimals compare and calculate as numbers, and no step may find or visit more than a
limit, since both the path and the document can come from a stranger.
"""

import threading
from decimal import Decimal
from typing import Any

from jsonpath_ng import (
    Child,
    DatumInContext,
    Descendants,
    Fields,
    Index,
    JSONPath,
    Parent,
    Root,
    Slice,
    This,
    Wildcard,
)
from jsonpath_ng.ext.arithmetic import Operation
from jsonpath_ng.ext.filter import OPERATOR_MAP, And, Expression, Filter, Or
from jsonpath_ng.ext.iterable import Keys, Len, Path, SortedThis
from jsonpath_ng.ext.parser import ExtendedJsonPathLexer, ExtendedJsonPathParser
from jsonpath_ng.ext.string import Split, Str

MATCHES = 10_000
VISITS = 1_000_000


class Unbounded(Exception):
    """A path that finds or visits more than the limit."""


def parse(text: str) -> JSONPath:
    """Read a path; whatever the library's parser stumbles over comes out as it is."""
    return _tame(_Parser().parse(text))


def find(tree: JSONPath, document: Any) -> list[Any]:
    """List the values a path finds; all its steps together have one budget of visits."""
    _work.left = VISITS
    return [match.value for match in tree.find(document)]


def singular(path: JSONPath) -> bool:
    """Does this path yield at most one value, whatever the document?"""
    if isinstance(path, Child):
        return singular(path.left) and singular(path.right)
    if isinstance(path, Operation):
        return all(singular(s) for s in (path.left, path.right) if isinstance(s, JSONPath))
    if isinstance(path, Fields):
        return len(path.fields) == 1
    if isinstance(path, Index):
        return len(path.indices) == 1
    return isinstance(path, Root | This | Parent | Len | Path)


class _Lexer(ExtendedJsonPathLexer):
    def t_FLOAT(self, t: Any) -> Any:  # noqa: N802 - the library's name
        t.value = Decimal(t.value)
        return t


class _Parser(ExtendedJsonPathParser):
    """Reads also the old spellings in the library's manual, without its deprecation warnings."""

    def __init__(self) -> None:
        super().__init__(lexer_class=_Lexer)

    def p_jsonpath_binop(self, p: Any) -> None:
        if p[2] in ("|", "&"):
            raise ValueError("write `$['a','b']` for both, `|` and `&` do not join paths")
        super().p_jsonpath_binop(p)

    def p_and_expressions_ampersand(self, p: Any) -> None:
        p[0] = p[1] + p[3]

    def p_expression(self, p: Any) -> None:
        if len(p) > 2:
            p.slice[3].quoted = True
        super().p_expression(p)


class _Work(threading.local):
    """The visits left to the search that runs in this thread."""

    left = VISITS

    def spend(self, visits: int) -> None:
        self.left -= visits
        if self.left < 0:
            raise Unbounded


_work = _Work()


class _Step(Child):
    """One step from each match to the next."""

    def find(self, datum: Any) -> list[DatumInContext]:
        found: list[DatumInContext] = []
        for left in self.left.find(datum):
            _work.spend(len(left.value) if isinstance(left.value, dict | list) else 1)
            found += self.right.find(left)
            if len(found) > MATCHES:
                raise Unbounded
        return found


class _Search(Descendants):
    """The `..` step, in the library's order."""

    def find(self, datum: Any) -> list[DatumInContext]:
        found: list[DatumInContext] = []
        stack = self.left.find(datum)[::-1]
        while stack:
            _work.spend(1)
            node = stack.pop()
            found += self.right.find(node)
            if len(found) > MATCHES:
                raise Unbounded
            stack += Wildcard().find(node)[::-1]
        return found


class _Comparison(Expression):
    """A comparison in which a decimal is a number."""

    def find(self, datum: Any) -> list[DatumInContext]:
        here = DatumInContext.wrap(datum)
        found = self.target.find(here)
        query = isinstance(self.value, JSONPath)
        wanted = [match.value for match in self.value.find(here)] if query else [self.value]
        if not any(isinstance(value, Decimal) for value in [*wanted, *(m.value for m in found)]):
            return super().find(here)
        if not found or not wanted:
            # Nothing is equal to a value only in not being it.
            return (found or [here]) if self.op == "!=" else []
        return [match for match in found if any(self._holds(match.value, v) for v in wanted)]

    def _holds(self, left: Any, right: Any) -> bool:
        if _is_number(left) and _is_number(right):
            return bool(OPERATOR_MAP[self.op](_exact(left), _exact(right)))
        return bool(Expression(This(), self.op, right).find(left))


class _Operation(Operation):
    """A calculation with numbers only, for a text times a billion is not meant."""

    def __init__(self, left: Any, symbol: str, right: Any) -> None:
        super().__init__(left, symbol, right)
        calculate = self.op

        def exactly(left: Any, right: Any) -> Any:
            if symbol == "+" and isinstance(left, str) and isinstance(right, str):
                return left + right
            if not (_is_number(left) and _is_number(right)):
                raise TypeError
            if isinstance(left, int) and isinstance(right, int):
                return calculate(left, right)
            return calculate(_exact(left), _exact(right))

        self.op = exactly


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _exact(number: Any) -> Decimal:
    # The digits a float shows are the ones that were written.
    return Decimal(str(number)) if isinstance(number, float) else Decimal(number)


_AS_THEY_ARE = {Root, This, Parent, Fields, Index, Slice, Wildcard, Len, Keys, Path, Split, Str}


def _tame(node: Any, *, first: bool = True, filtering: bool = False) -> Any:
    """Rebuild the library's tree from parts that are exact and bounded, and from no others."""
    if not isinstance(node, JSONPath):
        return node

    def tame(part: Any, first: bool = first, filtering: bool = filtering) -> Any:
        return _tame(part, first=first, filtering=filtering)

    if isinstance(node, Root) and not first:
        raise ValueError("`$` can only stand at the beginning")
    if isinstance(node, Parent) and filtering:
        raise ValueError("`parent` cannot stand inside a filter")
    if type(node) in _AS_THEY_ARE:
        return node
    if isinstance(node, Child | Descendants):
        # Such a path would be walked again for every item that the filter looks at.
        if filtering and _from_root(node) and not singular(node):
            raise ValueError("inside a filter a path from `$` must name one value")
        left, right = tame(node.left), tame(node.right, first=False)
        return _Step(left, right) if isinstance(node, Child) else _Search(left, right)
    if isinstance(node, Filter):
        return Filter([tame(part, True, True) for part in node.expressions])
    if isinstance(node, And | Or):
        return type(node)([tame(part) for part in node.operands])
    if isinstance(node, Expression):
        comparison = Expression if node.op in (None, "!") else _Comparison
        return comparison(tame(node.target), node.op, tame(node.value))
    if isinstance(node, Operation):
        return _Operation(tame(node.left), node.op_symbol, tame(node.right))
    if isinstance(node, SortedThis) and node.expressions:
        return SortedThis([(tame(key, False), down) for key, down in node.expressions])
    if isinstance(node, SortedThis):
        return node
    raise ValueError("this step is not supported")


def _from_root(node: Any) -> bool:
    while isinstance(node, Child | Descendants):
        node = node.left
    return isinstance(node, Root)
