"""The clock that all processes share: the database's."""

from datetime import UTC, datetime
from typing import Any

from django.db import connections


def moment_of(value: Any) -> datetime:
    """What the database says of `statement_timestamp()`; SQLite says it as it stores it."""
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


def database_now(using: str) -> datetime:
    """The clock that all workers share."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]
