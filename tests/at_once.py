"""The same call, made many times at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connections

PATIENCE = 60  # seconds


def at_once(count: int, call: Callable[[], Any]) -> list[Any]:
    """What each was answered, each on connections of its own; what one of them raises is raised."""
    ready = Barrier(count)

    def run() -> Any:
        try:
            ready.wait(PATIENCE)
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as threads:
        return [each.result(PATIENCE) for each in [threads.submit(run) for _ in range(count)]]
