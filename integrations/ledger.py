"""Outcomes on their way to the database: written down in bulk, whatever happens to it meanwhile."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from django.db import DataError, Error, IntegrityError

from integrations import on_call
from integrations.models import Level, Outcome
from otms.db.full import is_full

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.02
FLUSH_ROWS = 100
BROKEN_SECONDS = 1.0  # until the database is tried again
FULL = "the disk of the database is full"

_LEVELS = {
    Level.DEBUG: logging.DEBUG,
    Level.INFO: logging.INFO,
    Level.WARNING: logging.WARNING,
    Level.ERROR: logging.ERROR,
}


class Ledger:
    """What was claimed is `open` till its outcome is in the database.

    `write` writes outcomes down and says which of them stand; `closed` is told of those that are
    open no more.
    """

    def __init__(
        self,
        write: Callable[[list[Outcome]], Awaitable[list[Outcome]]],
        closed: Callable[[list[Outcome]], None],
    ) -> None:
        self.open: set[int] = set()
        self.is_stuck = False  # are there outcomes that wait for room on the disk?
        self.is_stopping = False
        self._write, self._closed = write, closed
        self._outcomes: list[Outcome] = []
        self._come = asyncio.Event()
        self._is_full = False  # is the disk of the database, as far as it was said?

    def put(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._come.set()

    async def keep(self) -> None:
        """Write down what comes, a moment's at once; it has no end."""
        while True:
            await self._come.wait()
            if len(self._outcomes) < min(FLUSH_ROWS, len(self.open)):
                await asyncio.sleep(FLUSH_SECONDS)
            self._come.clear()
            outcomes, self._outcomes = self._outcomes, []
            while outcomes:
                batch, outcomes = outcomes[:FLUSH_ROWS], outcomes[FLUSH_ROWS:]
                await self._write_down(batch)
                self.open -= {outcome.object.pk for outcome in batch}
                self._closed(batch)

    async def _write_down(self, batch: list[Outcome]) -> None:
        """A database that is away is waited for, what it refuses is left out.

        What stays unwritten is found again when its lease is over.
        """
        while batch:
            try:
                standing = await self._write(batch)
            except Exception as error:  # noqa: BLE001 - one must not keep the others waiting
                # Whatever comes of what waits: when it is no longer for room, more is claimed.
                self.is_stuck = is_full(error)
                if self.is_stuck:
                    await self.wait_for_room(error)
                    if self.is_stopping and _is_over(batch):
                        return
                    continue
                report("outcomes can't be written", error)
                if _is_away(error):
                    await asyncio.sleep(BROKEN_SECONDS)
                    if _is_over(batch):
                        return
                elif len(batch) > 1:
                    for outcome in batch:
                        await self._write_down([outcome])
                    return
                else:
                    less = batch[0].reduced()
                    batch = [less] if less else []
            else:
                self.is_stuck = False
                self.there_is_room()
                for outcome in standing:
                    _tell(outcome)
                return

    async def wait_for_room(self, error: Exception | None = None) -> None:
        """The disk of the database is full: it is said once, and no attempt is spent on it.

        Without room nobody can claim what was sent either: it is not sent again when its lease is
        over, but written down when there is room.
        """
        if error and not self._is_full:
            self._is_full = True
            report(f"{FULL}: deliveries wait until there is room", error)
            text = f"Deliveries stand still until there is room. The database says: {error}"
            loop = asyncio.get_running_loop()
            loop.run_in_executor(None, on_call.tell, "disk-full", FULL, text)
        await asyncio.sleep(BROKEN_SECONDS)

    def there_is_room(self) -> None:
        if self._is_full:
            self._is_full = False
            log.info("there is room on the disk of the database again: deliveries go on")


def report(what: str, error: Exception) -> None:
    """In one line if it comes from the database, in full if it is a fault of ours."""
    trace = None if isinstance(error, Error) else error
    log.error(what, extra={"error": str(error).strip()}, exc_info=trace)


def _is_away(error: Exception) -> bool:
    """Is it the database that can't work now, or what it was given that it refuses?"""
    return isinstance(error, Error) and not isinstance(error, (DataError, IntegrityError))


def _is_over(batch: list[Outcome]) -> bool:
    """Are their leases over, so that others find them?"""
    ends = [each.object.due_at.timestamp() for each in batch if each.object.due_at]
    return time.time() > max(ends)


def _tell(outcome: Outcome) -> None:
    """One line for each transition, for support to read."""
    obj = outcome.object
    log.log(
        _LEVELS[outcome.level],
        outcome.message,
        extra={
            "code": outcome.code,
            "object": obj.uuid,
            "change": obj.change_id,
            "integration": obj.integration_id,
            "reference": obj.reference if obj.told_as is None else obj.told_as,
            "attempt": obj.attempts,
        },
    )
