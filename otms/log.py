"""Log lines for people and for grep: time, level, what happened, then key=value."""

import logging
from datetime import UTC, datetime

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LineFormatter(logging.Formatter):
    """`2026-01-31T09:30:00.123Z INFO integrations.queue delivered object=... attempt=1`"""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        extra = "".join(
            f" {key}={value}" for key, value in vars(record).items() if key not in _STANDARD
        )
        # One line each, whatever a customer's text holds: nobody writes a log line but us.
        message = record.getMessage().replace("\n", "\\n").replace("\r", "\\r")
        extra = extra.replace("\n", "\\n").replace("\r", "\\r")
        line = f"{time.replace('+00:00', 'Z')} {record.levelname} {record.name} {message}{extra}"
        if not record.exc_info:
            return line
        # Indented, so that no text inside can pass for a line of the log.
        lines = self.formatException(record.exc_info).splitlines()
        return "\n".join([line, *(f"  {each}" for each in lines)])
