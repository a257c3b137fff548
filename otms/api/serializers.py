"""Serializers own the wire names: `createdAt` outside, `created_at` in Python.

They read what callers send. Keys inside a customer's own JSON (a mapping, test data, external
attributes) are values here, and are never renamed.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cache, cached_property
from itertools import islice
from typing import Any, ClassVar

from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.fields import empty, get_error_detail

from otms.spelling import did_you_mean, is_near

MOST_WARNINGS = 100
MOST_NAMED = 20  # looking for what was meant takes time; nobody reads more


def camel(name: str) -> str:
    """`created_at` -> `createdAt`."""
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)


class WireSerializer(serializers.Serializer):
    """Fields are declared in snake_case and spoken in camelCase.

    What it does not know is refused; a vendor entity (`lenient`) ignores it and says so in
    `warnings`, because its clients send whole entities back. What is near to a field that
    protects something is refused there too: nobody reads warnings of what seems to be done.

    `examples` are values such as people write, by the names of the fields on the wire; `earlier`
    those of them that were others before a change. A class has those of the classes it is made of.
    """

    lenient = False
    protective: tuple[str, ...] = ()
    form = ""  # an example, for who sends something else
    examples: ClassVar[dict[str, Any]] = {}
    earlier: ClassVar[dict[str, Any]] = {}

    @cached_property
    def fields(self) -> Any:
        """Its fields; of what is no part of another, those that all of its class have."""
        return super().fields if self.parent is not None else _fields_of(type(self), self.partial)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = {}
        for name, field in super().get_fields().items():
            if camel(name) != name and field.source is None:
                field.source = name
            each = field.child if isinstance(field, serializers.ListField) else field
            if isinstance(each, serializers.ChoiceField):
                choices = ", ".join(map(str, each.choices))
                each.error_messages["invalid_choice"] = f"Choose one of {choices}."
            if isinstance(field, serializers.DateTimeField):
                field.error_messages["invalid"] = "Write a moment, such as 2026-03-22T10:00:00Z."
            fields[camel(name)] = field
        return fields

    def to_internal_value(self, data: Any) -> Any:
        if self.lenient and self.parent is not None:
            data = associated(data)
        if isinstance(data, Mapping):
            wrong = _unknown(self._refused(data), self.fields)
            if wrong := wrong or self._missing(data):
                raise serializers.ValidationError(wrong)
        elif self.form:
            raise not_an_object(self.form)
        return self._read(data) if type(data) is dict else super().to_internal_value(data)

    def _read(self, data: dict[str, Any]) -> dict[str, Any]:
        """What was sent, field by field: as Django REST framework reads it, with fewer questions.

        It asks each field what to do without a value; nearly all are left out then.
        """
        read: dict[str, Any] = {}
        wrong: dict[str, Any] = {}
        for name, field, always, further in self._readers:
            if name not in data and not always:
                continue
            try:
                value = field.run_validation(field.get_value(data))
                if further is not None:
                    value = further(value)
            except serializers.ValidationError as error:
                wrong[name] = error.detail
            except DjangoValidationError as error:
                wrong[name] = get_error_detail(error)
            except serializers.SkipField:
                pass
            else:
                self.set_value(read, field.source_attrs, value)
        if wrong:
            raise serializers.ValidationError(wrong)
        return read

    @cached_property
    def _readers(self) -> list[tuple[str, Any, bool, Any]]:
        """Each field to read: its name, whether it is asked without a value, what checks further.

        Of a part they are found once, because its fields are those of a class.
        """
        return [
            (
                name,
                field,
                field.required or field.default is not empty,
                getattr(self, f"validate_{name}", None),
            )
            for name, field in self.fields.items()
            if not field.read_only
        ]

    def _refused(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """What of it must be known here."""
        if not self.lenient:
            return data
        strange = [key for key in data if key not in self.fields] if self.protective else []
        return {key: data[key] for key in strange if is_near(key, self.protective)}

    def _missing(self, data: Mapping[str, Any]) -> dict[str, list[ErrorDetail]]:
        """What a part lacks: an update may leave out fields of the record, not of its parts."""
        if self.parent is None or not getattr(self.root, "partial", False):
            return {}
        missing = [n for n, field in self.fields.items() if field.required and n not in data]
        return {name: [ErrorDetail("This field is required.", "required")] for name in missing}

    def warnings(self) -> list[dict[str, str]]:
        """The keys that a lenient serializer ignored, each with its path."""
        ignored = islice(_ignored(self, self.initial_data), MOST_WARNINGS)
        return [
            {
                "field": path,
                "code": "unknown_field",
                "message": f"{path} is not a field; it was ignored."
                + (did_you_mean(key, known) if place < MOST_NAMED else ""),
            }
            for place, (path, key, known) in enumerate(ignored)
        ]


@cache
def _fields_of(kind: type[WireSerializer], partial: bool) -> Any:
    """The fields of a class, its parts' too: made once, because there are seventy in an order.

    They belong to a serializer that is given nothing. What is read and what is wrong with it stays
    with who reads; of the call they know no more than whether it may leave fields out.
    """
    return super(WireSerializer, kind(partial=partial)).fields


def associated(data: Any) -> Any:
    """What an association of the Open Trip Model holds, or names; anything else as it is."""
    if not isinstance(data, Mapping):
        return data
    if data.get("associationType") == "inline" and isinstance(data.get("entity"), Mapping):
        return data["entity"]
    if data.get("associationType") == "reference" and "uuid" in data:
        return {"id": data["uuid"]}
    return data


def not_an_object(form: str) -> serializers.ValidationError:
    text = f"Write an object, such as {form}." if form else "Write a JSON object."
    return serializers.ValidationError(text, "not_an_object")


def _unknown(data: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, list[ErrorDetail]]:
    unknown = (key for key in data if key not in known)
    return {key: [_hint(key, known)] for key in islice(unknown, MOST_NAMED)}


def _hint(key: str, known: Mapping[str, Any]) -> ErrorDetail:
    hint = did_you_mean(key, known)
    there_are = "." if hint else f"; there are: {', '.join(known)}."
    return ErrorDetail(f"There is no field {key[:80]!r} here{there_are}{hint}", "unknown_field")


def _ignored(serializer: Any, data: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """What was not read: its path, its key, and the keys there are."""
    if isinstance(serializer, serializers.ListSerializer) and isinstance(data, list):
        for index, item in enumerate(data):
            yield from _ignored(serializer.child, item, f"{path}[{index}]")
    elif isinstance(serializer, WireSerializer) and isinstance(data, Mapping):
        if serializer.parent is not None:
            data = associated(data)
        for key, value in data.items():
            where = f"{path}.{key}" if path else key
            if key in serializer.fields:
                yield from _ignored(serializer.fields[key], value, where)
            else:
                yield where, key, serializer.fields


class IdField(serializers.UUIDField):
    """An id, as text: the number 5 is no id, though a UUID could be made of it."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


