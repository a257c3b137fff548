"""Many new rows by one statement, for what is written all the time."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Any

import orjson
from django.db import connections, models
from django.db.models.functions import Now

from otms.db.fields import DocumentField
from otms.db.text import Asked, planned
from otms.documents import dumps

# What these hold, the database reads from JSON as it is.
PLAIN = frozenset(
    {
        models.BigIntegerField,
        models.BooleanField,
        models.CharField,
        models.DecimalField,
        models.ForeignKey,
        models.PositiveIntegerField,
        models.PositiveSmallIntegerField,
        models.TextField,
        models.UUIDField,
    }
)
NOW = "-infinity"  # a moment that nobody means: the database's own, when it carries this out


def insert(
    rows: Sequence[models.Model], using: str, *, ignore_conflicts: bool = False, keys: bool = False
) -> None:
    """Insert these rows of one model; with `keys` they learn those that the database gives.

    For PostgreSQL all of them are one JSON document: to quote each value by itself takes longer
    than all the rest.
    """
    if not rows:
        return
    if connections[using].vendor != "postgresql":
        _one_by_one(rows, using, ignore_conflicts)
        return
    beside = " ON CONFLICT DO NOTHING" if ignore_conflicts else " RETURNING id" if keys else ""
    with planned(using) as cursor:
        cursor.execute(_statement(type(rows[0]), using) + beside, [_document(rows, using)])
        if keys:
            for row, (id,) in zip(rows, cursor.fetchall(), strict=True):
                row.pk = id
    _are_stored(rows, using)


def inserting(
    rows: Sequence[models.Model], using: str, *, ignore_conflicts: bool = False
) -> list[Asked]:
    """The statement that inserts these rows of one model, to be asked together with others."""
    if not rows:
        return []
    model, connection = type(rows[0]), connections[using]
    beside = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    if connection.vendor == "postgresql":
        return [(_statement(model, using) + beside, [_document(rows, using)])]
    fields = _fields(model)
    names = ", ".join(f'"{field.column}"' for field in fields)
    one = f"({', '.join(['%s'] * len(fields))})"
    values = [
        field.get_db_prep_save(field.pre_save(row, add=True), connection)
        for row in rows
        for field in fields
    ]
    into = f'INSERT INTO "{model._meta.db_table}" ({names})'
    return [(f"{into} VALUES {', '.join([one] * len(rows))}{beside}", values)]


def insert_together(using: str, *batches: Sequence[models.Model]) -> None:
    """Insert rows of several models, each a batch, by one statement where that can be."""
    batches = tuple(batch for batch in batches if batch)
    if len(batches) < 2 or connections[using].vendor != "postgresql":
        for batch in batches:
            insert(batch, using)
        return
    *first, last = (_statement(type(batch[0]), using) for batch in batches)
    parts = ", ".join(f"part{place} AS ({each})" for place, each in enumerate(first))
    with planned(using) as cursor:
        documents = [_document(batch, using) for batch in batches]
        cursor.execute(f"WITH {parts} {last}", documents)
    for batch in batches:
        _are_stored(batch, using)


def _one_by_one(rows: Sequence[models.Model], using: str, ignore_conflicts: bool) -> None:
    everywhere = type(rows[0])._base_manager.using(using)
    everywhere.bulk_create(rows, ignore_conflicts=ignore_conflicts)


def _are_stored(rows: Sequence[models.Model], using: str) -> None:
    for row in rows:
        row._state.adding, row._state.db = False, using


def _document(rows: Sequence[models.Model], using: str) -> str:
    readers = _readers(type(rows[0]), using)
    values = [{column: read(row) for column, read in readers} for row in rows]
    return orjson.dumps(values, _spelled).decode()


def _spelled(value: Any) -> str:
    if isinstance(value, Now):
        return NOW
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a row.")


@cache
def _readers(model: type[models.Model], using: str) -> list[tuple[str, Callable[[Any], Any]]]:
    """How the value of each column is found in a row."""
    return [(field.column, _reader(field, using)) for field in _fields(model)]


def _reader(field: Any, using: str) -> Callable[[Any], Any]:
    name = field.attname
    if type(field) is DocumentField:

        def document(row: Any) -> str | None:
            value = getattr(row, name)
            return None if value is None else dumps(value).decode()

        return document
    if type(field) in PLAIN or (type(field) is models.DateTimeField and not _is_set(field)):
        return attrgetter(name)

    def saved(row: Any) -> Any:
        value = field.get_db_prep_save(field.pre_save(row, add=True), connections[using])
        # A text, as that of a sealed column is, may stand in a column of bytes.
        return value.obj.decode("ascii") if hasattr(value, "obj") else value

    return saved


def _is_set(field: Any) -> bool:
    """Is it the database's or Django's to say when?"""
    return field.auto_now or field.auto_now_add


def _fields(model: type[models.Model]) -> list[Any]:
    """Those that a row brings; not the key that the database gives it."""
    return [
        field
        for field in model._meta.concrete_fields
        if not isinstance(field, models.AutoField | models.BigAutoField)
    ]


@cache
def _statement(model: type[models.Model], using: str) -> str:
    fields = _fields(model)
    names = ", ".join(f'"{field.column}"' for field in fields)
    typed = ", ".join(f'"{field.column}" {field.db_type(connections[using])}' for field in fields)
    return (
        f'INSERT INTO "{model._meta.db_table}" ({names}) SELECT {", ".join(map(_given, fields))}'  # noqa: S608
        f" FROM json_to_recordset(%s::json) AS given({typed})"
    )


def _given(field: Any) -> str:
    column = f'"{field.column}"'
    if type(field) is not models.DateTimeField or _is_set(field):
        return column
    return f"CASE {column} WHEN '{NOW}' THEN statement_timestamp() ELSE {column} END"
