"""A cap on what a peer may say, for libraries that read whatever comes."""

import os
import socket
import struct
import sys
import threading
from contextlib import suppress
from types import TracebackType

# libpq reads on as long as something comes, without asking anybody: somebody else has to look.
INTERVAL = 0.01
BYTES_RECEIVED = struct.Struct("128xQ")  # where Linux has it in its tcp_info


class Meter:
    """Watch a connection, and shut it once more than so many bytes came on it.

    A fast peer may get a little further than the cap, by what comes within the interval.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.exceeded = False
        self._sock: socket.socket | None = None
        self._lock = threading.Lock()
        self._left = threading.Event()
        self._watching = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Meter":
        self._watching.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._left.set()
        self._watching.join()
        self._turn_to(None)

    def look(self, fileno: int) -> bool:
        """Watch this one from now on; whether it is still within the cap."""
        # A duplicate, because the number of a closed one may be another's by then.
        self._turn_to(socket.socket(fileno=os.dup(fileno)))
        self._read()
        return not self.exceeded

    def _watch(self) -> None:
        while not self._left.wait(INTERVAL):
            self._read()

    def _read(self) -> None:
        with self._lock:
            if self._sock and received(self._sock) > self.most:
                self.exceeded = True
                with suppress(OSError):
                    self._sock.shutdown(socket.SHUT_RDWR)

    def _turn_to(self, sock: socket.socket | None) -> None:
        with self._lock:
            if self._sock:
                self._sock.close()
            self._sock = sock


def received(sock: socket.socket) -> int:
    """The bytes that came on this connection; 0 where the system does not count them."""
    if sys.platform != "linux":
        return 0
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, BYTES_RECEIVED.size)
    return int(BYTES_RECEIVED.unpack(info)[0]) if len(info) == BYTES_RECEIVED.size else 0
