"""Many rows: some in one transaction as long as all goes well, in the request or by a worker.

The rows are stored first, with the task that shows how far it is. What becomes of a row is written
in the transaction that brings it in, so whoever goes on after a crash begins with the first that
waits. When anything goes wrong in the database, the rows of that transaction are brought in again,
ever fewer at once, the one it is about at last by itself: it takes no other with it.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Any

from django.db import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.db.models import Count

from integrations import pressure
from integrations.core import mapping, origin
from integrations.core.errors import MappingError, Problem
from integrations.core.mapping import Mapping
from integrations.inbound.portion import receive, receive_all
from integrations.inbound.row import Checked, Checker, Received, Rejected, mapped
from integrations.models import ImportRow, Integration, Level, Log, Task
from integrations.models.imports import Outcome
from integrations.models.task import Kind, TaskStatus
from otms.db.deadlock import again_after_deadlock, is_deadlock

log = logging.getLogger(__name__)

AT_ONCE = 100  # rows that are brought in while the caller waits
PATIENCE = 10.0  # seconds that the caller waits; then a worker goes on
MOST = 10_000
CHUNK = 100  # rows that are read together
TOGETHER = 50  # rows that are brought in with one transaction, if nothing is wrong with them
GATHER_SECONDS = 0.5  # that they may take to be mapped
SLICE = 500  # rows before another import has its turn
TOLD_SECONDS = 1.0  # between two notes of progress
TRIES = 3
REST = 8.0  # seconds after a look that found no room; beat looks every ten
MADE = "transportOrder"  # of rows


class TooMuch(Exception):
    """So many rows, and no more of them, can be tried while the caller waits."""

    def __init__(self, rows: int) -> None:
        super().__init__(
            f"Only {rows} of these rows could be mapped within {PATIENCE:.0f} s: try fewer at "
            "once, or a mapping that looks at less."
        )


Totals = dict[str, int]
# What a row says, or what became of it because nothing can be made of it; and what reads one.
Ready = Checked | Received
Prepare = Callable[[Any], Checked]


@dataclass(frozen=True)
class Pending:
    """A row that waits, read before a transaction is open: that may take its time."""

    row: ImportRow
    ready: Ready


def start(integration: Integration, rows: list[Any], started_by: str) -> Task:
    """Store the rows; up to `AT_ONCE` are brought in before this returns."""
    at_once = len(rows) <= AT_ONCE
    with transaction.atomic():
        task = Task.objects.create(
            platform_id=integration.platform_id,
            integration=integration,
            kind=Kind.IMPORT,
            total=len(rows),
            started_by=started_by[:200],
            hops=origin.current().hops,
        )
        ImportRow.objects.bulk_create(
            (
                ImportRow(platform_id=task.platform_id, task=task, position=place, row=row)
                for place, row in enumerate(rows)
            ),
            batch_size=1000,
        )
        if at_once:
            task.begin()
    if at_once:
        _at_once(task)
    return task


def _at_once(task: Task) -> None:
    """Bring the rows in while the caller waits; what can't be now, a worker brings in later."""
    try:
        _carry_on(task, until=time.monotonic() + PATIENCE)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise  # nothing of it was stored
        # The task is stored: an error would have its caller send the rows a second time.
        log.warning("an import goes on in a worker", exc_info=True, extra={"task": str(task.pk)})
        task.let_go()


def dry_run(integration: Integration, rows: list[Any]) -> list[ImportRow]:
    """What would become of these rows; nothing of it is kept.

    TooMuch says that it would take too long.
    """
    prepare = _prepare(integration)
    end = time.monotonic() + PATIENCE
    ready = []
    for place, sent in enumerate(rows):
        if time.monotonic() > end:
            raise TooMuch(place)
        ready.append(_ready(prepare, sent, place))

    @transaction.atomic
    def tried() -> list[ImportRow]:
        made = [
            _filled(ImportRow(position=place), _told(integration, each, place))
            for place, each in enumerate(ready)
        ]
        transaction.set_rollback(True)
        return made

    with origin.caused_by(origin.imported(integration.pk, origin.current().hops)):
        # It holds what it looked at until the end, and may meet who brings the same in.
        made = again_after_deadlock(tried)
    for row in made:
        if row.outcome == Outcome.CREATED:
            row.record_id = None  # there is no such record
    return made


def totals(outcomes: list[str] | dict[str, int]) -> Totals:
    """How many rows there are and what became of them."""
    counts = outcomes
    if isinstance(counts, list):
        counts = {each: counts.count(each) for each in set(counts)}
    found = {each.value: counts.get(each.value, 0) for each in Outcome}
    return {"total": sum(counts.values()), **found, "waiting": counts.get("", 0)}


def totals_of(task: Task) -> Totals:
    """The same of a task."""
    counts = _rows(task).values("outcome").annotate(count=Count("id")).order_by()
    return totals({each["outcome"]: each["count"] for each in counts})


