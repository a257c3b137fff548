"""Rows that are changed if they still are what they were thought to be, many by one statement."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import orjson
from django.db import connections, models

from otms.db.text import Asked, Text

Names = tuple[str, ...]


def swapping(
    model: type[models.Model], rows: Sequence[tuple[dict[str, Any], dict[str, Any]]], using: str
) -> list[Asked]:
    """The statements that change these rows, each where it still is what it was thought to be.

    Of each row what it has to be, its `id` and more, and what it will be. Rows of which the same is
    said are one statement; it selects the ids of those that were changed. They are locked in the
    order of their ids.
    """
    documents: dict[tuple[Names, Names], list[dict[str, Any]]] = {}
    for was, will in rows:
        row = {**_columns(model, was, using, "was "), **_columns(model, will, using)}
        documents.setdefault((tuple(was), tuple(will)), []).append(row)
    return [
        _swap(model, *names, using).asking(
            using, ids=[row["was id"] for row in some], document=orjson.dumps(some).decode()
        )
        for names, some in documents.items()
    ]


def _columns(
    model: type[models.Model], said: dict[str, Any], using: str, prefix: str = ""
) -> dict[str, Any]:
    """Values by their columns, as the database takes them."""
    fields = [(_field(model, name), value) for name, value in said.items()]
    return {
        prefix + field.column: field.get_db_prep_save(value, connections[using])
        for field, value in fields
    }


@cache
def _field(model: type[models.Model], name: str) -> Any:
    return model._meta.get_field(name)


@cache
def _swap(model: type[models.Model], was: Names, will: Names, using: str) -> Text:
    old, new = ([_field(model, name) for name in names] for names in (was, will))
    columns = {f"was {field.column}": field for field in old}
    given = _given(columns | {field.column: field for field in new}, using, "%(document)s")
    changes = ", ".join(f'"{field.column}" = given."{field.column}"' for field in new)
    kept = " AND ".join(f'held."{field.column}" = given."was {field.column}"' for field in old)
    table = model._meta.db_table
    locked = ", ".join(f'"{field.column}"' for field in old)
    return Text(
        f"""
UPDATE "{table}" SET {changes}
  FROM (SELECT {locked} FROM "{table}" WHERE "id" IN %(ids)s
         ORDER BY "id" FOR NO KEY UPDATE) AS held, {given}
 WHERE "{table}"."id" = held."id" AND {kept} RETURNING "{table}"."id"
"""  # noqa: S608
    )


def _given(columns: dict[str, Any], using: str, document: str) -> str:
    """The rows of a document as a table."""
    connection = connections[using]
    if connection.vendor == "postgresql":
        typed = ", ".join(f'"{name}" {each.db_type(connection)}' for name, each in columns.items())
        return f"json_to_recordset({document}::json) AS given({typed})"
    taken = ", ".join(f"""json_extract(value, '$."{name}"') AS "{name}\"""" for name in columns)
    return f"(SELECT {taken} FROM json_each({document})) AS given"  # noqa: S608
