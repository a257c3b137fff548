"""What there is to make an integration of: entities, operators, connectors, formats.

Each part is read from where it is said: fields from the serializers, operators from their tables,
settings from the connectors. It is the same for everybody, so it is made once in a process.
"""

from functools import cache
from typing import Any

from rest_framework.response import Response

from integrations import connectors, entities
from integrations.api import shapes
from integrations.api.catalogue_serializers import CatalogueSerializer
from integrations.api.files import MIME_TYPES
from integrations.core import detection, filters, preview, schema
from integrations.core.comparisons import OPERATORS as COMPARISONS
from integrations.core.operators import OPERATORS
from integrations.models.integration import ACTIONS
from otms.api.field_schema import described, flat
from otms.api.router import route
from otms.api.views import RoutedViewSet

# What is said of a field, beside its path, its type and whether it may be null.
ASIDE = ("format", "enum", "maxLength", "minimum", "readOnly", "description")


class CatalogueViewSet(RoutedViewSet):
    """What there is: the same on every platform."""

    group = "Integration"

    @route(
        "GET",
        "integration/catalogue",
        "get:integration:catalogue",
        answers={"catalogue": CatalogueSerializer},
    )
    def retrieve(self, request: Any) -> Response:
        """What there is to make an integration of, with an example of each."""
        return Response({"catalogue": catalogue()})


@cache
def catalogue() -> dict[str, Any]:
    """All of it; nothing in it is a platform's own."""
    return {
        "entities": [_entity(key) for key in entities.known()],
        "operators": {
            "mapping": [_mapping_operator(name) for name in OPERATORS],
            "filters": [_filter_operator(name) for name in COMPARISONS],
        },
        "connectors": [_connector(key) for key in connectors.known()],
        "formats": [_format(key) for key in detection.FORMATS],
        "schemas": {"mapping": "/api/schema/mapping", "filters": "/api/schema/filters"},
    }


def _entity(key: str) -> dict[str, Any]:
    serializer = shapes.serializer_of(key)
    whole = described(serializer) if serializer else {}
    return {
        "key": key,
        "label": str(entities.load(key).label),
        "actions": list(ACTIONS),
        "fields": [_field(path, each) for path, each in flat(whole, f"$.{key}")],
        "example": shapes.example(key),
    }


def _field(path: str, said: dict[str, Any]) -> dict[str, Any]:
    kinds = said.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return {
        "path": path,
        "type": next((kind for kind in kinds if kind != "null"), "any"),
        "nullable": not kinds or "null" in kinds,
        **{name: said[name] for name in ASIDE if name in said},
    }


def _mapping_operator(name: str) -> dict[str, Any]:
    operator = OPERATORS[name]
    return {
        "name": name,
        "kind": "source" if operator.source else "conversion",
        "companions": list(operator.companions),
        "required": list(operator.needs),
        "description": schema.told(operator.build),
        "example": operator.example,
    }


def _filter_operator(name: str) -> dict[str, Any]:
    operator = COMPARISONS[name]
    takes = filters.VALUES.get(operator.takes)
    return {
        "name": name,
        "takes": takes or "nothing",
        "value": schema.VALUES[operator.takes] if takes else None,
        "description": operator.told,
    }


def _connector(key: str) -> dict[str, Any]:
    connector = connectors.load(key)
    settings = described(connector.Settings())
    return {
        "key": key,
        "label": connector.label,
        "settings": {"$schema": schema.DIALECT, "title": connector.label, **settings},
    }


def _format(key: str) -> dict[str, Any]:
    return {
        "key": key,
        "mimeType": MIME_TYPES.get(key),
        "written": key in preview.FORMATS,
    }


viewsets = [CatalogueViewSet]
