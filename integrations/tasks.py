"""Hints to look at the queue, which the database or Celery carries.

Any of them may vanish or repeat without harm.
"""

import atexit
import logging
import os
import threading
from typing import Any

from celery import shared_task
from celery.signals import celeryd_after_setup, worker_shutdown, worker_shutting_down
from django.conf import settings
from django.db import connections

from integrations import hints, pressure, replay, retention, worker
from integrations.alerts import sending
from integrations.inbound import imports
from integrations.models.task import Kind
from integrations.privacy import work
from integrations.watchdog import Watchdog
from otms.db import rotation

log = logging.getLogger(__name__)

# Between two hints of one process: a thousand saves are not a thousand messages.
COALESCE_SECONDS = 0.01


@shared_task
def process_queue() -> None:
    """Every ten seconds, and after a commit: this worker's dispatcher looks at the queue."""
    worker.poke()


@shared_task
def carry_out_imports() -> None:
    """Every ten seconds, and after one was started: rows that wait are brought in."""
    imports.work_off()


@shared_task
def carry_out_erasures() -> None:
    """Every ten seconds, and after one was asked for: a person's data is erased."""
    work.work_off()


@shared_task
def send_alerts() -> None:
    """Every ten seconds, and after one was written down: who is to be told is told."""
    sending.poke()


@shared_task
def carry_out_replays() -> None:
    """Every ten seconds, and after one was asked for: objects are made anew."""
    replay.work_off(wake)


@shared_task
def measure_pressure() -> None:
    """Every ten seconds: is there room for more? A disk that turns full is made room on at once."""
    if pressure.measure():
        wake(forget_history)


@shared_task
def forget_history() -> None:
    """Every ten minutes: what is older than it is to be kept."""
    retention.work_off()


def wake(hint: Any = process_queue) -> None:
    """Tell a worker that there is something to do; returns at once whatever the broker does."""
    if settings.OTMS_WAKE_UPS:
        _Waker.of_this_process().wake(hint)


def wake_imports() -> None:
    """Tell a worker that there are rows to bring in."""
    wake(carry_out_imports)


def wake_erasures() -> None:
    """Tell a worker that there is something to erase."""
    wake(carry_out_erasures)


def wake_alerts() -> None:
    """Tell a worker that there is somebody to tell."""
    wake(send_alerts)


def wake_replays() -> None:
    """Tell a worker that there are objects to make anew."""
    wake(carry_out_replays)


# What is told when a task of this kind may go on.
WAKE = {Kind.IMPORT: wake_imports, Kind.REPLAY: wake_replays, Kind.ERASE: wake_erasures}


class _Waker(threading.Thread):
    """Sends the hints, so that a save never waits for a broker that is slow, hanging or gone."""

    _current: "_Waker | None" = None
    _lock = threading.Lock()

    def __init__(self) -> None:
        super().__init__(name="otms-waker", daemon=True)
        self.pid = os.getpid()
        self._wanted = threading.Event()
        self._hints: set[Any] = set()
        self._stopped = False
        self._reachable = True

    @classmethod
    def of_this_process(cls) -> "_Waker":
        with cls._lock:
            # A forked web worker has its parent's object, but not its thread.
            if cls._current is None or cls._current.pid != os.getpid():
                cls._current = cls()
                cls._current.start()
                atexit.register(cls._current.finish)
            return cls._current

    def wake(self, hint: Any) -> None:
        self._hints.add(hint)
        self._wanted.set()

    def finish(self) -> None:
        """Let a short-lived process (a shell, a command) send its last hint."""
        self._stopped = True
        self._wanted.set()
        self.join(timeout=1)

    def run(self) -> None:
        while not self._stopped:
            self._wanted.wait()
            self._wanted.clear()
            while self._hints:
                self._send(self._hints.pop())
            threading.Event().wait(COALESCE_SECONDS)
        connections.close_all()

    def _send(self, hint: Any) -> None:
        try:
            if hint is not process_queue:
                hint.apply_async(expires=10, retry=False)
            elif hints.are_told():
                hints.tell()
            elif worker.is_here():
                worker.poke()
            else:
                process_queue.apply_async(expires=10, retry=False)
        except Exception as error:  # noqa: BLE001 - whatever a broker can do, the row waits safely
            if self._reachable:
                log.warning(
                    "workers can't be told; they find the queue by themselves within 10 s",
                    extra={"error": str(error)},
                )
            self._reachable = False
        else:
            self._reachable = True


@celeryd_after_setup.connect
def _start(**_: object) -> None:
    """Before the broker is looked for: a worker that starts without it delivers all the same."""
    worker.poke()
    Watchdog(idle=worker.idle).start()
    rotation.warn_of_lost()


@worker_shutting_down.connect
def _claim_no_more(**_: object) -> None:
    """In a signal handler, so nothing is waited for here."""
    imports.stop()
    work.stop()
    sending.stop()
    replay.stop()
    worker.stop(timeout=0)


@worker_shutdown.connect
def _finish(**_: object) -> None:
    worker.stop()
    sending.finish()
