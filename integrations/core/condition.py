"""The conditions of a path: of the items of a list or an object, which one is meant."""

import operator
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from jsonpath_ng import JSONPath
from jsonpath_ng.ext.filter import And, Expression, Or

from integrations.core.steps import CALL, CONTAINER, MATCHES, THIS, Node, Step, TooMany
from integrations.core.work import Work

Test = Callable[[Node, Work], bool]
Read = Callable[[Any], Step]
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


def condition(tree: Any, path: Read) -> Step:
    """The step to those of what is in a node for which all of this holds.

    `path` reads the paths inside.
    """
    tests = [_test(each, path) for each in tree.expressions]

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
                work.spend(CONTAINER)
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


def _test(tree: Any, path: Read) -> Test:
    if isinstance(tree, And | Or):
        tests = [_test(each, path) for each in tree.operands]
        combine = all if isinstance(tree, And) else any
        return lambda node, work: combine(test(node, work) for test in tests)
    if not isinstance(tree, Expression):
        raise ValueError("this step is not supported")
    target = path(tree.target)
    if tree.op in (None, "!"):
        wanted = tree.op is None

        def exists(node: Node, work: Work) -> bool:
            work.spend(CALL)
            return bool(target([node], work)) is wanted

        return exists
    return _comparison(target, tree.op, tree.value, path)


def _comparison(target: Step, op: str, value: Any, path: Read) -> Test:
    compares, of_equality = _ORDERS[op], _EQUALITIES[op]
    query = path(value) if isinstance(value, JSONPath) else None
    literal: list[Node] = [(value, THIS, None)]

    def holds(node: Node, work: Work) -> bool:
        work.spend(CALL)
        found = target([node], work)
        wanted = query([node], work) if query else literal
        if not found or not wanted:
            # Nothing is equal to nothing, and to no value.
            return of_equality(not found and not wanted)
        for one in found:
            for other in wanted:
                work.spend(CALL)
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
        work.spend(CALL + len(left))
        return left.keys() == right.keys() and all(_equal(left[k], right[k], work) for k in left)
    work.spend(CALL)
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
