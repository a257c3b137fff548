"""Many new rows by one statement, for what is written all the time."""

from collections.abc import Sequence
from functools import cache

import orjson
from django.db import connections, models


def insert(rows: Sequence[models.Model], using: str, *, ignore_conflicts: bool = False) -> None:
    """Insert these rows of one model; they don't learn their keys.

    For PostgreSQL all of them are one JSON document: to quote each value by itself takes longer
    than all the rest.
    """
    if not rows:
        return
    model, connection = type(rows[0]), connections[using]
    if connection.vendor != "postgresql":
        model._base_manager.using(using).bulk_create(rows, ignore_conflicts=ignore_conflicts)
        return
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    document = orjson.dumps(
        [
            {
                field.column: field.get_db_prep_save(field.pre_save(row, add=True), connection)
                for field in fields
            }
            for row in rows
        ]
    )
    statement = _statement(model, using)
    with connection.cursor() as cursor:
        cursor.execute(
            f"{statement} ON CONFLICT DO NOTHING" if ignore_conflicts else statement,
            [document.decode()],
        )


@cache
def _statement(model: type[models.Model], using: str) -> str:
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    names = ", ".join(f'"{field.column}"' for field in fields)
    typed = ", ".join(f'"{field.column}" {field.db_type(connections[using])}' for field in fields)
    return (
        f'INSERT INTO "{model._meta.db_table}" ({names})'  # noqa: S608
        f" SELECT {names} FROM json_to_recordset(%s::json) AS given({typed})"
    )
