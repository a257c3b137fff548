"""The committed openapi.json as what it is for a client: a promise about every answer."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"


@cache
def schema() -> dict[str, Any]:
    found: dict[str, Any] = _closed(json.loads(SCHEMA.read_text(encoding="utf-8")))
    return found


def _closed(node: Any) -> Any:
    """The same, with keys that are not in it forbidden: a client may rely on it being whole."""
    if isinstance(node, dict):
        node = {key: _closed(value) for key, value in node.items()}
        if node.get("type") == "object" and "properties" in node:
            node.setdefault("additionalProperties", False)
    elif isinstance(node, list):
        return [_closed(each) for each in node]
    return node


def operation(method: str, path: str) -> Any:
    """The operation that answers a call; a 404 for who asks for another."""
    bare = path.partition("?")[0]
    for template, operations in schema()["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, bare) and method.lower() in operations:
            return operations[method.lower()]
    raise AssertionError(f"{method} {bare} is not in openapi.json")


def faults(method: str, path: str, status: int, answer: Any) -> list[str]:
    """Where an answer is not what the schema says."""
    promised = operation(method, path)["responses"].get(str(status))
    if promised is None:
        return [f"$: openapi.json does not say that it may answer {status}"]
    if "$ref" in promised:
        promised = schema()["components"]["responses"][promised["$ref"].rpartition("/")[2]]
    content = promised["content"]["application/json"]["schema"]
    validator = Draft202012Validator(
        {**content, "components": schema()["components"]}, format_checker=FormatChecker()
    )
    return [f"{each.json_path}: {each.message[:300]}" for each in validator.iter_errors(answer)]
