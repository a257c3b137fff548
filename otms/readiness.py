"""Is this server ready: does the database answer, and is it what this version needs?

Whoever asks waits two seconds at most, and however many ask, one look at a time is made.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from copy import deepcopy
from functools import cache
from typing import NamedTuple

from django.conf import settings
from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from otms.api import intake
from otms.celery import app

PATIENCE = 2.0  # seconds that a caller waits
FRESH = 1.0  # seconds that what was seen is told again
ABANDONED = 10.0  # seconds after which a look that hangs is left alone, and another made
OK, AWAY = "ok", "away"
TABLE = MigrationRecorder.Migration._meta.db_table
SILENT = "The database does not answer."
OLD = "The database is not migrated to this version."


class Readiness(NamedTuple):
    """What is there. Without the broker we are ready all the same: a save does not need it."""

    database: str
    migrations: str
    broker: str
    # Whether more is taken in. What is not can be called all the same, by those who make room.
    intake: str = intake.OK

    @property
    def is_ready(self) -> bool:
        return self.database == self.migrations == OK

    @classmethod
    def now(cls) -> "Readiness":
        """As it is, or was a moment ago."""
        looks = [_database.look(), _broker.look()]
        end = time.monotonic() + PATIENCE
        database, broker = (look.seen(end) for look in looks)
        if database is None:
            return cls(SILENT, "not known", broker or AWAY, "not known")
        return cls(OK, database, broker or AWAY, intake.said())


class _Look:
    """A look that was begun at a moment; None is what it sees of what does not answer."""

    def __init__(self, see: Callable[[], str | None]) -> None:
        self.began = time.monotonic()
        self._future: Future[str | None] = Future()
        threading.Thread(target=self._run, args=[see], name="otms-readiness", daemon=True).start()

    @property
    def is_of_use(self) -> bool:
        return time.monotonic() - self.began < (FRESH if self._future.done() else ABANDONED)

    def seen(self, end: float) -> str | None:
        try:
            left = min(end, self.began + PATIENCE) - time.monotonic()
            return self._future.result(max(0.0, left))
        except TimeoutError:
            return None

    def _run(self, see: Callable[[], str | None]) -> None:
        try:
            self._future.set_result(see())
        except Exception:  # noqa: BLE001 - whatever it is, it is not there; who asks is told no more
            self._future.set_result(None)


class _Sight:
    """What is looked at by one thread at a time, for all who ask."""

    def __init__(self, see: Callable[[], str | None]) -> None:
        self._see = see
        self._lock = threading.Lock()
        self._look: _Look | None = None

    def look(self) -> _Look:
        with self._lock:
            if self._look is None or not self._look.is_of_use:
                self._look = _Look(self._see)
            return self._look

    def forget(self) -> None:
        self._look = None


def _see_database() -> str | None:
    """By a connection of its own, which nothing hanging holds up, and which is closed again."""
    connection = _connection()
    try:
        with connection.cursor() as cursor:
            there = TABLE in connection.introspection.table_names(cursor)
            if there:  # Django's own recorder would ask by a connection that is kept
                cursor.execute(f"SELECT app, name FROM {TABLE}")  # noqa: S608 - no word of others
            applied = {*cursor.fetchall()} if there else set()
    except Error:
        return None
    finally:
        connection.close()
    return OK if all(any(way <= applied for way in ways) for ways in _needed()) else OLD


def _connection() -> BaseDatabaseWrapper:
    made = connections.create_connection("default")
    made.settings_dict = deepcopy(made.settings_dict)
    if made.vendor == "postgresql":
        # Where the network swallows everything, the kernel gives the connection up.
        made.settings_dict["OPTIONS"] |= {"connect_timeout": 2, "tcp_user_timeout": 2000}
    return made


@cache
def _needed() -> list[list[set[tuple[str, str]]]]:
    """The last migrations of every app; the ways to have each: itself, or what it replaces."""
    loader = MigrationLoader(None)
    return [
        [{key}, *([{*replaced}] if (replaced := loader.graph.nodes[key].replaces) else [])]
        for key in loader.graph.leaf_nodes()
    ]


def _see_broker() -> str | None:
    if settings.CELERY_BROKER_URL.startswith("memory"):
        return OK
    with app.connection_for_write() as connection:
        connection.transport_options |= {"socket_connect_timeout": 1, "socket_timeout": 1}
        connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=1)
        connection.channel().close()  # with a PING
        return OK


_database, _broker = _Sight(_see_database), _Sight(_see_broker)
