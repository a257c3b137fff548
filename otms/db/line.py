"""First come, first served: threads that want to write, one after the other."""

import threading
from collections import deque


class Line:
    """A lock that is handed to whoever waited longest.

    SQLite lets those who wait for its write lock look again now and then; between them, somebody
    who writes without a pause always comes first, and they could wait for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._taken = False

    def enter(self, seconds: float) -> bool:
        """Wait for the turn, so long at most; whether it came."""
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            if seconds <= 0:
                return False
            turn = threading.Event()
            self._waiting.append(turn)
        came = False
        try:
            came = turn.wait(seconds)
        finally:
            if not came:  # in time, or because a signal ended the wait
                came = self._gave_up(turn)
        return came

    def leave(self) -> None:
        """Let the next one have its turn."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False

    def _gave_up(self, turn: threading.Event) -> bool:
        """Step out of the line; whether the turn came in this very moment."""
        with self._lock:
            if not turn.is_set():
                self._waiting.remove(turn)
            return turn.is_set()
