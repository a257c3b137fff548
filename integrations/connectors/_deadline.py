"""A total deadline for libraries that know a time limit for each read only."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def ended_at(deadline: float, fileno: int) -> Iterator[None]:
    """End the connection at the deadline, whatever is being waited for on it."""
    # A duplicate, because the number of a closed one may be another's by then.
    twin = socket.socket(fileno=os.dup(fileno))
    alarm = threading.Timer(max(deadline - time.monotonic(), 0), _shut, (twin,))
    alarm.daemon = True
    alarm.start()
    try:
        yield
    finally:
        alarm.cancel()
        alarm.join()
        twin.close()


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
