"""Many rows: some in one transaction as long as all goes well, in the request or by a worker.

The rows are stored first, with the task that shows how far it is; whoever goes on after a crash
begins with the first that waits. When anything goes wrong in the database, the rows of that
transaction are brought in again, ever fewer at once, the one it is about at last by itself: it
takes no other with it.
"""

import logging
import threading
import time
from collections.abc import Iterator
from math import inf
from typing import Any

from django.db import (
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.db.models import Count

from integrations import pressure
from integrations.core import origin
from integrations.core.errors import Problem
from integrations.inbound import stored
from integrations.models import ImportRow, Integration, Level, Log, Task
from integrations.models.imports import Outcome
from integrations.models.task import Kind, TaskStatus
from otms.db.deadlock import again_after_deadlock

log = logging.getLogger(__name__)

AT_ONCE = 100  # rows that are brought in while the caller waits
PATIENCE = 10.0  # seconds that the caller waits; then a worker goes on
MOST = 10_000
CHUNK = 100  # rows that are read together
TOGETHER = 50  # rows that are brought in with one transaction, if nothing is wrong with them
GATHER_SECONDS = 0.5  # that they may take to be mapped
SLICE = 500  # rows before another import has its turn
TOLD_SECONDS = 1.0  # between two notes of progress
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
    prepare = stored.prepared_by(integration)
    end = time.monotonic() + PATIENCE
    ready = []
    for place, sent in enumerate(rows):
        if time.monotonic() > end:
            raise TooMuch(place)
        ready.append(stored.ready(prepare, sent, place))

    @transaction.atomic
    def tried() -> list[ImportRow]:
        made = [
            stored.fill(ImportRow(position=place), stored.told(integration, each, place))
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
    prepare = stored.prepared_by(integration)
    told = time.monotonic()
    waiting, pending = _waiting(task, most), list[stored.Pending]()
    size = TOGETHER  # halved when something goes wrong, until it is seen of which row
    with origin.caused_by(origin.imported(integration.pk, task.hops)):
        while _gather(pending, waiting, prepare, until):
            size = min(size, len(pending))
            if size == 1:
                stored.bring_in(integration, pending.pop(0))
            elif (left := stored.bring_in_together(integration, pending[:size])) is None:
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
    pending: list[stored.Pending],
    waiting: Iterator[ImportRow],
    prepare: stored.Prepare,
    until: float,
) -> bool:
    """Read rows to be brought in together; False when there are none any more."""
    end = min(until, time.monotonic() + GATHER_SECONDS)
    while len(pending) < TOGETHER and (not pending or time.monotonic() < end):
        if (row := next(waiting, None)) is None:
            break
        pending.append(stored.Pending(row, stored.ready(prepare, row.row, row.position)))
    return bool(pending)


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
