"""What an owner asks for is a task: whoever goes on after a crash begins where that ended."""

import logging
import threading
from collections.abc import Iterable
from dataclasses import asdict

from django.db import InterfaceError, OperationalError, transaction

from integrations.models import (
    ErasureRequest,
    Task,
)
from integrations.models.task import OPEN as OPEN_TASK
from integrations.models.task import Kind, TaskStatus
from integrations.places import PLACES
from integrations.privacy import ACTION
from integrations.privacy.rows import Found, all_rows, portion, said
from integrations.privacy.texts import MOST, Erasure
from otms.accounts import audit
from otms.accounts.models import Platform
from otms.db.deadlock import again_after_deadlock
from otms.db.sealing import CannotOpen

log = logging.getLogger(__name__)
PORTIONS = 50  # that are gone through before another erasure has its turn
MOST_OPEN = 5  # erasures of a platform
_stopping = threading.Event()
_busy = threading.Lock()


class TooManyOpen(Exception):
    """Others are to be done first."""

    def __init__(self) -> None:
        super().__init__(
            f"{MOST_OPEN} erasures of this platform are not done yet. Wait until one is, or give "
            f"up to {MOST} texts at once."
        )


def start(platform: Platform, texts: Iterable[str], started_by: str) -> Task:
    """Keep the texts, sealed, for a worker that looks for them."""
    erasure = Erasure(texts)
    total = sum(all_rows(place, platform.pk).count() for place in PLACES)
    with transaction.atomic():
        open_ = Task.objects.of(platform).filter(kind=Kind.ERASE, status__in=OPEN_TASK)
        if open_.count() >= MOST_OPEN:
            raise TooManyOpen
        task = Task.objects.create(
            platform=platform, kind=Kind.ERASE, total=total, started_by=started_by[:200]
        )
        ErasureRequest.objects.create(
            platform=platform, task=task, secrets={"texts": erasure.texts}
        )
        audit.record(ACTION, platform, note=f"Asked for, as task {task.pk}.")
    return task


def work_off() -> None:
    """Carry out what was asked for, until nothing waits; one thread of a process is enough."""
    if not _busy.acquire(blocking=False):
        return
    try:
        while not _stopping.is_set() and (task := Task.objects.all().claim(Kind.ERASE)):
            _carry_on(task)
    finally:
        _busy.release()


def stop() -> None:
    """Finish the portion that was begun; another worker, or the next start, goes on behind it."""
    _stopping.set()


def _carry_on(task: Task) -> None:
    """Some portions; when there are none left, the task is done and the texts are forgotten."""
    for _ in range(PORTIONS):
        try:
            if not again_after_deadlock(lambda: _one_portion(task)):
                return
        except (OperationalError, InterfaceError):
            raise  # the database is away: the task waits
        except CannotOpen:
            _give_up(task, "The texts can't be read: the key that sealed them is gone. Ask anew.")
            return
        except Exception as error:  # noqa: BLE001 - it must not stay open with the texts for ever
            # What a database complains of may hold what it complains about: only its kind is said.
            kind = type(error).__name__
            log.error("an erasure failed", extra={"task": str(task.pk), "error": kind})
            _give_up(task, f"Stopped by a fault on our side, {kind}. What was erased stays erased.")
            return
        if _stopping.is_set():
            break
    task.let_go()


@transaction.atomic
def _one_portion(task: Task) -> bool:
    """The next few rows, and how far that is, in one transaction; False when nothing is left."""
    mine = ErasureRequest.objects.of(task.platform_id).filter(task=task)
    request = mine.select_for_update(no_key=True).first()
    if request is None:  # somebody else came to the end
        return False
    told = [Found(**each) for each in request.told] or [Found(PLACES[0].kind, PLACES[0].name)]
    place = next(each for each in PLACES if each.kind == told[-1].kind)
    erasure = Erasure(request.secrets["texts"])
    after = portion(erasure, task.platform_id, place, told[-1], request.after)
    looked = sum(each.looked for each in told)
    if after is None:
        following = PLACES[PLACES.index(place) + 1 :]
        if not following:
            _finish(task, request, told)
            return False
        told.append(Found(following[0].kind, following[0].name))
    request.told, request.after = [asdict(each) for each in told], after or ""
    request.save(update_fields=["told", "after", "updated_at"])
    return task.progress(looked, 0)


def _finish(task: Task, request: ErasureRequest, told: list[Found]) -> None:
    looked, note = sum(each.looked for each in told), said(told)
    if task.finish(looked, 0, note, total=looked):
        audit.record(ACTION, task.platform, note=f"{note} Task {task.pk}.")
    request.delete()


def _give_up(task: Task, message: str) -> None:
    with transaction.atomic():
        task.finish(task.done, 0, message, status=TaskStatus.FAILED)
        ErasureRequest.objects.of(task.platform_id).filter(task=task).delete()
