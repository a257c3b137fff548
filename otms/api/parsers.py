"""What callers send: JSON with exact decimals and no duplicate keys, and files as forms."""

from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

from django.http import HttpRequest
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser, MultiPartParser

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
        try:
            value = documents.loads(_body(stream), most=documents.MOST_VALUES)
        except documents.OutOfRange as error:
            raise ValidationError({error.path[:LONGEST_PATH]: str(error)}, "out_of_range") from None
        except ValueError as error:
            raise ParseError(str(error)) from None
        if not isinstance(value, dict):
            raise ParseError('The body must be a JSON object, such as {"name": "..."}.')
        return value


class FormParser(MultiPartParser):
    """A file with a few fields beside it; the limit of a body holds for the file too."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        parsed = super().parse(BytesIO(_body(stream)), media_type, parser_context)
        return {**parsed.data.dict(), **parsed.files.dict()}


def _body(stream: IO[Any]) -> bytes:
    # Only `body` looks at DATA_UPLOAD_MAX_MEMORY_SIZE; `read()` takes whatever comes.
    data: bytes = stream.body if isinstance(stream, HttpRequest) else stream.read()
    return data
