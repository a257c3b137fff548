"""The page that says what of the vendor's API works is true, row by row."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Api

DOCS = Path(__file__).parents[2] / "docs" / "reference"
PAGE = (DOCS / "compatibility.md").read_text(encoding="utf-8")
SCHEMA = json.loads((DOCS / "openapi.json").read_text(encoding="utf-8"))
ID = "123e4567-e89b-12d3-a456-426614174000"
# The least that makes one.
RECORDS: dict[str, Any] = {
    "transportOrder": {},
    "business": {"name": "Acme Corp"},
    "integration": {"name": "ERP", "type": "configured"},
}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


CALLS = [(row[0].strip("`"), row[-1]) for row in rows("Calls")]
FIELDS = [(row[1].strip("`"), row[0].strip("`"), row[-1]) for row in rows("Fields")]
VALUES = [(row[1].strip("`"), row[0].strip("`"), row[2]) for row in rows("Values")]
NOT_HERE = [(call, here) for call, here in CALLS if not here.startswith("works")]


def resolved(schema: Any) -> list[Any]:
    """The shapes that a value may have, references followed."""
    if "$ref" in schema:
        return resolved(SCHEMA["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    ways = [each for key in ("oneOf", "anyOf", "allOf") for each in schema.get(key, [])]
    return [schema, *(shape for each in ways for shape in resolved(each))]


@cache
def roots(of: str) -> tuple[Any, ...]:
    """The schemas of a record in answers, or of the body of a call."""
    if " " in of:
        method, path = of.split()
        body = SCHEMA["paths"][f"/api{path}"][method.lower()]["requestBody"]["content"]
        return tuple(each["schema"] for each in body.values())
    found = []
    for operations in SCHEMA["paths"].values():
        for operation in operations.values():
            answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
            for shape in resolved(answer):
                found += [v for key, v in shape.get("properties", {}).items() if key == of]
    return tuple(found)


def at(of: str, field: str) -> list[Any]:
    """The schemas of a field: none when the record, or the body, has no such field."""
    shapes = [shape for root in roots(of) for shape in resolved(root)]
    for part in field.split("."):
        name, is_list = part.removesuffix("[]"), part.endswith("[]")
        shapes = [
            shape
            for each in shapes
            for one in [*resolved(each.get("items", {})), each]
            for shape in resolved(one.get("properties", {}).get(name, {"absent": True}))
            if "absent" not in shape
        ]
        if is_list:
            shapes = [one for each in shapes for one in resolved(each.get("items", {}))]
    return shapes


def test_the_page_has_all_three_kinds_of_rows() -> None:
    assert len(CALLS) > 50
    assert len(FIELDS) > 100
    assert {here.partition(":")[0] for _, here in CALLS} <= {"works", "later", "out of scope"}
    assert {here.partition(":")[0] for *_, here in FIELDS} == {"works", "ignored", "not shown"}


@pytest.mark.parametrize(("call", "here"), CALLS, ids=[call for call, _ in CALLS])
def test_a_call_is_there_exactly_if_the_page_says_so(call: str, here: str) -> None:
    method, path = call.split()
    there = method.lower() in SCHEMA["paths"].get(f"/api{path}", {})
    told = f"{call} is {'in' if there else 'not in'} openapi.json; docs/reference/compatibility.md"
    assert there is here.startswith("works"), f"{told} says {here!r}"


@pytest.mark.django_db
@pytest.mark.parametrize(("call", "here"), NOT_HERE)
def test_a_call_that_does_not_work_says_so_in_our_own_words(api: Api, call: str, here: str) -> None:
    method, path = call.split()
    filled = path.replace("{id}", ID).replace("{offset}", "0").replace("{amount}", "20")
    body = None if method == "GET" else {"id": ID}
    told = api.refused(method, filled.lstrip("/"), body, code=404)
    assert told.keys() == {"success", "message", "code", "errors"}
    assert ("out-of-scope.md" in told["message"]) is here.startswith("out of scope")


@pytest.mark.parametrize(("of", "field", "here"), FIELDS)
def test_a_field_is_there_exactly_if_the_page_says_so(of: str, field: str, here: str) -> None:
    assert roots(of), f"nothing answers with {of}"
    assert bool(at(of, field)) is here.startswith("works")


@pytest.mark.django_db
@pytest.mark.parametrize("of", RECORDS)
def test_an_ignored_field_is_ignored_with_a_warning(api: Api, of: str) -> None:
    names = [field for each, field, here in FIELDS if each == of and here.startswith("ignored")]
    assert names
    sent = {**RECORDS[of], **{name: {"name": "nl"} for name in names}}
    answer = api.ok("POST", of, sent)
    assert {each["field"] for each in answer["warnings"]} == set(names)
    assert not answer[of].keys() & set(names)


@pytest.mark.parametrize(("of", "field", "values"), VALUES)
def test_every_value_of_theirs_is_one_of_ours(of: str, field: str, values: str) -> None:
    ours = {value for shape in at(of, field) for value in shape.get("enum", ())}
    assert set(re.findall(r"`(\w+)`", values)) <= ours
