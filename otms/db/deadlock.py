"""Two transactions that wait for each other: the database ends one of them, which begins anew."""

from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError, connection

T = TypeVar("T")

TRIES = 3
DEADLOCK = "40P01"  # PostgreSQL, appendix A of its manual: deadlock_detected


def again_after_deadlock(transaction: Callable[[], T]) -> T:
    """Carry out a whole transaction, a few times if need be; inside another one, once."""
    for attempt in range(1, TRIES + 1):
        try:
            return transaction()
        except OperationalError as error:
            if attempt == TRIES or not is_deadlock(error) or connection.in_atomic_block:
                raise
    raise AssertionError("unreachable")


def is_deadlock(error: Exception) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == DEADLOCK
