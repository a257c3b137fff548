"""The one request parser: JSON with exact decimals and no duplicate keys."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from otms import documents


class DocumentParser(BaseParser):
    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            value = documents.loads(stream.read())
        except ValueError as error:
            raise ParseError(f"The body is not valid JSON: {error}") from None
        if not isinstance(value, dict):
            raise ParseError('The body must be a JSON object, such as {"name": "..."}.')
        return value
