"""What a transaction left behind, as it looks on the wire: read once, before COMMIT.

Whoever writes down changes has read each record that was touched, when it was final. Whoever
answers for one of them need not read it again.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

Records = dict[UUID, dict[str, Any]]

_asked: ContextVar[Records | None] = ContextVar("committed", default=None)


@contextmanager
def committed() -> Iterator[Records]:
    """Fills with the records that transactions inside of this commit; what is missing was not
    touched, or is not final yet."""
    records: Records = {}
    token = _asked.set(records)
    try:
        yield records
    finally:
        _asked.reset(token)


def tell(records: Mapping[UUID, dict[str, Any]]) -> None:
    """These are final; somebody may want to know."""
    asked = _asked.get()
    if asked is not None:
        asked.update(records)
