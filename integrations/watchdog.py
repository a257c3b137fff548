"""A worker that claims nothing though it could: it says so, and ends, to be started anew."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from math import inf

from django.db import Error, connections

from integrations import on_call
from integrations.models import IntegrationObject

log = logging.getLogger(__name__)

INTERVAL = 15.0  # seconds between two looks
OVERDUE = 120.0  # longer than the longest lease: whoever had these rows is not at work
SUBJECT = "a worker ends itself, because it claims nothing"
TEXT = (
    "The dispatcher of a worker claims nothing, though {} objects are overdue by more than {:.0f} "
    "s. The worker ends now, to be started anew by what runs it. Nothing is lost. If this comes "
    "again, look at the log of the worker, and at the database."
)
FORCED = 60.0  # after which a worker that does not end when it is asked to is ended


def end_this_process() -> None:
    """As an operator would: asked first, so that what is in flight is finished."""
    os.kill(os.getpid(), signal.SIGTERM)
    forced = threading.Timer(FORCED, os._exit, (1,))
    forced.daemon = True
    forced.start()


class Watchdog(threading.Thread):
    """Looks for rows that anybody could have claimed, of gates that nobody served, for long.

    What waits for a lane, a pause, a rate or a full gate can't be claimed and bites nobody. Nor
    does a crowd: a dispatcher that is not `idle` looks, and what it did not come to has its turn.
    """

    def __init__(
        self,
        *,
        interval: float = INTERVAL,
        overdue: float = OVERDUE,
        end: Callable[[], None] = end_this_process,
        idle: Callable[[], float] = lambda: inf,
    ) -> None:
        super().__init__(name="otms-watchdog", daemon=True)
        self._interval, self._overdue, self._end = interval, overdue, end
        self._idle = idle  # for how many seconds the dispatcher has not looked at the queue
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        while not self._stopped.wait(self._interval):
            # Seen twice: a machine that slept for an hour wakes up with everything overdue.
            if (
                self._look()
                and not self._stopped.wait(self._interval)
                and (waiting := self._look())
            ):
                log.critical(
                    "the dispatcher claims nothing though work is overdue; ending, to be started "
                    "anew",
                    extra={"overdue": waiting, "seconds": self._overdue},
                )
                on_call.tell("watchdog", SUBJECT, TEXT.format(waiting, self._overdue))
                self._end()
                return

    def _look(self) -> int:
        if self._idle() <= self._overdue:
            return 0
        try:
            return IntegrationObject.objects.all().overlooked(self._overdue)
        except Error as error:
            # Without a database nothing can be claimed; that is told by the dispatcher.
            log.debug("the queue can't be looked at", extra={"error": str(error)})
            return 0
        finally:
            connections.close_all()  # it looks seldom: no connection is held in between
