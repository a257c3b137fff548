"""This worker: the dispatcher that its process has, if it has one."""

import os
import threading
from math import inf

from integrations.dispatcher import STOP_SECONDS, Dispatcher

_current: Dispatcher | None = None
_pid = 0
_lock = threading.RLock()  # a signal may come to the thread that holds it


def poke() -> None:
    """Have this process's dispatcher look at the queue; the first poke starts it.

    One that was stopped stays so: a late hint must not lease what nobody will deliver.
    """
    global _current, _pid
    with _lock:
        if _current is None or _pid != os.getpid() or _current.is_dead:
            _current, _pid = Dispatcher(), os.getpid()
            _current.start()
    _current.poke()


def is_here() -> bool:
    """Has this process a dispatcher?"""
    return _current is not None and _pid == os.getpid()


def idle() -> float:
    """For how many seconds this process has not looked at the queue; infinite if it never did."""
    return _current.idle if _current and is_here() else inf


def stop(timeout: float = STOP_SECONDS) -> None:
    """Let the calls in flight finish, and give the other leases back."""
    if _current and is_here():
        _current.stop(timeout)
