"""The envelope of every answer: `success` and `message` in front of what the view returned."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer

from otms import documents


class AlwaysJSON(BaseContentNegotiation):
    """There is one parser and one format; an Accept header changes nothing."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        given = (request.content_type or "").split(";")[0].strip().lower()
        for parser in parsers:
            if parser.media_type == given:
                return parser
        said = f"not {given[:80]!r}" if given else "it is missing"
        text = f'A body is read with the header "Content-Type: {parsers[0].media_type}"; {said}.'
        raise UnsupportedMediaType(given, text)

    def select_renderer(
        self, request: Any, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        return renderers[0], renderers[0].media_type


class EnvelopeRenderer(BaseRenderer):
    """`{"success": true, "message": "OK", "integration": {...}}`; errors have their own shape."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, media_type: str | None = None, context: Mapping[str, Any] | None = None
    ) -> bytes:
        if not (isinstance(data, dict) and "success" in data):
            data = {"success": True, "message": "OK", **(data or {})}
        return documents.dumps(data)
