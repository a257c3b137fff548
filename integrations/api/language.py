"""The language of mappings and filters as JSON Schema: for everybody, as /api/schema is."""

from collections.abc import Callable, Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.core import schema
from otms import documents
from otms.api.limits import ByAddress


class Bare(BaseRenderer):
    """JSON without the envelope: it is read by programs that know no envelope."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, media_type: str | None = None, context: Mapping[str, Any] | None = None
    ) -> bytes:
        return documents.dumps(data)


class LanguageView(APIView):
    """One schema. It is no call of the API: nobody needs a permission to know how to write."""

    schema = None
    permission_classes: list[Any] = []
    authentication_classes: list[Any] = []
    throttle_classes = [ByAddress]
    renderer_classes = [Bare]
    http_method_names = ["get", "head"]
    made: Callable[[], dict[str, Any]]

    def get(self, request: Any) -> Response:
        return Response(type(self).made(), content_type="application/schema+json")


class MappingSchema(LanguageView):
    made = staticmethod(schema.of_mapping)


class FiltersSchema(LanguageView):
    made = staticmethod(schema.of_filters)
