"""Log lines for people and for grep: time, level, what happened, then key=value."""

import logging
import re
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

# What ends a line, commands a terminal, reverses what is read, or can't be encoded.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# What makes a bare value read as the end of it, or as a further field.
_QUOTED = re.compile(r"[\s=\"']")


class LineFormatter(logging.Formatter):
    """`2026-01-31T09:30:00.123Z INFO integrations.queue delivered object=... attempt=1`"""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        extra = "".join(
            f" {key}={_one_field(value)}"
            for key, value in vars(record).items()
            if key not in _STANDARD
        )
        # One line each, whatever a customer's text holds: nobody writes a log line but us.
        text = _written_out(f"{record.levelname} {record.name} {record.getMessage()}{extra}")
        line = f"{time.replace('+00:00', 'Z')} {text}"
        if not record.exc_info:
            return line
        # Indented, so that no text inside can pass for a line of the log.
        lines = self.formatException(record.exc_info).splitlines()
        return "\n".join([line, *(f"  {_written_out(each)}" for each in lines)])


def _one_field(value: Any) -> str:
    """The value, in quotes when a part of it could pass for a field of its own."""
    # Of a request that Django logs not the query: a token may stand in it.
    text = f"{value.method} {value.path}" if isinstance(value, HttpRequest) else str(value)
    if not _QUOTED.search(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _written_out(text: str) -> str:
    r"""Show what nobody sees: ESC as `\x1b`, the end of a line as `\n`."""
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)