def in_iso(duration: timedelta) -> str:
    """As short as it can be written: P366D, PT1M, PT0S."""
    minutes, seconds = divmod(duration.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days = f"{duration.days}D" if duration.days else ""
    parts = ((hours, "H"), (minutes, "M"), (seconds, "S"))
    time = "".join(f"{number}{unit}" for number, unit in parts if number)
    return f"P{days}{f'T{time}' if time else ''}" if days or time else "PT0S"


@extend_schema_field({"type": "string", "format": "duration"})
class IsoDurationField(serializers.DurationField):
    """PT24H, and nothing that could be read in two ways: "24" is no duration."""

    default_error_messages = {"invalid": "Write an ISO 8601 duration, such as PT24H or P7D."}

    def __init__(self, **kwargs: Any) -> None:
        told: dict[str, Any] = {
            name: f"{word} {in_iso(kwargs[name])}."
            for name, word in (("min_value", "At least"), ("max_value", "At most"))
            if name in kwargs
        }
        super().__init__(error_messages=told, **kwargs)

    def to_internal_value(self, value: Any) -> timedelta:
        if not isinstance(value, str) or not value.startswith("P"):
            self.fail("invalid")
        return super().to_internal_value(value)


class NonceField(serializers.CharField):
    """The caller's own word for what it sends: not stored, echoed back as it came."""

    def __init__(self) -> None:
        super().__init__(
            required=False,
            allow_null=True,
            allow_blank=True,
            trim_whitespace=False,
            max_length=255,
            help_text="Not stored; echoed back.",
        )


class DocumentValue(serializers.JSONField):
    """A customer's own JSON, taken as it is."""

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field({"type": "object", "additionalProperties": True})
class ObjectValue(DocumentValue):
    """A customer's own JSON object."""

    form = ""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise not_an_object(self.form)
        return data


class ErrorItem(serializers.Serializer):
    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class Error(serializers.Serializer):
    """What went wrong: one sentence a person can act on, and the fields it is about."""

    success = serializers.BooleanField(default=False)
    message = serializers.CharField()
    code = serializers.IntegerField()
    errors = ErrorItem(many=True)  # type: ignore[assignment]
    requestId = serializers.CharField(required=False, help_text="Of a 500: for whoever asks us.")
