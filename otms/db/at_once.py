"""Writing what is nice to know: it waits for nobody, and nobody fails because of it."""

import logging
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.db import DatabaseError, connections, models, transaction

log = logging.getLogger(__name__)


def update_at_once(rows: models.QuerySet[Any], **fields: Any) -> bool:
    """Update these rows, unless somebody else has them at this moment; were any written?"""
    try:
        with _not_waiting(rows.db), transaction.atomic(using=rows.db):
            if connections[rows.db].features.has_select_for_update_skip_locked:
                free = rows.select_for_update(skip_locked=True, no_key=True)
                # Those that were looked at as they were, not as somebody makes them meanwhile.
                rows = rows.filter(pk__in=list(free.values_list("pk", flat=True)))
            return rows.update(**fields) > 0
    except DatabaseError as error:
        log.debug("not written: %s", error)
        return False


def _not_waiting(using: str) -> AbstractContextManager[None]:
    """SQLite waits for who else writes, for as long as it is told to."""
    connection = connections[using]
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return nullcontext()
    waiting: AbstractContextManager[None] = connection.not_waiting()  # type: ignore[attr-defined]
    return waiting
