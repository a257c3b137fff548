"""The ledger by itself: after a full disk it claims again, whatever became of what waited."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError

from integrations import ledger
from integrations.ledger import Ledger
from integrations.models import Level


class Full(Exception):
    """As PostgreSQL says it."""

    sqlstate = "53100"


def outcome(pk: int, seconds: float) -> Any:
    due_at = datetime.now(UTC) + timedelta(seconds=seconds)
    obj = SimpleNamespace(pk=pk, due_at=due_at)
    return SimpleNamespace(object=obj, level=Level.INFO, reduced=lambda: None)


def full() -> OperationalError:
    made = OperationalError("could not extend file: No space left on device")
    made.__cause__ = Full()
    return made


@pytest.mark.parametrize(
    "then",
    [lambda: OperationalError("the connection is lost"), lambda: IntegrityError("refused")],
    ids=["the database is started anew", "the outcome is refused"],
)
def test_a_full_disk_is_over_when_nothing_waits_for_room_any_more(
    then: Callable[[], Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "BROKEN_SECONDS", 0.01)
    errors = [full(), then()]

    async def write(outcomes: list[Any]) -> list[Any]:
        raise errors.pop(0)

    async def once() -> Ledger:
        kept = Ledger(write, lambda _: None)
        kept.open = {1}
        kept.put(outcome(1, seconds=-1))
        keeping = asyncio.create_task(kept.keep())
        async with asyncio.timeout(5):
            while kept.open:
                await asyncio.sleep(0.01)
        keeping.cancel()
        return kept

    assert not asyncio.run(once()).is_stuck, "nobody would ever claim again"
