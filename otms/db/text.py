"""Statements as text, where building them costs more than running them.

One text for both databases, written for PostgreSQL. For SQLite what it says otherwise is put in its
place: `IN %(ids)s` takes a list, there are no locks (one writer at a time), GREATEST is max, and
`statement_timestamp()` is the time of this process.
"""

import json
import re
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any, TypeVar
from uuid import UUID

from django.db import connections, models
from django.db.models.sql import Query

M = TypeVar("M", bound=models.Model)

LIST = re.compile(r"IN %\((\w+)\)s")
LOCK = re.compile(r"FOR (?:NO KEY )?UPDATE(?: OF \w+)?(?: SKIP LOCKED)?")


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
        with connections[using].cursor() as cursor:
            cursor.execute(*self._for(using, values))
            return list(cursor.fetchall())

    def records(self, model: type[M], using: str, **values: Any) -> list[M]:
        """Run it; what it selects as records, with further columns as attributes."""
        with connections[using].cursor() as cursor:
            cursor.execute(*self._for(using, values))
            if not (rows := cursor.fetchall()):
                return []
            names = tuple(each[0] for each in cursor.description)
        return _Reader.of(model, using, names).records(rows)

    def run(self, using: str, **values: Any) -> int:
        """Run it; how many rows it changed."""
        with connections[using].cursor() as cursor:
            cursor.execute(*self._for(using, values))
            return int(cursor.rowcount)

    def _for(self, using: str, values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
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


class _Reader:
    """Makes records of rows that have these columns; what it takes is looked up once."""

    def __init__(self, model: type[models.Model], using: str, names: tuple[str, ...]) -> None:
        fields = {field.column: field for field in model._meta.concrete_fields}
        self._model, self._using = model, using
        read = [field for column, field in fields.items() if column in names]
        self._places = [names.index(field.column) for field in read]
        self._names = [field.attname for field in read]
        self._further = [(at, name) for at, name in enumerate(names) if name not in fields]
        table = model._meta.db_table
        columns = [fields[name].get_col(table) if name in fields else None for name in names]
        self._compiler = Query(model).get_compiler(using)
        self._converters = self._compiler.get_converters(columns)

    @classmethod
    @cache
    def of(cls, model: type[models.Model], using: str, names: tuple[str, ...]) -> "_Reader":
        return cls(model, using, names)

    def records(self, rows: list[tuple[Any, ...]]) -> list[Any]:
        if self._converters:
            rows = list(self._compiler.apply_converters(rows, self._converters))
        made = []
        for row in rows:
            record = self._model.from_db(
                self._using, self._names, [row[place] for place in self._places]
            )
            for place, name in self._further:
                setattr(record, name, row[place])
            made.append(record)
        return made


def _plain(value: Any, operations: Any) -> Any:
    """A value as Django stores it in SQLite."""
    if isinstance(value, list):
        return json.dumps([_plain(each, operations) for each in value])
    if isinstance(value, datetime):
        return operations.adapt_datetimefield_value(value)
    return value.hex if isinstance(value, UUID) else value
