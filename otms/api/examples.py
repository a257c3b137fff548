"""An example of what GET shows of a record, with every field filled."""

from copy import deepcopy
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from rest_framework import serializers

from otms.api.serializers import NonceField, WireSerializer

MOMENT = "2026-03-20T10:30:00Z"


def filled(serializer: WireSerializer, where: str, *, earlier: bool = False) -> dict[str, Any]:
    """A record as its serializers' examples have it, or as it was earlier.

    It has the same ids each time, made of `where` it is. LookupError names the serializer that has
    no example of a field of which nobody can make one up.
    """
    said = _said(type(serializer), earlier)
    return {
        name: deepcopy(said[name]) if name in said else _value(serializer, name, where, earlier)
        for name, field in serializer.fields.items()
        if not isinstance(field, NonceField)
    }


def _said(of: type[WireSerializer], earlier: bool) -> dict[str, Any]:
    classes = [each for each in reversed(of.__mro__) if issubclass(each, WireSerializer)]
    said: dict[str, Any] = {}
    for each in classes:
        said |= each.examples
    for each in classes if earlier else ():
        said |= each.earlier
    return said


def _value(serializer: WireSerializer, name: str, where: str, earlier: bool) -> Any:
    field: Any = serializer.fields[name]
    inside = f"{where}.{name}"
    if isinstance(field, serializers.ListSerializer):
        one: Any = field.child
        return [filled(one, inside, earlier=earlier)]
    if isinstance(field, WireSerializer):
        return filled(field, inside, earlier=earlier)
    if isinstance(field, serializers.UUIDField):
        return str(uuid5(NAMESPACE_URL, where if name in ("id", "uuid") else name))
    if isinstance(field, serializers.DateTimeField):
        return MOMENT
    raise LookupError(f"Say in `examples` of {type(serializer).__name__} what its {name} may be.")
