"""Log lines: for people and for grep (`line`), or an object of JSON each (`json`).

Both say what a line is about: the request that it was written during, the object on its way.
"""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from django.http import HttpRequest

FORMATS = ("line", "json")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

# What ends a line, commands a terminal, reverses what is read, or can't be encoded.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# What makes a bare value read as the end of it, or as a further field.
_QUOTED = re.compile(r"[\s=\"']")

_around: ContextVar[dict[str, Any] | None] = ContextVar("around", default=None)


@contextmanager
def about(**fields: Any) -> Iterator[None]:
    """Whoever writes a line in here, it has these fields too."""
    token = _around.set((_around.get() or {}) | fields)
    try:
        yield
    finally:
        _around.reset(token)


class AboutFilter(logging.Filter):
    """Gives each line the fields that it is about; what the line itself says stands."""

    def filter(self, record: logging.LogRecord) -> bool:
        # Django tells of refusals and faults when the middleware is left already.
        request_id = getattr(getattr(record, "request", None), "id", None)
        fields = {"request_id": request_id} if request_id else {}
        for name, value in ((_around.get() or {}) | fields).items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return True


def _time(record: logging.LogRecord) -> str:
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return time.replace("+00:00", "Z")


def _extra(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    """What stands beside the message."""
    for key, value in vars(record).items():
        if key not in _STANDARD:
            # Of a request that Django logs not the query: a token may stand in it.
            shown = isinstance(value, HttpRequest)
            yield key, f"{value.method} {value.path}" if shown else value


class LineFormatter(logging.Formatter):
    """`2026-01-31T09:30:00.123Z INFO integrations.queue delivered object=... attempt=1`"""

    def format(self, record: logging.LogRecord) -> str:
        extra = "".join(f" {key}={_one_field(value)}" for key, value in _extra(record))
        # One line each, whatever a customer's text holds: nobody writes a log line but us.
        text = _written_out(f"{record.levelname} {record.name} {record.getMessage()}{extra}")
        line = f"{_time(record)} {text}"
        if not record.exc_info:
            return line
        # Indented, so that no text inside can pass for a line of the log.
        lines = self.formatException(record.exc_info).splitlines()
        return "\n".join([line, *(f"  {_written_out(each)}" for each in lines)])


class JsonFormatter(logging.Formatter):
    """`{"time": "2026-01-31T09:30:00.123Z", "level": "INFO", "logger": ..., "message": ..., ...}`

    One line each: whatever is not ASCII is written as an escape.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for key, value in _extra(record):
            line[f"{key}_" if key in line else key] = _plain(value)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _plain(value: Any) -> Any:
    """The value as JSON has it, or as text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return str(value)


def _one_field(value: Any) -> str:
    """The value, in quotes when a part of it could pass for a field of its own."""
    text = str(value)
    if not _QUOTED.search(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _written_out(text: str) -> str:
    r"""Show what nobody sees: ESC as `\x1b`, the end of a line as `\n`."""
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


def configuration(format: str, level: str) -> dict[str, Any]:
    """What `logging` is told: our lines for all, from this level on."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {"()": "otms.log.LineFormatter"},
            "json": {"()": "otms.log.JsonFormatter"},
        },
        "filters": {"about": {"()": "otms.log.AboutFilter"}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": format,
                "filters": ["about"],
            }
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": []},  # not Django's own, which mails error pages to ADMINS
            "django.server": {"handlers": [], "propagate": True},
            "celery": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            "urllib3": {
                "level": "INFO"
            },  # below it, it logs paths and queries, which may be secrets
            "django_celery_beat": {"level": "WARNING"},
            "waitress": {"level": "WARNING"},
        },
    }