def problems_of(row: ImportRow) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Errors and warnings as they are shown: each field with the place of its row."""
    return [_placed(row, each) for each in row.errors], [
        _placed(row, each) for each in row.warnings
    ]


# In a worker.

_stopping = threading.Event()
_busy = threading.Lock()


def work_off() -> None:
    """Bring in what waits, until nothing does; one thread of a process is enough for it."""
    if not _busy.acquire(blocking=False):
        return
    try:
        while not _stopping.is_set() and (task := Task.objects.all().claim(Kind.IMPORT)):
            _carry_on(task, most=SLICE)
    finally:
        _busy.release()


def stop() -> None:
    """Finish what was begun; another worker, or the next start, goes on behind it."""
    _stopping.set()


def _carry_on(task: Task, most: int = MOST, until: float = inf) -> None:
    """Bring in rows that wait; when there are none left, the task is done."""
    if not _goes_on(task):
        return
    integration = _integration(task)
    prepare = _prepare(integration)
    told = time.monotonic()
    waiting, pending = _waiting(task, most), list[Pending]()
    size = TOGETHER  # halved when something goes wrong, until it is seen of which row
    with origin.caused_by(origin.imported(integration.pk, task.hops)):
        while _gather(pending, waiting, prepare, until):
            size = min(size, len(pending))
            if size == 1:
                _bring_in(integration, pending.pop(0))
            elif (left := _bring_in_together(integration, pending[:size])) is None:
                size //= 2
                continue
            else:
                pending[:size] = left
            size = min(2 * size, TOGETHER)
            if time.monotonic() - told > TOLD_SECONDS:
                told = time.monotonic()
                if not _goes_on(task):
                    return
            if _stopping.is_set() or time.monotonic() > until:
                break
    found = totals_of(task)
    if found["waiting"]:
        task.progress(found["total"] - found["waiting"], found["rejected"])
        task.let_go()
    else:
        _finish(task, found)


def _waiting(task: Task, most: int) -> Iterator[ImportRow]:
    last = -1
    while most > 0:
        waiting = _rows(task).filter(outcome="", position__gt=last).order_by("position")
        chunk = list(waiting[: min(CHUNK, most)])
        if not chunk:
            return
        yield from chunk
        most -= len(chunk)
        last = chunk[-1].position


def _gather(
    pending: list[Pending], waiting: Iterator[ImportRow], prepare: Prepare, until: float
) -> bool:
    """Read rows to be brought in together; False when there are none any more."""
    end = min(until, time.monotonic() + GATHER_SECONDS)
    while len(pending) < TOGETHER and (not pending or time.monotonic() < end):
        if (row := next(waiting, None)) is None:
            break
        pending.append(Pending(row, _ready(prepare, row.row, row.position)))
    return bool(pending)


def _bring_in_together(integration: Integration, pending: list[Pending]) -> list[Pending] | None:
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
            filled.append(_filled(each.row, made))
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


def _bring_in(integration: Integration, pending: Pending) -> None:
    """One row: the record and what became of it in one transaction."""
    row = pending.row

    @transaction.atomic
    def bring() -> None:
        if _held([row]):
            _write_all([_filled(row, _told(integration, pending.ready, row.position))])

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


def _told(integration: Integration, ready: Ready, place: int) -> Received:
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


def _prepare(integration: Integration) -> Prepare:
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


def _ready(prepare: Prepare, sent: Any, place: int) -> Ready:
    """The row, mapped and checked; what is wrong with it is told of it."""
    try:
        return prepare(sent)
    except Rejected as error:
        return error.received
    except Exception:  # noqa: BLE001 - it is logged, and the row says so
        return _failed(place)


def _filled(row: ImportRow, made: Received) -> ImportRow:
    row.row = None
    row.outcome = made.outcome
    row.record_id = made.record_id
    row.external_id = made.external_id
    row.errors = [[each.field, each.code, each.message] for each in made.problems]
    row.warnings = [[each.field, each.code, each.message] for each in made.warnings]
    return row


FILLED = ("row", "outcome", "record_id", "external_id", "errors", "warnings")


def _write(row: ImportRow, made: Received) -> None:
    filled = _filled(row, made)
    mine = ImportRow.objects.of(row.platform_id).filter(pk=row.pk, outcome="")
    mine.update(**{name: getattr(filled, name) for name in FILLED})


def _write_all(filled: list[ImportRow]) -> None:
    """The same of rows that are held, and so are there: an INSERT that finds each changes it."""
    ImportRow.objects.bulk_create(
        filled, update_conflicts=True, unique_fields=["id"], update_fields=FILLED
    )


def _goes_on(task: Task) -> bool:
    """Tell how far it is; False when nothing more is to be done, or not now."""
    integration, found = _integration(task), totals_of(task)
    done, rejected = found["total"] - found["waiting"], found["rejected"]
    if integration.deleted_at is not None:
        text = "Stopped: the integration was deleted."
        task.finish(done, rejected, text, status=TaskStatus.STOPPED)
        return False
    going = task.progress(done, rejected)
    if not integration.enabled:
        task.let_go("Waits: the integration is switched off.")
        return False
    if why := pressure.why_waiting(task.platform_id, MADE):
        task.let_go(why, seconds=REST)
        return False
    return going


def _integration(task: Task) -> Integration:
    return Integration.objects.of(task.platform_id).get(tasks=task)


def _finish(task: Task, found: Totals) -> None:
    counted = ", ".join(f"{found[each]} {each}" for each in Outcome)
    text = f"{found['total']} {'row' if found['total'] == 1 else 'rows'} read: {counted}."
    with transaction.atomic():
        if task.finish(found["total"], found["rejected"], text):
            Log.objects.create(
                platform_id=task.platform_id,
                integration=_integration(task),
                level=Level.WARNING if found["rejected"] else Level.INFO,
                code="import_done",
                message=text,
                data={"taskId": str(task.pk), "totals": found},
            )


def _rows(task: Task) -> Any:
    return ImportRow.objects.of(task.platform_id).filter(task=task)


def _placed(row: ImportRow, told: list[str]) -> dict[str, str]:
    field, code, message = told
    placed = Problem(field, code, message).under(f"data[{row.position}]")
    return {"field": placed.field, "code": code, "message": message}
