"""How the API of integrations says no, and what it warns of."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from integrations import definition
from integrations.core.errors import Problem
from otms.api.errors import Conflict, FieldErrors
from otms.api.serializers import ErrorItem

WARNINGS = {"warnings": ErrorItem(many=True, required=False)}


@contextmanager
def owned_elsewhere() -> Iterator[None]:
    """What was made by something of ours is changed there: a 409 that says where."""
    try:
        yield
    except definition.Owned as error:
        raise Conflict(str(error)) from None


def overlap_cut(field: str, text: str) -> dict[str, Any]:
    """The warning that something ends before the moment that was promised; nothing without one."""
    found = as_error(Problem(field, "overlap_cut", text))
    return {"warnings": [found]} if text else {}


def refuse(problems: list[Problem]) -> None:
    """A 400 with each problem at its field; nothing when there is none."""
    if problems:
        raise FieldErrors([as_error(problem) for problem in problems])


def as_error(problem: Problem) -> dict[str, str]:
    return {"field": problem.field, "code": problem.code, "message": problem.message}
