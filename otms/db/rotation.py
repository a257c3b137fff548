"""Every sealed value goes over to the first of OTMS_ENCRYPTION_KEYS, while everything runs.

A few rows at a time, in short transactions. A row that somebody else holds is left for the next
round, so that nobody waits for us who has what we wait for. No signal is sent, no version counted
and no `updated_at` moved: nothing happened to the record.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import Error, connection, transaction
from django.db.models import ExpressionWrapper, F, Value

from otms.db.fields import SealedMixin
from otms.db.sealing import CannotOpen, is_current

log = logging.getLogger(__name__)

BATCH = 100
LOOKED_AT = 5  # rows of a column, at a start
ROUNDS = 20  # then rows that somebody always holds are reported instead
PAUSE = 0.5  # seconds


@dataclass
class Count:
    """What one column holds."""

    column: str
    sealed: int = 0
    older: int = 0  # of these, under an older key, or bound to no place
    unreadable: list[str] = field(default_factory=list)  # of these, under no key that is known


def sealed_fields() -> list[SealedMixin]:
    """Every sealed column there is, whatever its model."""
    return [
        each
        for model in apps.get_models()
        for each in model._meta.local_fields
        if isinstance(each, SealedMixin)
    ]


def counted(of: SealedMixin) -> Count:
    """Look at all of a column, and change nothing."""
    count = Count(f"{of.model._meta.label}.{of.name}")
    for rows in _batches(of):
        count.sealed += len(rows)
        for pk, raw in rows:
            if not is_current(raw):
                count.older += 1
                try:
                    of.resealed(raw, pk)
                except CannotOpen as error:
                    count.unreadable.append(str(error))
    return count


def lost() -> Iterator[str]:
    """Which columns have rows that no key opens, told from the first few rows of each.

    A server with a wrong key has it for all of them: looking at a few is cheap enough for each
    start. Tables that are not there yet have none.
    """
    for of in sealed_fields():
        try:
            with transaction.atomic():
                some = list(_rows(of).order_by("pk")[:LOOKED_AT])
        except Error:  # the database is away, or has no tables yet
            continue
        for pk, raw in some:
            try:
                if raw:
                    of.resealed(_plain(raw), pk)
            except CannotOpen as error:
                yield str(error)
                break


def warn_of_lost() -> None:
    """Say in the log of a process that starts what its keys can't open."""
    for text in lost():
        log.warning("%s Deliveries that need such secrets wait for the right key.", text)
    connection.close()


def rotate(of: SealedMixin, *, forget: bool = False) -> Iterator[int]:
    """Seal with the first key what is under an older one; gives how many after each batch.

    It may be stopped at any moment: the next run goes on from there. What can't be read stays as it
    is, or is emptied if it is to be forgotten.
    """
    for _ in range(ROUNDS):
        held = 0
        for rows in _batches(of):
            older = [pk for pk, raw in rows if not is_current(raw)]
            if not older:
                continue
            with transaction.atomic():
                found = _rows(of).filter(pk__in=older).order_by("pk")
                locked = list(found.select_for_update(skip_locked=True, no_key=True))
                changed = sum(_resealed(of, pk, _plain(raw), forget=forget) for pk, raw in locked)
            held += len(older) - len(locked)
            yield changed
        if not held:
            return
        time.sleep(PAUSE)


def _resealed(of: SealedMixin, pk: Any, raw: Any, *, forget: bool) -> bool:
    """Seal one value anew, in a row that is locked; False if there is nothing to do."""
    if is_current(raw):  # somebody saved it since it was looked at
        return False
    try:
        new = of.resealed(raw, pk)
    except CannotOpen:
        if not forget:
            return False
        new = type(raw)()
    rows = of.model._base_manager.filter(pk=pk)
    return bool(rows.update(**{of.attname: Value(new, output_field=of.raw)}))


def _rows(of: SealedMixin) -> Any:
    stored = ExpressionWrapper(F(of.attname), output_field=of.raw)
    return of.model._base_manager.annotate(as_stored=stored).values_list("pk", "as_stored")


def _batches(of: SealedMixin) -> Iterator[list[tuple[Any, Any]]]:
    """All that is stored, by primary key, a few rows at a time."""
    rows, last = _rows(of).order_by("pk"), None
    while some := list((rows if last is None else rows.filter(pk__gt=last))[:BATCH]):
        last = some[-1][0]
        yield [(pk, _plain(raw)) for pk, raw in some if raw]


def _plain(raw: Any) -> Any:
    return raw if isinstance(raw, str) else bytes(raw)
