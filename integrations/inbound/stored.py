"""Stored rows are brought in: together as long as nothing is wrong, else each by itself.

What becomes of a row is written in the transaction that brings it in.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)

from integrations.core import mapping
from integrations.core.errors import MappingError, Problem
from integrations.core.mapping import Mapping
from integrations.inbound.portion import receive, receive_all
from integrations.inbound.row import Checked, Checker, Received, Rejected, mapped
from integrations.models import ImportRow, Integration
from integrations.models.imports import Outcome
from otms.db.deadlock import again_after_deadlock, is_deadlock

log = logging.getLogger(__name__)

TRIES = 3
FILLED = ("row", "outcome", "record_id", "external_id", "errors", "warnings")
# What a row says, or what became of it because nothing can be made of it; and what reads one.
Ready = Checked | Received
Prepare = Callable[[Any], Checked]


@dataclass(frozen=True)
class Pending:
    """A row that waits, read before a transaction is open: that may take its time."""

    row: ImportRow
    ready: Ready


def prepared_by(integration: Integration) -> Prepare:
    """What maps and checks a row as this integration wants it."""
    compiled: Mapping | None = None
    if integration.inbound is not None:
        try:
            compiled = mapping.compile(integration.inbound)
        except MappingError as error:  # though it was checked when it was saved
            text = f"The inbound mapping can't be used as it is stored: {error}"
            broken = Rejected([Problem("", "broken_mapping", text)])
            return lambda sent: _refused(broken)
    checker = Checker()
    return lambda sent: checker.check(mapped(compiled, sent))


def _refused(error: Rejected) -> Checked:
    raise error


def ready(prepare: Prepare, sent: Any, place: int) -> Ready:
    """The row, mapped and checked; what is wrong with it is told of it."""
    try:
        return prepare(sent)
    except Rejected as error:
        return error.received
    except Exception:  # noqa: BLE001 - it is logged, and the row says so
        return _failed(place)


def bring_in_together(integration: Integration, pending: list[Pending]) -> list[Pending] | None:
    """The first of these rows, the records and what became of them in one transaction.

    Those that are left are for the next one. None, when anything goes wrong: of which row, and what
    it is told, is seen when it is alone.
    """

    @transaction.atomic
    def bring() -> list[Pending]:
        held = _held([each.row for each in pending])
        mine = [each for each in pending if each.row.pk in held]  # nobody else was at them
        checked = [each.ready for each in mine if isinstance(each.ready, Checked)]
        received = iter(receive_all(integration, checked) if checked else ())
        filled = []
        for each in mine:
            made = each.ready if isinstance(each.ready, Received) else next(received, None)
            if made is None:
                break
            filled.append(fill(each.row, made))
        _write_all(filled)
        return mine[len(filled) :]

    try:
        return bring()
    except (OperationalError, InterfaceError) as error:
        if connection.in_atomic_block or not is_deadlock(error):
            raise  # the database is away: the rows wait
    except Exception:  # it is told and logged where the row is alone
        log.debug("these rows don't come in together", exc_info=True)
    return None


def bring_in(integration: Integration, pending: Pending) -> None:
    """One row: the record and what became of it in one transaction."""
    row = pending.row

    @transaction.atomic
    def bring() -> None:
        if _held([row]):
            _write_all([fill(row, told(integration, pending.ready, row.position))])

    try:
        again_after_deadlock(bring)
    except (OperationalError, InterfaceError):
        raise  # the database is away: the row waits
    except Exception:  # noqa: BLE001 - it is logged, and the row says so
        # At the commit, or an answer of ours that can't be written down. It must not stop the rest.
        _write(row, _failed(row.position))


def _held(rows: list[ImportRow]) -> set[int]:
    """Those that still wait. Locked, so that whoever else came to them waits and then sees."""
    mine = ImportRow.objects.of(rows[0].platform_id).filter(
        pk__in=[row.pk for row in rows], outcome=""
    )
    locked = mine.select_for_update(no_key=True).order_by("position")
    return set(locked.values_list("pk", flat=True))


def told(integration: Integration, ready: Ready, place: int) -> Received:
    """What became of it; when it is rejected, nothing of it is left."""
    if isinstance(ready, Received):
        return ready
    for attempt in range(1, TRIES + 1):
        try:
            with transaction.atomic():
                return receive(integration, ready)
        except Rejected as error:
            return error.received
        except IntegrityError:
            # Somebody else was just as fast. What they saved is found the second time.
            if attempt == TRIES:
                return _failed(place)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # noqa: BLE001 - the same
            return _failed(place)
    raise AssertionError("unreachable")


def _failed(place: int) -> Received:
    log.exception("a row of an import failed", extra={"row": place})
    text = "Something went wrong on our side with this row; it is in the log of the server."
    return Received(Outcome.REJECTED, problems=[Problem("", "failed", text)])


def fill(row: ImportRow, made: Received) -> ImportRow:
    row.row = None
    row.outcome = made.outcome
    row.record_id = made.record_id
    row.external_id = made.external_id
    row.errors = [[each.field, each.code, each.message] for each in made.problems]
    row.warnings = [[each.field, each.code, each.message] for each in made.warnings]
    return row


def _write(row: ImportRow, made: Received) -> None:
    filled = fill(row, made)
    mine = ImportRow.objects.of(row.platform_id).filter(pk=row.pk, outcome="")
    mine.update(**{name: getattr(filled, name) for name in FILLED})


def _write_all(filled: list[ImportRow]) -> None:
    """The same of rows that are held, and so are there: an INSERT that finds each changes it."""
    ImportRow.objects.bulk_create(
        filled, update_conflicts=True, unique_fields=["id"], update_fields=FILLED
    )
