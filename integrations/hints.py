"""Workers hear at once that something was queued, from the database that it is in.

PostgreSQL tells those who listen, when it is asked to (NOTIFY), and keeps nothing for those who do
not: a hint may vanish, for the queue is looked at anyway.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections

log = logging.getLogger(__name__)

CHANNEL = "otms_queue"
AGAIN_SECONDS = 1.0  # until a database that does not let one listen is asked again
DATABASE = "default"


def are_told() -> bool:
    """Does the database tell of what was queued?"""
    return settings.OTMS_NOTIFY and connections[DATABASE].vendor == "postgresql"


def tell() -> None:
    """Tell all that listen. Outside a transaction: one with NOTIFY in it makes others wait."""
    connection = connections[DATABASE]
    connection.close_if_unusable_or_obsolete()
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")


class Listener:
    """A connection of its own, on an event loop, that hears what is told."""

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._connection: psycopg.Connection[Any] | None = None
        self._fd = -1  # one that is lost does not know its own any more
        self._rests = False

    @property
    def is_deaf(self) -> bool:
        """Is there nobody to listen to though there could be?"""
        return self._connection is None and not self._rests and are_told()

    def connect(self) -> "psycopg.Connection[Any]":
        """In a thread that may wait."""
        options = connections[DATABASE].get_connection_params()
        connection = psycopg.connect(**options, autocommit=True)
        connection.execute(f"LISTEN {CHANNEL}")
        return connection

    def listen(self, connection: "psycopg.Connection[Any]") -> None:
        """On the event loop, from now on."""
        self._connection, self._fd = connection, connection.fileno()
        asyncio.get_running_loop().add_reader(self._fd, self._read)

    def rest(self) -> None:
        """It can't listen: for a moment it does not try, then whoever looks tries again."""
        self._rests = True
        asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._try_again)

    def _try_again(self) -> None:
        self._rests = False
        self._heard()

    def close(self) -> None:
        if self._connection:
            asyncio.get_running_loop().remove_reader(self._fd)
            self._connection.close()
            self._connection = None

    def _read(self) -> None:
        assert self._connection  # noqa: S101 - for the type checker: it is what was read from
        told = self._connection.pgconn
        try:
            told.consume_input()
        except psycopg.Error as error:
            log.warning(
                "the database tells nothing of new objects; the queue is looked at all the same",
                extra={"error": str(error).strip()},
            )
            self.close()
            self.rest()
            return
        while told.notifies():
            pass  # however many there are, one look is enough
        self._heard()
