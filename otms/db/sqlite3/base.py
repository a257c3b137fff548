"""Django's SQLite engine with the hook before COMMIT, and with a line for those who write."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base

from otms.db.before_commit import BeforeCommit
from otms.db.line import Line

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


class DatabaseWrapper(BeforeCommit, base.DatabaseWrapper):
    """Threads of one process take turns; between processes SQLite decides who is next."""

    _lines: defaultdict[str, Line] = defaultdict(Line)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_line = False
        self._patience = float(self.settings_dict["OPTIONS"].get("timeout", 5))  # seconds

    @contextmanager
    def not_waiting(self) -> Iterator[None]:
        """In here, what somebody else holds is "database is locked" at once."""
        usual = self._patience
        with self.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 0")
            self._patience = 0.0
            try:
                yield
            finally:
                self._patience = usual
                cursor.execute(f"PRAGMA busy_timeout = {int(usual * 1000)}")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One statement that commits by itself."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    @property
    def _line(self) -> Line:
        return self._lines[str(self.settings_dict["NAME"])]

    def _enter(self) -> None:
        if not self._line.enter(self._patience):
            raise OperationalError("database is locked")
        self._in_line = True

    def _leave(self) -> None:
        if self._in_line:
            self._in_line = False
            self._line.leave()

    def create_cursor(self, name: Any = None) -> "Cursor":
        cursor: Cursor = self.connection.cursor(factory=Cursor)
        cursor.wrapper = self
        return cursor

    def _start_transaction_under_autocommit(self) -> None:
        self._enter()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._leave()
            raise

    def _set_autocommit(self, autocommit: bool) -> None:
        try:
            super()._set_autocommit(autocommit)  # type: ignore[misc]
        finally:
            if autocommit:  # the transaction has ended
                self._leave()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._leave()


class Cursor(base.SQLiteCursorWrapper):
    wrapper: DatabaseWrapper

    def execute(self, query: str, params: Any = None) -> Any:
        if self.connection.in_transaction or not query.lstrip()[:7].upper().startswith(WRITES):
            return super().execute(query, params)
        with self.wrapper.turn():
            return super().execute(query, params)

    def executemany(self, query: str, param_list: Any) -> Any:
        if self.connection.in_transaction:
            return super().executemany(query, param_list)
        with self.wrapper.turn():
            return super().executemany(query, param_list)
