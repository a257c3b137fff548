"""Is the web server, the worker or beat of this machine at work?"""

import json
import socket
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error
from django.db.models import Max
from django.utils.timezone import now
from django_celery_beat.models import PeriodicTask
from kombu.exceptions import OperationalError

from otms.celery import app

ANSWER_SECONDS = 5
BEAT_SECONDS = 60
MOST_SAID = 10_000
CHECKS = ("database", "migrations")


class Command(BaseCommand):
    """For the health checks of containers: exit code 0, or 1 and a sentence about what is wrong.

    The worker is asked through the broker, and beat is known by what it wrote down.
    """

    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("process", choices=["web", "worker", "beat"])
        parser.add_argument("--port", type=int, default=8000, help="where the web server listens")
        parser.add_argument("--within", type=float, default=BEAT_SECONDS, metavar="SECONDS")

    def handle(self, *args: Any, process: str, port: int, within: float, **options: Any) -> None:
        if process == "web":
            _ask_web(port)
        elif process == "worker":
            _ask_worker(f"celery@{socket.gethostname()}")
        else:
            _look_at_beat(timedelta(seconds=within))
        print("healthy")


def _ask_web(port: int) -> None:
    """By a name that the server answers to; it is on this machine, whatever the name is."""
    host = next((name for name in settings.ALLOWED_HOSTS if name != "*"), "localhost")
    connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz", headers={"Host": host.removeprefix(".")})
        answer = connection.getresponse()
        status, said = answer.status, answer.read(MOST_SAID)
    except (OSError, HTTPException) as error:
        raise CommandError(f"Nothing answers on port {port}: {error}") from None
    finally:
        connection.close()
    if status != 200:
        raise CommandError(f"The web server answers with {status}. {_told(said)}".strip())


def _told(said: bytes) -> str:
    """What is not as it should be, of what /readyz says."""
    with suppress(ValueError, AttributeError):
        found = json.loads(said)
        return " ".join(found[name] for name in CHECKS if found.get(name, "ok") != "ok")
    return ""


def _ask_worker(name: str) -> None:
    try:
        answer = app.control.inspect(destination=[name], timeout=ANSWER_SECONDS, limit=1).ping()
    except (OperationalError, OSError) as error:
        raise CommandError(f"The broker can't be reached: {error}") from None
    if not answer:
        raise CommandError(f"The worker {name} does not answer.")


def _look_at_beat(within: timedelta) -> None:
    tasks = PeriodicTask.objects.filter(enabled=True)
    try:
        newest = tasks.aggregate(newest=Max("last_run_at"))["newest"]
    except Error as error:
        raise CommandError(f"The database can't be read: {error}") from None
    if newest is None or newest < now() - within:
        raise CommandError(f"Beat has sent nothing for {within.total_seconds():.0f} seconds.")
