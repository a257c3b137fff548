"""What a single value means: the number or the moment that a text stands for."""

import re
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import Any

LONGEST = 1_000
# Arithmetic that keeps every digit a document can hold: Python reads integers of 4,300.
EXACT = Context(prec=6_000)
_NUMBER = re.compile(r"\s*[-+]?[0-9]{1,400}(?:\.[0-9]{0,400})?\s*")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9:.,]+(?:[Zz]|[-+][0-9:]+)?)?")


def number(value: Any) -> Decimal | None:
    """Read a number or a numeric text; true and false are no numbers."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        read = Decimal(value)
    elif isinstance(value, float) or (isinstance(value, str) and _is_numeric(value)):
        read = Decimal(str(value).strip())
    else:
        return None
    return read if read.is_finite() else None


def _is_numeric(text: str) -> bool:
    return len(text) <= LONGEST and _NUMBER.fullmatch(text) is not None


def moment(value: Any) -> datetime | date | None:
    """Read an ISO date or time; a time without a zone is UTC."""
    if isinstance(value, str) and len(value) <= 40 and _DATE.fullmatch(value):
        try:
            value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return value if isinstance(value, date) else None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def day(moment: datetime | date) -> date:
    """Give the day of a moment, as it is in UTC."""
    return moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment
