"""The steps of a path: each leads from all the nodes of one level to all those of the next."""

from collections.abc import Callable
from typing import Any

from jsonpath_ng import (
    Fields,
    Index,
    Root,
    This,
)
from jsonpath_ng.ext.iterable import Keys, Len, Path

from integrations.core.work import Work

MATCHES = 10_000
# What steps cost, in units of work; measured, so that a unit takes about the same time in each.
NODE = 4
CONTAINER = 6
CALL = 12
CONTAINERS = frozenset((dict, list))
ROOT, THIS, LEN, KEYS, PATH = Root(), This(), Len(), Keys(), Path()
# A value, the name or number or step it was found by, and the node that it was found in.
Node = tuple[Any, Any, Any]
Step = Callable[[list[Node], Work], list[Node]]


class TooMany(Exception):
    """A path that finds more than the limit."""


def root(document: Any) -> Node:
    """The node of a whole document."""
    return document, ROOT, None


def bounded(nodes: list[Node], work: Work) -> list[Node]:
    if len(nodes) > MATCHES:
        raise TooMany
    return nodes


def walk_containers(nodes: list[Node], work: Work) -> list[Node]:
    """The `..` for a next step that finds nothing in a number or a text anyway."""
    return walk(nodes, work, scalars=False)


def walk(nodes: list[Node], work: Work, *, scalars: bool = True) -> list[Node]:
    """Every node with all that is below it, parents first; from one node walked only once."""
    # A container is the same one wherever it is met; a number that is met twice may be two.
    alone = len(nodes) == 1 and nodes[0][0].__class__ in CONTAINERS
    key = (id(nodes[0][0]) if alone else 0, scalars)
    if known := work.known.get(key):
        return known
    found: list[Node] = []
    stack = nodes[::-1]
    while stack:
        node = stack.pop()
        found.append(node)
        value = node[0]
        if value.__class__ not in CONTAINERS:
            continue
        work.spend(CONTAINER + len(value) * (NODE if scalars else 1))
        if value:
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            if scalars:
                below = [(child, name, node) for name, child in pairs]
            else:
                below = [(c, name, node) for name, c in pairs if c.__class__ in CONTAINERS]
            below.reverse()
            stack += below
    if alone:
        work.known[key] = found
    return found


def every(nodes: list[Node], work: Work) -> list[Node]:
    found: list[Node] = []
    for node in nodes:
        value = node[0]
        if isinstance(value, dict):
            work.spend(NODE * (len(value) + 1))
            found += [(child, name, node) for name, child in value.items()]
        elif isinstance(value, list):
            work.spend(NODE * (len(value) + 1))
            found += [(child, place, node) for place, child in enumerate(value)]
        else:
            work.spend(1)
        if len(found) > MATCHES:
            raise TooMany
    return found


def fields(tree: Any) -> Step:
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
        work.spend(NODE * len(found))
        return found

    return run


def _each(find: Callable[[Node], list[Node]], names: tuple[str, ...]) -> Step:
    def run(nodes: list[Node], work: Work) -> list[Node]:
        work.spend(NODE * len(nodes) * len(names))
        return [each for node in nodes if isinstance(node[0], dict) for each in find(node)]

    return run


def index(tree: Any) -> Step:
    places = tree.indices

    def run(nodes: list[Node], work: Work) -> list[Node]:
        work.spend(CONTAINER * len(nodes) * len(places))
        return [
            (node[0][place], place, node)
            for node in nodes
            if isinstance(node[0], list)
            for place in places
            if -len(node[0]) <= place < len(node[0])
        ]

    return run


def part(tree: Any) -> Step:
    part = slice(tree.start, tree.end, tree.step)

    def run(nodes: list[Node], work: Work) -> list[Node]:
        found: list[Node] = []
        for node in nodes:
            work.spend(CONTAINER)
            if isinstance(node[0], list) and part.step != 0:
                places = range(len(node[0]))[part]
                work.spend(NODE * len(places))
                found += [(node[0][place], place, node) for place in places]
                if len(found) > MATCHES:
                    raise TooMany
        return found

    return run


def from_document(nodes: list[Node], work: Work) -> list[Node]:
    found = []
    for node in nodes:
        while node[2] is not None:
            node = node[2]
            work.spend(1)
        found.append(node)
    return found


def parents(nodes: list[Node], work: Work) -> list[Node]:
    work.spend(NODE * len(nodes))
    if any(node[2] is None for node in nodes):
        raise ValueError("what is outermost has no parent")
    return [node[2] for node in nodes]


def lengths(nodes: list[Node], work: Work) -> list[Node]:
    work.spend(NODE * len(nodes))
    kinds = (dict, list, str)
    return [(len(node[0]), LEN, None) for node in nodes if isinstance(node[0], kinds)]


def keys(nodes: list[Node], work: Work) -> list[Node]:
    found: list[Node] = []
    for node in nodes:
        if isinstance(node[0], dict):
            work.spend(NODE * len(node[0]))
            found += [(name, KEYS, None) for name in node[0]]
        work.spend(1)
        if len(found) > MATCHES:
            raise TooMany
    return found


def names(nodes: list[Node], work: Work) -> list[Node]:
    """The last step to each node, spelled as in a path."""
    found = []
    for node in nodes:
        key = node[1]
        work.spend(CALL + (len(key) if isinstance(key, str) else 0))
        if isinstance(key, str):
            key = Fields._compliant_constructor(key)
        elif isinstance(key, int):
            key = Index(key)
        found.append((str(key), PATH, node))
    return found


def texts(nodes: list[Node], work: Work) -> list[Node]:
    for node in nodes:
        work.spend(CALL)
        # Spelling a value takes several times as long as looking at it.
        work.spend(CALL * work.weigh(node[0]))
    return [(str(node[0]), THIS, None) for node in nodes]


def split(tree: Any) -> Step:
    def parts(text: str) -> Any:
        found = text.split(tree.chars, tree.max_split)
        return found if tree.segment == "*" else found[int(tree.segment)]

    def run(nodes: list[Node], work: Work) -> list[Node]:
        found: list[Node] = []
        for node in nodes:
            work.spend(CALL)
            if isinstance(node[0], str):
                work.spend(len(node[0]))
                try:
                    found.append((parts(node[0]), THIS, None))
                except (IndexError, ValueError, OverflowError):
                    continue
        return found

    return run
