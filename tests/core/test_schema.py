"""The JSON Schema of the language says what the language does, and is made of its tables.

What the other tests of the core write is held against it too: see conftest.py.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from integrations.core import filters, mapping, schema
from integrations.core.comparisons import OPERATORS as COMPARISONS
from integrations.core.errors import Problem
from integrations.core.operators import OPERATORS
from otms import documents
from tests.core.conftest import agree, errors
from tests.core.test_operators import EXAMPLES

API = (Path(__file__).parents[2] / "docs/reference/api.md").read_text(encoding="utf-8")
BODIES = [
    documents.loads(text)
    for text in re.findall(r"```json\n(.*?)```", API, re.DOTALL)
    if '"testData"' in text
]


@pytest.mark.parametrize("made", [schema.of_mapping, schema.of_filters])
def test_it_is_a_schema_of_its_dialect_and_has_all_that_it_refers_to(made: Any) -> None:
    Draft202012Validator.check_schema(made())
    assert made()["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    for part in re.findall(r'"\$ref": "#/\$defs/(\w+)"', json.dumps(made())):
        assert part in made()["$defs"]


@pytest.mark.parametrize(("given", "made"), EXAMPLES)
def test_the_examples_of_the_reference_are_valid(given: Any, made: Any) -> None:
    assert errors(given, schema.of_mapping) == []


def test_what_the_reference_of_the_api_tries_is_valid() -> None:
    assert len(BODIES) > 1
    for body in BODIES:
        assert errors(body["mapping"], schema.of_mapping) == []
        assert errors(body.get("filters", []), schema.of_filters) == []


@pytest.mark.parametrize("name", OPERATORS)
def test_the_example_of_an_operator_is_one_of_it(name: str) -> None:
    example = OPERATORS[name].example
    assert name in example
    assert mapping.check({"x": example}) == []
    assert errors(example, schema.of_mapping) == []


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_says_of_itself_what_it_does(name: str) -> None:
    said = schema.told(OPERATORS[name].build)
    assert re.fullmatch(r"[A-Z].{20,}\.", said)
    parts = schema.of_mapping()["$defs"]
    for part in ("operators", "operatorsOfItem"):
        assert parts[part]["properties"][name]["description"] == said


@pytest.mark.parametrize(
    "wrong",
    [
        {"a": {"$nope": "$.a"}},
        {"a": {"$path": "$.a", "$nope": 1}},
        {"a": {"$path": 5}},
        {"a": {"$path": "$.a", "b": 1}},
        {"a": {"$path": "$.a", "$first": ["$.b"]}},
        {"a": {"$default": 1}},
        {"a": {"$each": "$.a[*]"}},
        {"a": {"$do": "@.b"}},
        {"a": {"$path": "$.a", "$round": "1"}},
        {"a": {"$path": "$.a", "$type": "number"}},
        {"a": {"$path": "$.a", "$date": "%Q"}},
        {"a": {"$path": "$.a", "$lookup": {}}},
        {"a": {"$path": "$.a", "$tz": "UTC"}},
        {"a": {"$if": {"field": "$.a", "operator": "is"}, "$then": 1}},
        {"a": {"$if": {"field": "$.a", "operator": "exists"}}},
        {"a": "@.b"},
        {"a": "#"},
        {"a": [{"b": "$name"}]},
        {"a": "$..b..c"},
        {"a": "$.b =~ 'c'"},
    ],
)
def test_what_is_wrong_in_every_document_is_wrong_in_the_schema(wrong: Any) -> None:
    assert errors(wrong, schema.of_mapping)
    assert mapping.check(wrong)


@pytest.mark.parametrize("value", [None, True, 5, 1.5, "5", "x" * 513, [], [1], {}])
@pytest.mark.parametrize("name", COMPARISONS)
def test_a_comparison_takes_the_values_that_the_schema_says(name: str, value: Any) -> None:
    for entry in (
        {"field": "$.a", "operator": name, "value": value},
        {"field": "$.a", "operator": name},
        {"not": {"any": [{"field": "a", "operator": name, "value": value}]}},
    ):
        assert bool(errors([entry], schema.of_filters)) is bool(filters.check([entry])), entry


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        [{}],
        [5],
        [{"any": []}],
        [{"any": [{"field": "$.a", "operator": "exists"}], "field": "$.a"}],
        [{"not": [{"field": "$.a", "operator": "exists"}]}],
        [{"field": "", "operator": "exists"}],
        [{"field": "@.a", "operator": "exists"}],
        [{"field": "$.a", "operator": "exists", "and": 1}],
    ],
)
def test_filters_that_are_none_are_none_in_the_schema(wrong: Any) -> None:
    assert errors(wrong, schema.of_filters)
    assert filters.check(wrong)


def test_a_schema_that_says_something_else_is_found() -> None:
    with pytest.raises(AssertionError):
        agree({"a": {"$nope": 1}}, [], schema.of_mapping)
    with pytest.raises(AssertionError):
        agree({"a": "$.b"}, [Problem("a", "unknown_operator", "...")], schema.of_mapping)


def test_every_kind_of_value_is_said_in_words_and_as_a_schema() -> None:
    kinds = {operator.takes for operator in COMPARISONS.values()}
    assert kinds == schema.VALUES.keys() == {*filters.VALUES, "nothing"}
    for name, operator in COMPARISONS.items():
        assert re.fullmatch(r"Holds if .+\.", operator.told), name
