"""A serializer as JSON Schema (draft 2020-12), for who fills in what it reads."""

from collections.abc import Iterator
from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from otms.api.serializers import NonceField, WireSerializer

Schema = dict[str, Any]

# The first that fits counts. A choice is a text here: none of ours is anything else.
TYPES: tuple[tuple[Any, Schema], ...] = (
    (serializers.BooleanField, {"type": "boolean"}),
    (serializers.IntegerField, {"type": "integer"}),
    (serializers.DecimalField, {"type": "number"}),
    (serializers.UUIDField, {"type": "string", "format": "uuid"}),
    (serializers.DateTimeField, {"type": "string", "format": "date-time"}),
    (serializers.ChoiceField, {"type": "string"}),
    (serializers.CharField, {"type": "string"}),
)
LIMITS = (
    ("max_length", "maxLength"),
    ("min_length", "minLength"),
    ("min_value", "minimum"),
    ("max_value", "maximum"),
)


def described(field: Any) -> Schema:
    """What a field takes; secrets are `writeOnly`, what it only shows is `readOnly`."""
    schema = _shape(field)
    if isinstance(field, serializers.ChoiceField):
        schema["enum"] = list(field.choices)
    if field.allow_null:
        _take_null(schema)
    said: dict[str, Any] = {
        "title": field._kwargs.get("label"),
        "description": field.help_text and str(field.help_text),
        "readOnly": field.read_only or None,
        "writeOnly": field.write_only or None,
    }
    if field.default is not empty and not callable(field.default):
        said["default"] = field.default
    return {**schema, **{name: value for name, value in said.items() if value is not None}}


def _shape(field: Any) -> Schema:
    if isinstance(field, serializers.ListSerializer):
        return {"type": "array", "items": described(field.child)}
    if isinstance(field, WireSerializer):
        return _object(field)
    # What a field of ours that holds JSON says of it to OpenAPI.
    known = getattr(type(field), "_spectacular_annotation", {}).get("field")
    if isinstance(known, dict):
        return dict(known)
    schema = dict(next((each for kind, each in TYPES if isinstance(field, kind)), {}))
    for name, word in LIMITS:
        if (limit := getattr(field, name, None)) is not None:
            schema[word] = limit
    if isinstance(field, serializers.CharField) and not (field.allow_blank or field.read_only):
        schema.setdefault("minLength", 1)
    return schema


def _object(serializer: WireSerializer) -> Schema:
    fields = dict(_fields(serializer))
    schema: Schema = {
        "type": "object",
        "properties": {name: described(each) for name, each in fields.items()},
    }
    if required := [name for name, each in fields.items() if each.required]:
        schema["required"] = required
    if not serializer.lenient:
        schema["additionalProperties"] = False
    if conditional := dict(_conditional(fields)):
        schema["dependentSchemas"] = conditional
    return schema


def _fields(serializer: WireSerializer) -> Iterator[tuple[str, Any]]:
    for name, field in serializer.fields.items():
        if not isinstance(field, NonceField):  # it is stored nowhere
            yield name, field


def _conditional(fields: dict[str, Any]) -> Iterator[tuple[str, Schema]]:
    """What stands only beside some values of another field, as `style` says it to forms."""
    for name, field in fields.items():
        for path, values in field.style.get("when", {}).items():
            beside = path.rpartition(".")[2]
            yield name, {"properties": {beside: {"enum": list(values)}}}


def _take_null(schema: Schema) -> None:
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        schema["type"] = [*kinds, "null"]
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]


def flat(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Every value that the schema knows of, by its path from there, those around it first."""
    for name, each in schema.get("properties", {}).items():
        where = f"{path}.{name}"
        yield where, each
        if "items" in each:
            yield from flat(each["items"], f"{where}[*]")
        else:
            yield from flat(each, where)
