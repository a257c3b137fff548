"""jsonpath-ng's extended language, made exact for decimals and bounded in work.

The library reads a path. It is carried out here, with the same results: the library knows no
limits, and both the path and the document can come from a stranger; it knows int and float as
numbers, and here they are decimals; and it takes a hundred times as long. A path becomes a list
of steps, and a step is a function from all the nodes of one level to all those of the next.
"""

import functools
import operator
import threading
from collections.abc import Callable, Iterable
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
from jsonpath_ng.ext.filter import And, Expression, Filter, Or
from jsonpath_ng.ext.iterable import Keys, Len, Path, SortedThis
from jsonpath_ng.ext.parser import ExtendedJsonPathLexer, ExtendedJsonPathParser
from jsonpath_ng.ext.string import Split, Str

from integrations.core.work import Work

MATCHES = 10_000

# A value, the name or number or step it was found by, and the node that it was found in.
Node = tuple[Any, Any, Any]
Step = Callable[[list[Node], Work], list[Node]]
Test = Callable[[Node, Work], bool]


def root(document: Any) -> Node:
    """The node of a whole document."""
    return document, _ROOT, None


class TooMany(Exception):
    """A path that finds more than the limit."""


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


# Reading the library's tree.


def _steps(tree: Any, *, inner: bool, first: bool = True) -> list[Step]:
    """The steps of a path; an inner one stands inside a filter."""
    if isinstance(tree, Child | Descendants):
        # Such a path would be walked again for every item that the filter looks at.
        if inner and _is_from_root(tree) and not _is_singular(tree):
            raise ValueError("inside a filter a path from `$` must name one value")
        before = _steps(tree.left, inner=inner, first=first)
        after = _steps(tree.right, inner=inner, first=False)
        if isinstance(tree, Descendants):
            before.append(_walk if _looks_at_scalars(tree.right) else _walk_containers)
        return [*before, *after, _bounded]
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


# The steps.


def _bounded(nodes: list[Node], work: Work) -> list[Node]:
    if len(nodes) > MATCHES:
        raise TooMany
    return nodes


def _walk_containers(nodes: list[Node], work: Work) -> list[Node]:
    """The `..` for a next step that finds nothing in a number or a text anyway."""
    return _walk(nodes, work, scalars=False)


def _walk(nodes: list[Node], work: Work, *, scalars: bool = True) -> list[Node]:
    """Every node with all that is below it, parents first; from one node walked only once."""
    # A container is the same one wherever it is met; a number that is met twice may be two.
    alone = len(nodes) == 1 and nodes[0][0].__class__ in _CONTAINERS
    key = (id(nodes[0][0]) if alone else 0, scalars)
    if known := work.known.get(key):
        return known
    found: list[Node] = []
    stack = nodes[::-1]
    while stack:
        node = stack.pop()
        found.append(node)
        value = node[0]
        if value.__class__ not in _CONTAINERS:
            continue
        work.spend(_CONTAINER + len(value) * (_NODE if scalars else 1))
        if value:
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            if scalars:
                below = [(child, name, node) for name, child in pairs]
            else:
                below = [(c, name, node) for name, c in pairs if c.__class__ in _CONTAINERS]
            below.reverse()
            stack += below
    if alone:
        work.known[key] = found
    return found


def _every(nodes: list[Node], work: Work) -> list[Node]:
    found: list[Node] = []
    for node in nodes:
        value = node[0]
        if isinstance(value, dict):
            work.spend(_NODE * (len(value) + 1))
            found += [(child, name, node) for name, child in value.items()]
        elif isinstance(value, list):
            work.spend(_NODE * (len(value) + 1))
            found += [(child, place, node) for place, child in enumerate(value)]
        else:
            work.spend(1)
        if len(found) > MATCHES:
            raise TooMany
    return found


def _fields(tree: Any) -> Step:
    names = tree.fields
    if len(names) > 1:
        return _each(lambda node: [(node[0][n], n, node) for n in names if n in node[0]], names)
    name = names[0]

    def run(nodes: list[Node], work: Work) -> list[Node]:
        work.spend(len(nodes))
        found = [
            (node[0][name], name, node)
            for node in nodes
            if isinstance(node[0], dict) and name in node[0]
        ]
        work.spend(_NODE * len(found))
        return found

    return run


