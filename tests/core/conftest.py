"""Every mapping and every filter that these tests write is held against its JSON Schema too."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from integrations.core import filters, mapping, schema
from integrations.core.errors import Problem
from integrations.core.operators import OPERATORS
from otms.documents import DocumentError, dumps, loads

# What is wrong whatever the document is, and wherever the mapping is saved: the schema knows it.
KNOWN = {
    *("unknown_operator", "mixed_keys", "no_source", "no_body", "no_choice", "outside_loop"),
    *("not_a_text", "not_a_list", "not_true", "not_a_table", "unknown_type", "invalid_format"),
    *("invalid_digits", "invalid_length", "invalid_filter", "invalid_filters", "invalid_group"),
    *("invalid_value", "required", "unknown_field"),
}
LARGEST, DEEPEST = 20_000, 20  # of what is held against a schema, which takes its time and room


@cache
def validator(made: Callable[[], Any], operators: tuple[str, ...]) -> Draft202012Validator:
    """Of the tables as they are now: one of these tests adds an operator."""
    return Draft202012Validator(made())


def errors(written: Any, of: Any) -> list[str]:
    """What a schema says against it."""
    found = validator(of.__wrapped__, tuple(OPERATORS)).iter_errors(written)
    return [error.message for error in found]


def agree(written: Any, problems: list[Problem], of: Any) -> None:
    """The schema refuses what it can know to be wrong, and nothing that is right."""
    try:
        body = dumps(written)
        json = loads(body)
    except (DocumentError, TypeError, ValueError):
        return  # no JSON: it never comes to a schema
    if json is None or len(body) > LARGEST or _deep(json) > DEEPEST:
        return  # no filters at all, or more than is looked through here
    said = errors(json, of)
    if not problems:
        assert said == [], written
    if {problem.code for problem in problems} & KNOWN:
        assert said, (written, problems)


def _deep(value: Any) -> int:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_deep, parts), default=0)


def watched(module: Any, of: Any) -> tuple[Any, Any]:
    """The two functions of a module that take what somebody wrote, held against the schema."""
    check, compile = module.check, module.compile

    def checked(written: Any, *, in_loop: bool = False) -> Any:
        in_loops = {"in_loop": True} if in_loop else {}
        problems = check(written, **in_loops)
        if not in_loop:
            agree(written, problems, of)
        return problems

    def compiled(written: Any, **how: Any) -> Any:
        if not how:
            agree(written, check(written), of)
        return compile(written, **how)

    return checked, compiled


@pytest.fixture(scope="session", autouse=True)
def held_against_the_schema() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    for module, of in ((mapping, schema.of_mapping), (filters, schema.of_filters)):
        checked, compiled = watched(module, of)
        patch.setattr(module, "check", checked)
        patch.setattr(module, "compile", compiled)
    yield
    patch.undo()
