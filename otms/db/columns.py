"""Columns of a model in a statement as text, and their values as a queryset has them.

For reads that are made with every call: Django builds such a SELECT anew each time, which costs
more than running it.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import Any, Generic, TypeVar

from django.db import connections, models
from django.db.models.base import ModelState

from otms.db.text import Text

M = TypeVar("M", bound=models.Model)
Convert = Callable[[Any, Any, Any], Any]


class Columns(Generic[M]):
    """Some columns of a model, or all."""

    def __init__(self, model: type[M], *names: str) -> None:
        meta = model._meta
        self.model = model
        self.table = meta.db_table
        self.fields: list[Any] = [*map(meta.get_field, names)] or list(meta.concrete_fields)
        self.names = [field.attname for field in self.fields]
        self.sql = ", ".join(f'"{self.table}"."{field.column}"' for field in self.fields)
        # Of a process there are few connections, and their names stay.
        self._converters = cache(self._converters_of)

    def where(self, rest: str) -> "Rows[M]":
        """The rows that this finds: what follows FROM and the table."""
        parts = {"columns": self.sql, "table": self.table, "rest": rest}
        return Rows(self, Text("SELECT [columns] FROM [table] [rest]", **parts))

    def values(self, using: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """What the driver gave, as Python knows it."""
        if not (converters := self._converters(using)):
            return row
        values, connection = list(row), connections[using]
        for place, expression, convert in converters:
            values[place] = convert(values[place], expression, connection)
        return tuple(values)

    def record(self, using: str, row: tuple[Any, ...]) -> M:
        """The record that this row is: as `from_db()` makes it, and nobody hears of its making."""
        record = self.model.__new__(self.model)
        record._state = ModelState()
        record._state.adding, record._state.db = False, using
        record.__dict__.update(zip(self.names, self.values(using, row), strict=True))
        return record

    def _converters_of(self, using: str) -> list[tuple[int, Any, Convert]]:
        connection: Any = connections[using]
        found = []
        for place, field in enumerate(self.fields):
            column = field.get_col(self.table)
            of_column = column.get_db_converters(connection)
            for convert in (*connection.ops.get_db_converters(column), *of_column):
                found.append((place, column, convert))
        return found


class Rows(Generic[M]):
    """What a statement selects of a model."""

    def __init__(self, columns: Columns[M], text: Text) -> None:
        self.columns, self.text = columns, text

    def __call__(self, using: str, **values: Any) -> list[tuple[Any, ...]]:
        found = self.text.rows(using, **values)
        return [self.columns.values(using, row) for row in found]

    def records(self, using: str, **values: Any) -> list[M]:
        """As records; a column that was not named is read when it is asked for."""
        return [self.columns.record(using, row) for row in self.text.rows(using, **values)]


class Joined:
    """Records of several models that one statement finds side by side, and a value `beside` them.

    That is an expression in SQL, whose value comes as the driver gives it.
    """

    def __init__(self, rest: str, *of: type[models.Model], beside: str = "") -> None:
        self.columns = [Columns(model) for model in of]
        columns = ", ".join([*(each.sql for each in self.columns), *([beside] if beside else [])])
        self.text = Text("SELECT [columns] [rest]", columns=columns, rest=rest)

    def records(self, using: str, **values: Any) -> list[tuple[Any, ...]]:
        return self.records_of(using, self.text.rows(using, **values))

    def records_of(self, using: str, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The records that such rows are."""
        return [tuple(self._split(using, iter(row))) for row in rows]

    def _split(self, using: str, row: Iterator[Any]) -> Iterator[Any]:
        for columns in self.columns:
            yield columns.record(using, tuple(islice(row, len(columns.names))))
        yield from row
