"""Random ids, many of which are taken out of one piece that the system gave.

Asking the system lets another thread have Python's lock: in a busy process the way back takes a
thousand times as long as the asking.
"""

import os
import secrets
from collections import deque
from uuid import UUID

SIZE = 16  # bytes of an id
MANY = 64

_left: deque[bytes] = deque()
# Two processes must not have the same.
os.register_at_fork(after_in_child=_left.clear)


def random_id() -> UUID:
    """A random UUID (RFC 9562, version 4), as unlikely to be guessed as any other."""
    return UUID(bytes=_sixteen(), version=4)


def random_hex(size: int) -> str:
    """So many random bytes, 16 at most, in hexadecimal."""
    return _sixteen()[:size].hex()


def _sixteen() -> bytes:
    while True:
        try:
            return _left.pop()
        except IndexError:
            block = secrets.token_bytes(SIZE * MANY)
            _left.extend(block[at : at + SIZE] for at in range(0, len(block), SIZE))
