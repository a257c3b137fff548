"""The language of mappings and filters as JSON Schema, made of the tables of its operators.

It says what can be said of a mapping that has no document yet. What it lets through may still be
refused when it is saved: a path that can't be read behind its `$`, a zone that nobody knows, too
many targets. What it refuses is refused there too.
"""

from functools import cache
from typing import Any

from integrations.core import paths
from integrations.core.arguments import EXPRESSION, Schema, ref
from integrations.core.comparisons import OPERATORS as COMPARISONS
from integrations.core.filters import GROUPS
from integrations.core.operators import OPERATORS, SOURCES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# What a filter compares with, by the kinds of its operators.
VALUES: dict[str, Schema] = {
    "any": {},
    "list": {"type": "array"},
    "order": {"type": ["number", "string"]},
    "scalar": {"type": ["string", "number", "boolean", "null"]},
    "text": {"type": "string", "maxLength": paths.LONGEST},
    "nothing": {"enum": [None, True]},
}


@cache
def of_mapping() -> Schema:
    """The schema of a mapping, which is any expression of the language."""
    return {
        "$schema": DIALECT,
        "title": "Mapping",
        "description": "A document to send, with paths where values belong.",
        **EXPRESSION,
        "$defs": {**_parts(), **_of_items()},
    }


@cache
def of_filters() -> Schema:
    """The schema of a list of filters."""
    parts = _parts()
    return {
        "$schema": DIALECT,
        "title": "Filters",
        "description": "What must hold of a change for it to be sent; all of it.",
        "type": "array",
        "items": ref("filter"),
        "$defs": {name: parts[name] for name in ("filter", "comparison", "reference")},
    }


def _parts(starts: str = "$") -> dict[str, Schema]:
    """What there is to say of each part, where a path starts with one of these."""
    in_loop = "@" in starts
    return {
        "expression": {
            "description": "A path, a constant, an object, a list, or an object of operators.",
            "if": {"type": "string"},
            "then": ref("text"),
            "else": {
                "if": {"type": "array"},
                "then": {"items": EXPRESSION},
                "else": {
                    "if": {"type": "object", "propertyNames": {"pattern": r"^(?!\$)"}},
                    "then": {"additionalProperties": EXPRESSION},
                    "else": {"if": {"type": "object"}, "then": ref("operators")},
                },
            },
        },
        "text": {
            "description": "`$.name` is a path; `$$`, `@@` and `##` are written for `$`, `@`, `#`.",
            "type": "string",
            **({} if in_loop else {"not": {"const": "#"}}),
            "if": {"pattern": r"^(?:\$(?!\$)|@(?!@))"},
            "then": ref("path"),
        },
        "path": {
            "description": "A JSONPath: from the document `$`, in a loop also from its item `@`.",
            "type": "string",
            "maxLength": paths.LONGEST,
            "pattern": rf"^[{starts}](?![A-Za-z0-9_])",
            "not": {"pattern": r"\.\.[\s\S]*\.\.|=~|sub\("},
        },
        "reference": {
            "description": "A path, also without its `$.`.",
            "type": "string",
            "minLength": 1,
            "maxLength": paths.LONGEST,
            **({} if in_loop else {"pattern": "^[^@]"}),
        },
        "operators": _operators(),
        "filter": _filter(),
        "comparison": _comparison(),
    }


def _operators() -> Schema:
    """An object of operators: one source, and any number of conversions beside it."""
    properties: dict[str, Schema] = {}
    beside: dict[str, list[str]] = {}
    for name, operator in OPERATORS.items():
        properties[name] = {"description": told(operator.build), **operator.takes}
        for companion, takes in operator.companions.items():
            properties[companion] = takes
            beside.setdefault(companion, []).append(name)
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "oneOf": [{"required": [name]} for name in SOURCES],
        "dependentRequired": {
            name: list(operator.needs) for name, operator in OPERATORS.items() if operator.needs
        },
        "dependentSchemas": {
            companion: {"anyOf": [{"required": [name]} for name in names]}
            for companion, names in beside.items()
        },
    }


def _filter() -> Schema:
    """A comparison, or a group of filters and nothing beside it."""
    group = {"type": "array", "minItems": 1, "items": ref("filter")}
    return {
        "description": "A comparison, or `any`, `all` or `not` with more of them.",
        "type": "object",
        "if": {"anyOf": [{"required": [name]} for name in GROUPS]},
        "then": {
            "properties": {"any": group, "all": group, "not": ref("filter")},
            "additionalProperties": False,
            "maxProperties": 1,
        },
        "else": ref("comparison"),
    }


def _comparison() -> Schema:
    by_kind: dict[str, list[str]] = {}
    for name, operator in COMPARISONS.items():
        by_kind.setdefault(operator.takes, []).append(name)
    return {
        "type": "object",
        "properties": {
            "field": ref("reference"),
            "operator": {
                "oneOf": [
                    {"const": name, "description": operator.told}
                    for name, operator in COMPARISONS.items()
                ]
            },
            "value": {},
        },
        "required": ["field", "operator"],
        "additionalProperties": False,
        "allOf": [
            {
                "if": {"properties": {"operator": {"enum": names}}, "required": ["operator"]},
                "then": {
                    "properties": {"value": VALUES[kind]},
                    **({} if kind == "nothing" else {"required": ["value"]}),
                },
            }
            for kind, names in by_kind.items()
        ],
    }


def _of_items() -> dict[str, Schema]:
    """The parts once more, for what is made of the item of a loop."""
    parts = _parts("$@")
    return {f"{name}OfItem": _of_item(part, parts) for name, part in parts.items()}


def _of_item(schema: Any, parts: dict[str, Schema]) -> Any:
    """The schema with references to what is said of items, where these are parts that have it."""
    if isinstance(schema, list):
        return [_of_item(each, parts) for each in schema]
    if not isinstance(schema, dict):
        return schema
    here = {name: _of_item(each, parts) for name, each in schema.items()}
    part = str(here.get("$ref", "")).rpartition("/")[2]
    return {**here, **ref(f"{part}OfItem")} if part in parts else here


def told(function: Any) -> str:
    """The first line of what a function says of itself, which is a sentence."""
    return (function.__doc__ or "").partition("\n")[0]
