"""The one request parser: JSON with exact decimals and no duplicate keys."""

from collections.abc import Mapping
from typing import IO, Any

from django.http import HttpRequest
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser

from otms import documents

LONGEST_PATH = 200


class DocumentParser(BaseParser):
    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        # Only `body` looks at DATA_UPLOAD_MAX_MEMORY_SIZE; `read()` takes whatever comes.
        data = stream.body if isinstance(stream, HttpRequest) else stream.read()
        try:
            value = documents.loads(data)
        except documents.OutOfRange as error:
            raise ValidationError({error.path[:LONGEST_PATH]: str(error)}, "out_of_range") from None
        except ValueError as error:
            raise ParseError(str(error)) from None
        if not isinstance(value, dict):
            raise ParseError('The body must be a JSON object, such as {"name": "..."}.')
        return value
