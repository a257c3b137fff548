"""Run as a process: a worker, or all in one, that has a fault at a named point.

    python -m tests.chaos.faulty <point> kill|stall <n> <seconds> worker -c 2 ...
    python -m tests.chaos.faulty <point> kill|stall <n> <seconds> standalone --port 8000

`kill`: it is killed when it comes there for the n-th time. `stall`: every n-th time it is held up
there for so many seconds.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "otms.settings")
django.setup()

from django.core.management import execute_from_command_line  # noqa: E402 - after the set-up

from integrations import http, pipeline  # noqa: E402
from integrations.models.queue import IntegrationObjectQuerySet  # noqa: E402
from otms.celery import app  # noqa: E402


class Fault:
    """What happens at the point, counted over all threads."""

    def __init__(self, act: str, n: int, seconds: float) -> None:
        self.act, self.n, self.seconds = act, n, seconds
        self.come = 0

    def here(self) -> None:
        self.come += 1
        if self.act == "kill" and self.come == self.n:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.act == "stall" and self.come % self.n == 0:
            time.sleep(self.seconds)


def around(
    owner: Any, name: str, *, before: Fault | None = None, after: Fault | None = None
) -> None:
    """Put the fault before or after a function that does something (that claims nothing: not)."""
    original: Callable[..., Any] = getattr(owner, name)

    @wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before:
            before.here()
        made = original(*args, **kwargs)
        if after and getattr(made, "objects", True):
            after.here()
        return made

    @wraps(original)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        if before:
            before.here()
        made = await original(*args, **kwargs)
        if after:
            after.here()
        return made

    setattr(owner, name, awaited if name == "send" else wrapped)


POINTS: dict[str, Callable[[Fault], None]] = {
    "claimed": lambda fault: around(IntegrationObjectQuerySet, "claim_due", after=fault),
    "mapping": lambda fault: around(pipeline, "prepare", before=fault),
    "before-call": lambda fault: around(http.Window, "send", before=fault),
    "after-call": lambda fault: around(http.Window, "send", after=fault),
    "before-finish": lambda fault: around(IntegrationObjectQuerySet, "finish", before=fault),
    "after-finish": lambda fault: around(IntegrationObjectQuerySet, "finish", after=fault),
}


if __name__ == "__main__":
    point, act, n, seconds, *words = sys.argv[1:]
    POINTS[point](Fault(act, int(n), float(seconds)))
    if words[0] == "worker":
        app.worker_main(words)
    else:
        execute_from_command_line(["manage.py", *words])
