"""The extended search: lists of values, ranges of time, and parts of texts.

The vendor's documents name the call and not its body; this is ours, a superset of the example that
the plain search takes.
"""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from otms.api.serializers import IdField, NonceField, WireSerializer
from otms.orders import models
from otms.spelling import did_you_mean

MOST_VALUES = 100
# A part of a text has no index: it is looked for in so many orders, as many as a total counts.
LOOKED_THROUGH = 100_000

_TEXT = {"type": "string", "maxLength": 255}
_STATUS = {"type": "string", "enum": models.OrderStatus.values}
_ID = {"type": "string", "format": "uuid"}
_MOMENT = {"type": "string", "format": "date-time"}
_CONTAINS = {
    "type": "object",
    "properties": {"contains": {**_TEXT, "minLength": 1}},
    "required": ["contains"],
    "additionalProperties": False,
}


def _or_list(one: dict[str, Any]) -> list[dict[str, Any]]:
    return [one, {"type": "array", "items": one, "minItems": 1, "maxItems": MOST_VALUES}]


class AskedField(serializers.Field):
    """What must hold of one field, read as look-ups: one value, one of a list, or more."""

    value: serializers.Field[Any, Any, Any, Any] | None = None  # what may be asked for as it is
    words: dict[str, tuple[str, serializers.Field[Any, Any, Any, Any]]] = {}

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, **options)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, dict):
            return self._by_words(data)
        if isinstance(data, list) and self.value is not None:
            return {"in": self._one_of(data)}
        if self.value is None:
            raise _wrong(f"Write an object with {' or '.join(self.words)}.")
        return {"exact": self.value.run_validation(data)}

    def _by_words(self, data: dict[str, Any]) -> dict[str, Any]:
        if not self.words:
            raise serializers.ValidationError(
                {key: [_error("Write a value, or a list of values.")] for key in list(data)[:1]}
                or [_error("Write a value, or a list of values.")]
            )
        if not data:
            raise _wrong(f"Write an object with {' or '.join(self.words)}.")
        lookups, wrong = {}, {}
        for key, value in data.items():
            if key not in self.words:
                there_are = f"there are: {', '.join(self.words)}."
                text = f"There is no {key[:80]!r} here; {there_are}{did_you_mean(key, self.words)}"
                wrong[key] = [_error(text, "unknown_field")]
                continue
            lookup, field = self.words[key]
            try:
                lookups[lookup] = field.run_validation(value)
            except serializers.ValidationError as error:
                wrong[key] = error.detail  # type: ignore[assignment]
        if wrong:
            raise serializers.ValidationError(wrong)
        return lookups

    def _one_of(self, data: list[Any]) -> list[Any]:
        if not 1 <= len(data) <= MOST_VALUES:
            raise _wrong(f"Write a list of 1 to {MOST_VALUES} values.")
        values: list[Any] = []
        wrong: dict[Any, Any] = {}
        for place, each in enumerate(data):
            try:
                values.append(self.value.run_validation(each))  # type: ignore[union-attr]
            except serializers.ValidationError as error:
                wrong[place] = error.detail
        if wrong:
            raise serializers.ValidationError(wrong)
        return values


def _error(text: str, code: str = "invalid") -> ErrorDetail:
    return ErrorDetail(text, code)


def _wrong(text: str) -> serializers.ValidationError:
    return serializers.ValidationError([_error(text)])


@extend_schema_field({"oneOf": _or_list(_ID)})
class AskedId(AskedField):
    value = IdField()


@extend_schema_field({"oneOf": _or_list(_TEXT)})
class AskedCode(AskedField):
    value = serializers.CharField(allow_blank=True, max_length=255)


@extend_schema_field({"oneOf": [*_or_list(_TEXT), _CONTAINS]})
class AskedText(AskedCode):
    words = {"contains": ("icontains", serializers.CharField(max_length=255))}


@extend_schema_field({"oneOf": _or_list(_STATUS)})
class AskedStatus(AskedField):
    value = serializers.ChoiceField(
        models.OrderStatus.choices,
        error_messages={"invalid_choice": f"Choose one of {', '.join(models.OrderStatus.values)}."},
    )


@extend_schema_field(
    {
        "type": "object",
        "properties": {"since": _MOMENT, "until": _MOMENT},
        "additionalProperties": False,
        "description": "From `since` on, and before `until`.",
    }
)
class AskedTime(AskedField):
    words = {
        "since": ("gte", serializers.DateTimeField()),
        "until": ("lt", serializers.DateTimeField()),
    }


class CustomerSearch(WireSerializer):
    form = '{"name": {"contains": "Acme"}}'

    id = AskedId()
    name = AskedText()


class OrderSearch(WireSerializer):
    """What must hold of an order; all of it must."""

    nonce = NonceField()
    id = AskedId()
    order_id = AskedText()
    name = AskedText()
    type = AskedCode()
    status = AskedStatus()
    customer = CustomerSearch(required=False)
    created_at = AskedTime()
    updated_at = AskedTime()


def narrowed(orders: Any, asked: dict[str, Any]) -> Any:
    """The orders of which all of this holds, newest first.

    Parts of texts are looked for in the newest orders of which the rest holds.
    """
    lookups = dict(_lookups({key: value for key, value in asked.items() if key != "nonce"}))
    parts = {each: lookups.pop(each) for each in list(lookups) if each.endswith("__icontains")}
    found = orders.filter(**lookups).order_by("-created_at", "id")
    if not parts:
        return found
    newest = found.values("pk")[:LOOKED_THROUGH]
    return orders.filter(pk__in=newest, **parts).order_by("-created_at", "id")


def _lookups(asked: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in asked.items():
        if isinstance(value, dict):
            yield from _lookups(value, f"{path}{name}__")
        else:
            yield f"{path}{name}", value