def _each(find: Callable[[Node], list[Node]], names: tuple[str, ...]) -> Step:
    def run(nodes: list[Node], work: Work) -> list[Node]:
        work.spend(_NODE * len(nodes) * len(names))
        return [each for node in nodes if isinstance(node[0], dict) for each in find(node)]

    return run


def _index(tree: Any) -> Step:
    places = tree.indices

    def run(nodes: list[Node], work: Work) -> list[Node]:
        work.spend(_CONTAINER * len(nodes) * len(places))
        return [
            (node[0][place], place, node)
            for node in nodes
            if isinstance(node[0], list)
            for place in places
            if -len(node[0]) <= place < len(node[0])
        ]

    return run


def _slice(tree: Any) -> Step:
    part = slice(tree.start, tree.end, tree.step)

    def run(nodes: list[Node], work: Work) -> list[Node]:
        found: list[Node] = []
        for node in nodes:
            work.spend(_CONTAINER)
            if isinstance(node[0], list) and part.step != 0:
                places = range(len(node[0]))[part]
                work.spend(_NODE * len(places))
                found += [(node[0][place], place, node) for place in places]
                if len(found) > MATCHES:
                    raise TooMany
        return found

    return run


def _from_document(nodes: list[Node], work: Work) -> list[Node]:
    found = []
    for node in nodes:
        while node[2] is not None:
            node = node[2]
            work.spend(1)
        found.append(node)
    return found


def _parents(nodes: list[Node], work: Work) -> list[Node]:
    work.spend(_NODE * len(nodes))
    if any(node[2] is None for node in nodes):
        raise ValueError("what is outermost has no parent")
    return [node[2] for node in nodes]


def _lengths(nodes: list[Node], work: Work) -> list[Node]:
    work.spend(_NODE * len(nodes))
    kinds = (dict, list, str)
    return [(len(node[0]), _LEN, None) for node in nodes if isinstance(node[0], kinds)]


def _keys(nodes: list[Node], work: Work) -> list[Node]:
    found: list[Node] = []
    for node in nodes:
        if isinstance(node[0], dict):
            work.spend(_NODE * len(node[0]))
            found += [(name, _KEYS, None) for name in node[0]]
        work.spend(1)
        if len(found) > MATCHES:
            raise TooMany
    return found


def _names(nodes: list[Node], work: Work) -> list[Node]:
    """The last step to each node, spelled as in a path."""
    found = []
    for node in nodes:
        key = node[1]
        work.spend(_CALL + (len(key) if isinstance(key, str) else 0))
        if isinstance(key, str):
            key = Fields._compliant_constructor(key)
        elif isinstance(key, int):
            key = Index(key)
        found.append((str(key), _PATH, node))
    return found


def _texts(nodes: list[Node], work: Work) -> list[Node]:
    for node in nodes:
        work.spend(_CALL)
        # Spelling a value takes several times as long as looking at it.
        work.spend(_CALL * work.weigh(node[0]))
    return [(str(node[0]), _THIS, None) for node in nodes]


def _split(tree: Any) -> Step:
    def parts(text: str) -> Any:
        found = text.split(tree.chars, tree.max_split)
        return found if tree.segment == "*" else found[int(tree.segment)]

    def run(nodes: list[Node], work: Work) -> list[Node]:
        found: list[Node] = []
        for node in nodes:
            work.spend(_CALL)
            if isinstance(node[0], str):
                work.spend(len(node[0]))
                try:
                    found.append((parts(node[0]), _THIS, None))
                except (IndexError, ValueError, OverflowError):
                    continue
        return found

    return run


def _sorted(tree: Any) -> Step:
    keys = [(_path(key, first=False), descending) for key, descending in tree.expressions or ()]

    def run(nodes: list[Node], work: Work) -> list[Node]:
        def compare(left: Any, right: Any) -> int:
            for path, descending in keys:
                work.spend(_CALL)
                one, other = path([(left, _THIS, None)], work), path([(right, _THIS, None)], work)
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
            work.spend(_CALL + work.weigh(node[0]) * rounds * max(len(keys), 1))
            by = functools.cmp_to_key(compare) if keys else None
            found.append((sorted(node[0], key=by), _THIS, None))
        return found

    return run


# Filters.


