"""Statements as text, where building them costs more than running them.

One text for both databases, written for PostgreSQL. For SQLite what it says otherwise is put in its
place: `IN %(ids)s` takes a list, there are no locks (one writer at a time), GREATEST is max, and
`statement_timestamp()` is the time of this process.
"""

import json
import re
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import connections

LIST = re.compile(r"IN %\((\w+)\)s")
LOCK = re.compile(r"FOR (?:NO KEY UPDATE|UPDATE|SHARE)(?: OF \w+)?(?: SKIP LOCKED)?")


# A statement with its values, as the driver takes them.
Asked = tuple[str, Any]


class Text:
    """A statement with named parameters: numbers, texts, moments, UUIDs and lists of them.

    What stands in it in brackets, as `[open]`, is a part that other statements have too.
    """

    def __init__(self, sql: str, **parts: str) -> None:
        for name, part in parts.items():
            sql = sql.replace(f"[{name}]", part.strip())
        self.sql = sql.strip()

    def rows(self, using: str, **values: Any) -> list[tuple[Any, ...]]:
        """Run it; what it selects, as the driver gives it: of SQLite, UUIDs are texts."""
        with planned(using) as cursor:
            cursor.execute(*self.asking(using, **values))
            return list(cursor.fetchall())

    def run(self, using: str, **values: Any) -> int:
        """Run it; how many rows it changed."""
        with planned(using) as cursor:
            cursor.execute(*self.asking(using, **values))
            return int(cursor.rowcount)

    def asking(self, using: str, **values: Any) -> Asked:
        """The statement with these values, to be asked together with others."""
        if connections[using].vendor == "postgresql":
            return self._postgresql, values
        operations = connections[using].ops
        values = {**values, "statement_timestamp": datetime.now(UTC)}
        return self._sqlite, {name: _plain(value, operations) for name, value in values.items()}

    @cached_property
    def _postgresql(self) -> str:
        return LIST.sub(r"= ANY(%(\1)s)", self.sql)

    @cached_property
    def _sqlite(self) -> str:
        listed = LIST.sub(r"IN (SELECT value FROM json_each(%(\1)s))", self.sql)
        unlocked = LOCK.sub("", listed).replace("GREATEST(", "max(")
        return unlocked.replace("statement_timestamp()", "%(statement_timestamp)s")


def planned(using: str) -> Any:
    """A cursor for a statement that is always the same, up to its values."""
    connection: Any = connections[using]
    return connection.planned_cursor() if connection.vendor == "postgresql" else connection.cursor()


def together(using: str, *asked: Asked) -> list[list[tuple[Any, ...]]]:
    """Run these one after the other, each seeing what those before it did; what each selects.

    PostgreSQL is sent all of them at once: the way there and back costs more than most of them.
    """
    if not asked:
        return []
    found: list[list[tuple[Any, ...]]] = []
    with connections[using].cursor() as cursor:
        if connections[using].vendor != "postgresql":
            for sql, values in asked:
                cursor.execute(sql, values)
                found.append(list(cursor.fetchall()))
            return found
        cursor.execute(";\n".join(cursor.mogrify(sql, values) for sql, values in asked))
        while True:
            found.append(list(cursor.fetchall()) if cursor.description else [])
            if not cursor.nextset():
                return found


def _plain(value: Any, operations: Any) -> Any:
    """A value as Django stores it in SQLite."""
    if isinstance(value, list):
        return json.dumps([_plain(each, operations) for each in value])
    if isinstance(value, datetime):
        return operations.adapt_datetimefield_value(value)
    return value.hex if isinstance(value, UUID) else value
