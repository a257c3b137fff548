"""jsonpath-ng's extended language, made exact for decimals and bounded in work.

The library reads a path. It is carried out here, with the same results: the library knows no
limits, and both the path and the document can come from a stranger; it knows int and float as
numbers, and here they are decimals; and it takes a hundred times as long. A path becomes a list
of steps (steps.py), some of which have conditions (condition.py).
"""

import functools
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from jsonpath_ng import (
    Child,
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
from jsonpath_ng.ext.filter import Filter
from jsonpath_ng.ext.iterable import Keys, Len, Path, SortedThis
from jsonpath_ng.ext.parser import ExtendedJsonPathLexer, ExtendedJsonPathParser
from jsonpath_ng.ext.string import Split, Str

from integrations.core.condition import condition
from integrations.core.steps import (
    CALL,
    THIS,
    Node,
    Step,
    bounded,
    every,
    fields,
    from_document,
    index,
    keys,
    lengths,
    names,
    parents,
    part,
    split,
    texts,
    walk,
    walk_containers,
)
from integrations.core.work import Work


class Search:
    """A path as a list of steps; `one` says that it finds one value or nothing."""

    __slots__ = ("_steps", "one")

    def __init__(self, text: str) -> None:
        """Read a path; whatever the library's parser stumbles over comes out as it is."""
        tree = _reader().parse(text)
        self.one = _is_singular(tree)
        self._steps = _steps(tree, inner=False)

    def find(self, start: Node, work: Work) -> list[Node]:
        """List the nodes that the path finds from one on."""
        nodes = [start]
        for step in self._steps:
            nodes = step(nodes, work)
        return nodes


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


_own = threading.local()


def _reader() -> _Parser:
    """The parser of this thread: making one takes longer than reading a path."""
    if not hasattr(_own, "parser"):
        _own.parser = _Parser()
    parser: _Parser = _own.parser
    return parser


def _is_singular(path: JSONPath) -> bool:
    """Does this path yield at most one value, whatever the document?"""
    if isinstance(path, Child):
        return _is_singular(path.left) and _is_singular(path.right)
    if isinstance(path, Fields):
        return len(path.fields) == 1
    if isinstance(path, Index):
        return len(path.indices) == 1
    return isinstance(path, Root | This | Parent | Len | Path)


def _steps(tree: Any, *, inner: bool, first: bool = True) -> list[Step]:
    """The steps of a path; an inner one stands inside a filter."""
    if isinstance(tree, Child | Descendants):
        # Such a path would be walked again for every item that the filter looks at.
        if inner and _is_from_root(tree) and not _is_singular(tree):
            raise ValueError("inside a filter a path from `$` must name one value")
        before = _steps(tree.left, inner=inner, first=first)
        after = _steps(tree.right, inner=inner, first=False)
        if isinstance(tree, Descendants):
            before.append(walk if _looks_at_scalars(tree.right) else walk_containers)
        return [*before, *after, bounded]
    if isinstance(tree, Root) and not first:
        raise ValueError("`$` can only stand at the beginning")
    if isinstance(tree, Parent) and inner:
        raise ValueError("`parent` cannot stand inside a filter")
    if isinstance(tree, Operation):
        raise ValueError("paths do not calculate; map the values as they are")
    build = _BUILD.get(type(tree))
    if build is None:
        raise ValueError("this step is not supported")
    return [build(tree)]


def _is_from_root(tree: Any) -> bool:
    while isinstance(tree, Child | Descendants):
        tree = tree.left
    return isinstance(tree, Root)


def _looks_at_scalars(tree: Any) -> bool:
    while isinstance(tree, Child | Descendants):
        tree = tree.left
    return not isinstance(tree, Fields | Index | Slice | Wildcard | Filter)


def _path(tree: Any, *, first: bool = True) -> Step:
    """A path inside a filter or a sort key, as one step."""
    steps = _steps(tree, inner=True, first=first)
    if len(steps) == 1:
        return steps[0]

    def run(nodes: list[Node], work: Work) -> list[Node]:
        for step in steps:
            nodes = step(nodes, work)
        return nodes

    return run


def _sorted(tree: Any) -> Step:
    keys = [(_path(key, first=False), descending) for key, descending in tree.expressions or ()]

    def run(nodes: list[Node], work: Work) -> list[Node]:
        def compare(left: Any, right: Any) -> int:
            for path, descending in keys:
                work.spend(CALL)
                one, other = path([(left, THIS, None)], work), path([(right, THIS, None)], work)
                # What is not there, or several, is no reason to stand before or behind.
                if len(one) == len(other) == 1 and one[0][0] != other[0][0]:
                    less = one[0][0] < other[0][0]
                    return -1 if less is not descending else 1
            return 0

        found: list[Node] = []
        for node in nodes:
            if not isinstance(node[0], list) and (keys or not isinstance(node[0], dict)):
                raise TypeError("only a list can be sorted")
            # Each item is compared as often as the length has bits, and whole at the worst.
            rounds = len(node[0]).bit_length()
            work.spend(CALL + work.weigh(node[0]) * rounds * max(len(keys), 1))
            by = functools.cmp_to_key(compare) if keys else None
            found.append((sorted(node[0], key=by), THIS, None))
        return found

    return run


_BUILD: dict[type, Callable[[Any], Step]] = {
    Root: lambda tree: from_document,
    This: lambda tree: lambda nodes, work: nodes,
    Parent: lambda tree: parents,
    Fields: fields,
    Index: index,
    Slice: part,
    Wildcard: lambda tree: every,
    Filter: lambda tree: condition(tree, _path),
    SortedThis: _sorted,
    Len: lambda tree: lengths,
    Keys: lambda tree: keys,
    Path: lambda tree: names,
    Split: split,
    Str: lambda tree: texts,
}