def _filter(tree: Any) -> Step:
    tests = [_test(each) for each in tree.expressions]

    def run(nodes: list[Node], work: Work) -> list[Node]:
        found: list[Node] = []
        for node in nodes:
            value = node[0]
            if isinstance(value, dict):
                pairs: Iterable[tuple[Any, Any]] = value.items()
            elif isinstance(value, list):
                pairs = enumerate(value)
            else:
                continue
            for name, child in pairs:
                work.spend(_CONTAINER)
                candidate = (child, name, node)
                for test in tests:
                    if not test(candidate, work):
                        break
                else:
                    found.append(candidate)
            if len(found) > MATCHES:
                raise TooMany
        return found

    return run


def _test(tree: Any) -> Test:
    if isinstance(tree, And | Or):
        tests = [_test(each) for each in tree.operands]
        combine = all if isinstance(tree, And) else any
        return lambda node, work: combine(test(node, work) for test in tests)
    if not isinstance(tree, Expression):
        raise ValueError("this step is not supported")
    target = _path(tree.target)
    if tree.op in (None, "!"):
        wanted = tree.op is None

        def exists(node: Node, work: Work) -> bool:
            work.spend(_CALL)
            return bool(target([node], work)) is wanted

        return exists
    return _comparison(target, tree.op, tree.value)


def _comparison(target: Step, op: str, value: Any) -> Test:
    compares, of_equality = _ORDERS[op], _EQUALITIES[op]
    query = _path(value) if isinstance(value, JSONPath) else None
    literal: list[Node] = [(value, _THIS, None)]

    def holds(node: Node, work: Work) -> bool:
        work.spend(_CALL)
        found = target([node], work)
        wanted = query([node], work) if query else literal
        if not found or not wanted:
            # Nothing is equal to nothing, and to no value.
            return of_equality(not found and not wanted)
        for one in found:
            for other in wanted:
                work.spend(_CALL)
                left, right = one[0], other[0]
                if _is_number(left) and _is_number(right):
                    if compares(_exact(left), _exact(right)):
                        return True
                elif isinstance(left, str) and isinstance(right, str):
                    work.spend(min(len(left), len(right)) >> 5)
                    if compares(left, right):
                        return True
                elif of_equality(_equal(left, right, work)):
                    return True
        return False

    return holds


def _equal(left: Any, right: Any, work: Work) -> bool:
    """Are these the same JSON value? Unlike in Python, true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(
            _equal(one, other, work) for one, other in zip(left, right, strict=True)
        )
    if isinstance(left, dict) and isinstance(right, dict):
        work.spend(_CALL + len(left))
        return left.keys() == right.keys() and all(_equal(left[k], right[k], work) for k in left)
    work.spend(_CALL)
    if isinstance(left, str) and isinstance(right, str):
        work.spend(min(len(left), len(right)) >> 5)
    elif _is_number(left) and _is_number(right):
        left, right = _exact(left), _exact(right)
    return bool(left == right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _exact(number: Any) -> Any:
    # The digits a float shows are the ones that were written.
    return Decimal(str(number)) if isinstance(number, float) else number


# What steps cost, in units of work; measured, so that a unit takes about the same time in each.
_NODE = 4
_CONTAINER = 6
_CALL = 12

_CONTAINERS = frozenset((dict, list))
_ROOT, _THIS, _LEN, _KEYS, _PATH = Root(), This(), Len(), Keys(), Path()
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# Of what has no order, only equality can be asked.
_EQUALITIES: dict[str, Callable[[bool], bool]] = {
    "==": bool,
    "=": bool,
    "!=": operator.not_,
    "<=": bool,
    ">=": bool,
    "<": lambda equal: False,
    ">": lambda equal: False,
}
_BUILD: dict[type, Callable[[Any], Step]] = {
    Root: lambda tree: _from_document,
    This: lambda tree: lambda nodes, work: nodes,
    Parent: lambda tree: _parents,
    Fields: _fields,
    Index: _index,
    Slice: _slice,
    Wildcard: lambda tree: _every,
    Filter: _filter,
    SortedThis: _sorted,
    Len: lambda tree: _lengths,
    Keys: lambda tree: _keys,
    Path: lambda tree: _names,
    Split: _split,
    Str: lambda tree: _texts,
}
