"""What `/{offset}/{amount}` means: a zero-based row offset and how many rows, newest first."""

from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError

from otms import documents

MOST = 500
FARTHEST = 10**15 - 1
COUNTED = 100_000  # beyond this the total is the database's estimate


@dataclass(frozen=True)
class Page:
    offset: int
    amount: int

    @classmethod
    def of(cls, offset: str, amount: str) -> "Page":
        """The page that the path asks for; a 400 that names the wrong part."""
        errors = {}
        if not (offset.isascii() and offset.isdigit() and len(offset) <= len(str(FARTHEST))):
            errors["offset"] = "The offset is a row number, 0 or more."
        if not (
            amount.isascii() and amount.isdigit() and len(amount) <= 15 and 1 <= int(amount) <= MOST
        ):
            errors["amount"] = f"The amount is a number of rows, 1 to {MOST}."
        if errors:
            raise ValidationError(errors)
        return cls(int(offset), int(amount))

    def rows(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset[self.offset : self.offset + self.amount]


def total(queryset: QuerySet[Any]) -> dict[str, Any]:
    """`totalResults`, exact up to 100 000; above, the planner's estimate and `totalIsEstimate`."""
    queryset = queryset.order_by()
    counted = queryset[: COUNTED + 1].count()
    if counted <= COUNTED:
        return {"totalResults": counted}
    if connections[queryset.db].vendor != "postgresql":
        return {"totalResults": queryset.count()}
    expected = expected_rows(queryset.explain(format="json"))
    return {"totalResults": max(counted, expected), "totalIsEstimate": True}


def expected_rows(plan: str) -> int:
    """The number of rows that the planner expects (EXPLAIN's top node)."""
    parsed = documents.loads(plan)
    return int(parsed[0]["Plan"]["Plan Rows"])
