"""Run as a process: save an order, and be killed just before or just after its COMMIT."""

import os
import signal
import sys
from collections.abc import Callable
from functools import partial

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "otms.settings")
django.setup()

from django.db import connection  # noqa: E402 - after the set-up

from otms.accounts.models import Platform  # noqa: E402
from otms.orders.models import TransportOrder  # noqa: E402


def killed(when: str, commit: Callable[[], None]) -> None:
    """The driver's COMMIT, which this process does not outlive."""
    if when == "after":
        commit()
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    platform = Platform.objects.create(name="Acme")
    connection._commit = partial(killed, sys.argv[1], connection._commit)
    TransportOrder.objects.create(platform=platform, name="4711")
