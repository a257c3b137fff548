"""Who waits to write has their turn, even beside somebody who writes without a pause."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.db.utils import ConnectionHandler

from otms import env
from otms.db.line import Line
from otms.db.sqlite3.base import DatabaseWrapper
from tests.queue.conftest import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

INSERT = "INSERT INTO held (name) VALUES (%s)"


class File:
    """A database in a file, with a connection for each thread."""

    def __init__(self, path: Path, **options: Any) -> None:
        database = env.database(f"sqlite://{path}")
        database["OPTIONS"] |= options
        self._connections = ConnectionHandler({"default": database})
        with self.connection.cursor() as cursor:
            cursor.execute("CREATE TABLE held (name TEXT)")

    @property
    def connection(self) -> DatabaseWrapper:
        connection: DatabaseWrapper = self._connections["default"]  # type: ignore[assignment]
        return connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        connection = self.connection
        connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
        try:
            yield
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        finally:
            connection.set_autocommit(True)

    def insert(self, name: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(INSERT, [name])

    def insert_all(self, names: list[str]) -> None:
        with self.connection.cursor() as cursor:
            cursor.executemany(INSERT, [[name] for name in names])

    def names(self) -> list[str]:
        with self.connection.cursor() as cursor:
            return [name for (name,) in cursor.execute("SELECT name FROM held ORDER BY rowid")]


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "held.sqlite3")


@pytest.fixture
def other() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def waiting(file: File) -> int:
    return len(file.connection._line._waiting)


@pytest.mark.parametrize("how", ["transaction", "insert", "insert_all"])
def test_who_waits_comes_before_who_writes_all_the_time(
    file: File, other: ThreadPoolExecutor, how: str
) -> None:
    def once() -> None:
        if how == "transaction":
            with file.transaction():
                file.insert("other")
        elif how == "insert":
            file.insert("other")
        else:
            file.insert_all(["other"])

    with file.transaction():
        file.insert("first")
        written = other.submit(once)
        wait_for(lambda: waiting(file) == 1)
    for place in range(200):
        with file.transaction():
            file.insert(str(place))
    written.result(10)
    assert file.names()[:3] == ["first", "other", "0"]


def test_in_the_order_they_came(file: File, other: ThreadPoolExecutor) -> None:
    written = []
    with file.transaction():
        for place in range(5):
            written.append(other.submit(file.insert, str(place)))
            wait_for(lambda place=place: waiting(file) == place + 1)
    for each in written:
        each.result(10)
    assert file.names() == ["0", "1", "2", "3", "4"]


def test_nobody_waits_longer_than_the_database_is_told_to(
    tmp_path: Path, other: ThreadPoolExecutor
) -> None:
    file = File(tmp_path / "held.sqlite3", timeout=0.1)
    with file.transaction():
        with pytest.raises(OperationalError, match="locked"):
            other.submit(file.insert, "other").result(10)
        assert waiting(file) == 0
    file.insert("afterwards")
    assert file.names() == ["afterwards"]


def test_who_does_not_wait_is_told_at_once(file: File, other: ThreadPoolExecutor) -> None:
    def insert() -> None:
        with file.connection.not_waiting():
            file.insert("other")

    with file.transaction(), pytest.raises(OperationalError, match="locked"):
        other.submit(insert).result(10)
    other.submit(insert).result(10)
    assert file.names() == ["other"]


def test_what_fails_lets_the_next_one_come(file: File, other: ThreadPoolExecutor) -> None:
    with pytest.raises(ZeroDivisionError), file.transaction():
        raise ZeroDivisionError
    with pytest.raises(OperationalError):
        file.connection.cursor().execute("INSERT INTO nowhere VALUES (1)")
    with file.transaction():
        file.connection.close()  # as when the connection broke
    other.submit(file.insert, "other").result(10)
    assert file.names() == ["other"]


def test_reading_waits_for_nobody(file: File, other: ThreadPoolExecutor) -> None:
    with file.transaction():
        file.insert("not yet")
        assert other.submit(file.names).result(10) == []


def test_a_wait_that_is_broken_off_loses_no_turn() -> None:
    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            raise KeyboardInterrupt

    line = Line()
    assert line.enter(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "Event", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            line.enter(10)
    line.leave()
    assert line.enter(0)
