"""A mapped document as the text of a file, to look at before anything is written."""

import csv
import io
from typing import Any

from otms import documents

FORMATS = ("json", "csv")
# Objects that have no names in common make a table that is their number squared.
MOST_CELLS = 1_000_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def written(value: Any, format: str) -> str:
    """The file's text; ValueError when the value has no form in this format."""
    return documents.pretty(value) if format == "json" else _table(value)


def _table(value: Any) -> str:
    rows = value if isinstance(value, list) else [value]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError("A table is written from one object, or from a list of objects.")
    header = list(dict.fromkeys(name for row in rows for name in row))
    if len(rows) * len(header) > MOST_CELLS:
        raise ValueError(
            f"The table would have {len(rows)} rows and {len(header)} columns; "
            f"at most {MOST_CELLS} cells can be shown."
        )
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(map(_cell, header))
    for number, row in enumerate(rows, 1):
        nested = next((name for name, each in row.items() if isinstance(each, dict | list)), None)
        if nested is not None:
            raise ValueError(
                f"Row {number}: `{nested}` is an object or a list; a cell has one value."
            )
        writer.writerow([_cell(row.get(name)) for name in header])
    return out.getvalue()


def _cell(value: Any) -> str:
    """A spreadsheet must not take a customer's text for a formula."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return documents.dumps(value).decode()
