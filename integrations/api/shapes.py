"""What the documents of an entity can hold, and what in an integration does not fit them.

A field may appear with a later version, or in a document that a filter lets through: such a path
is told of and not refused.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from rest_framework.serializers import ListSerializer

from integrations.core import filters, mapping, paths
from integrations.core.errors import Problem
from integrations.models import Integration, Use
from otms.api.examples import filled
from otms.api.router import router
from otms.api.serializers import DocumentValue, NonceField, WireSerializer
from otms.orders.serializers import MeasureValue

MOST_HINTS = 20  # looking for what was meant takes time; nobody reads more


def warnings(integration: Integration) -> Iterator[dict[str, str]]:
    """Paths that no document of the entity has, and texts that were probably meant as paths."""
    entity, hints = integration.trigger_entity, MOST_HINTS
    shape = document(entity)
    for where, path, seen in _fields(integration, shape):
        if paths.fits(path, seen):
            continue
        hints -= 1
        near = paths.nearest(path, seen) if hints >= 0 else None
        hint = f" Did you mean `{near}`?" if near else ""
        text = f"`{path}` is no field that we know of in a change of a {entity}.{hint}"
        yield {"field": where, "code": "unknown_path", "message": text}
    yield from _unredacted(integration, shape)
    for where, path in _texts(integration):
        if paths.fits(path, shape):
            text = f"This is sent as it stands, as a text. For the field write `{path}`."
            yield {"field": where, "code": "text_like_path", "message": text}


@cache
def document(entity: str) -> Any:
    """What filters and mappings see of a change, with every field there is; {} is any document."""
    serializer = serializer_of(entity)
    shape = {entity: _shape(serializer) if serializer else {}}
    return {**shape, "before": shape, "action": None}


@cache
def example(entity: str) -> dict[str, Any]:
    """What filters and mappings see of a change of the entity, with every field there is."""
    serializer = serializer_of(entity)
    if serializer is None:
        return {entity: {}, "before": {entity: {}}, "action": "updated"}
    now, before = (filled(serializer, entity, earlier=earlier) for earlier in (False, True))
    return {entity: now, "before": {entity: before}, "action": "updated"}


def serializer_of(entity: str) -> WireSerializer | None:
    """What says how GET shows a record of the entity; None where there is no such call."""
    viewsets = [each for each in router.viewsets if getattr(each, "noun", "") == entity]
    return viewsets[0].serializer() if viewsets else None


def _fields(integration: Integration, shape: Any) -> Iterator[tuple[str, str, Any]]:
    """Every path with where it stands, and what is seen from there."""
    remembered = {each.name: None for each in integration.data_sources.all() if each.remember}
    shape = {**shape, **({"remote": remembered} if remembered else {})}
    for where, path in filters.fields(integration.filters):
        yield f"filters{where}", path, shape
    seen, answers = shape, dict[str, Any]()
    for place, source in enumerate(integration.data_sources.all()):
        for where, path in filters.fields(source.filters):
            yield f"dataSources[{place}].filters{where}", path, seen
        if source.mapping is not None:
            for target, path in mapping.fields(source.mapping):
                yield _in_mapping(place, target), path, seen
        if source.use == Use.ENRICH:
            answers[source.name] = {}  # whatever it will be
            seen = {**shape, "steps": dict(answers)}


def _texts(integration: Integration) -> Iterator[tuple[str, str]]:
    """Every constant that reads like a path, as that path, with where it stands."""
    for place, source in enumerate(integration.data_sources.all()):
        if source.mapping is not None:
            for target, path in mapping.texts(source.mapping):
                yield _in_mapping(place, target), path


def _unredacted(integration: Integration, shape: Any) -> Iterator[dict[str, str]]:
    """Paths at which nothing is redacted, neither in the record nor in what is sent."""
    entity = integration.trigger_entity
    mappings = [each.mapping for each in integration.data_sources.all()]
    sent = [mapping.shape(each, shape) for each in mappings if each is not None]
    shapes, hints = [shape[entity], *sent, shape], MOST_HINTS
    for place, path in enumerate(integration.redact):
        if any(paths.fits(path, each) for each in shapes):
            continue
        hints -= len(shapes)
        near = (paths.nearest(path, each) for each in shapes if hints >= 0)
        meant = next(filter(None, near), None)
        hint = f" Did you mean `{meant}`?" if meant else ""
        text = (
            f"`{path}` is no field that we know of, neither of a {entity} nor of what is sent: "
            f"it hides what the answers have there, and nothing else.{hint}"
        )
        yield {"field": f"redact[{place}]", "code": "unknown_path", "message": text}


def _in_mapping(place: int, target: str) -> str:
    return Problem(target, "", "").under(f"dataSources[{place}].mapping").field


def _shape(field: Any) -> Any:
    if isinstance(field, ListSerializer):
        return [_shape(field.child)]
    if isinstance(field, WireSerializer):
        fields = field.fields.items()
        return {name: _shape(each) for name, each in fields if not isinstance(each, NonceField)}
    if isinstance(field, MeasureValue):
        return {"value": None, "unit": None}
    return {} if isinstance(field, DocumentValue) else None
