"""What most tests need: a platform, a caller, the other system, and a queue that runs when told."""

import gc
import json
import logging
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import caches
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection
from django.db.backends.signals import connection_created
from django.test import Client, TransactionTestCase

from integrations.dispatcher import Dispatcher
from integrations.tasks import _Waker
from otms import documents
from otms.accounts import audit
from otms.accounts.models import Platform, User
from otms.log import AboutFilter, JsonFormatter
from tests import make
from tests.sink import sink, sink_process

__all__ = ["sink", "sink_process"]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A file as in real life: threads share an in-memory database with other locking rules."""
    if connection.vendor == "sqlite":
        folder = tmp_path_factory.mktemp("database")
        connection.settings_dict["TEST"]["NAME"] = str(folder / "test.sqlite3")
        # Processes are killed in tests, but no machine loses its power: nobody waits for a disk.
        connection.settings_dict["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"


class AfterACommit:
    """What a test that commits left behind is deleted; what is there from the start stays.

    Django empties all fifty tables and then makes the roles and permissions anew, which takes
    longer than most tests. Here they are made anew only where a test changed them.
    """

    def __init__(self) -> None:
        self.tables = connection.introspection.django_table_names(only_existing=True)
        self.look()

    def look(self) -> None:
        """Remember what is there."""
        self.kept = {table: self._rows(table) for table in self._filled()}

    def clean(self) -> None:
        filled = self._filled()
        changed = any(self._rows(table) != rows for table, rows in self.kept.items())
        left = [table for table in filled if changed or table not in self.kept]
        # Constraints are deferred: the order of the tables does not matter.
        connection.ops.execute_sql_flush([f"DELETE FROM {self._name(table)}" for table in left])
        if changed:
            emit_post_migrate_signal(verbosity=0, interactive=False, db=connection.alias)
            self.look()

    def _filled(self) -> list[str]:
        asked = (
            f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {self._name(table)})"
            for table in self.tables
        )
        return [table for (table,) in self._asked(" UNION ALL ".join(asked))]

    def _rows(self, table: str) -> list[Any]:
        return self._asked(f"SELECT * FROM {self._name(table)} ORDER BY id")

    def _name(self, table: str) -> str:
        return str(connection.ops.quote_name(table))

    def _asked(self, sql: str) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The tables, and how they are emptied after a test that commits."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        after = AfterACommit()
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: after.clean())
        yield


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: a quarter of the time a test waits for another."""
    return (os.cpu_count() or 1) + 1


# What has other reasons to be chosen or left out.
KINDS = {"services", "browser", "long", "bench", "chaos"}
# Words of a file that may reach Redis, or start a process on the database of the environment.
REACHING = re.compile("cache|celery|redis|connection|environ|DATABASE_URL", re.IGNORECASE)


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark with `once` what has no database and no broker in it: `make test` is enough. And sort.

    Who asks for no database gets none: pytest-django sees to that. What may reach one, or Redis, in
    another way says so with a word in its file, or says that it does not with the mark `embedded`.
    """
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        asks = "django_db" in marks or "django_db_setup" in getattr(item, "fixturenames", ())
        if asks or marks & KINDS:
            continue
        if "embedded" in marks or not may_reach(item.path):
            item.add_marker("once")
    # What takes long begins first, lest one process is left with it when the others are done.
    counts = Counter(item.path for item in items)
    takes_long = {item.path for item in items if item.get_closest_marker("long")}
    items.sort(key=lambda item: (item.path not in takes_long, -counts[item.path], str(item.path)))


@cache
def may_reach(file: Path) -> bool:
    return REACHING.search(file.read_text()) is not None


def pytest_collection_finish() -> None:
    """What all tests have in common is searched for garbage no more, and the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


# Tests beside each other share a Redis; what they count they do not share.
caches.settings["default"]["KEY_PREFIX"] = f"otms-test-{os.getpid()}"


@pytest.fixture(autouse=True)
def quiet(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker runs beside a test; targets are on loopback; passwords are hashed fast.

    And nobody calls too often, or looks again after too long, where that is not what is tested.
    """
    monkeypatch.setattr(audit, "SAME_LOOK", 10**9)
    settings.OTMS_WAKE_UPS = False
    settings.OTMS_EGRESS_ALLOW = ["127.0.0.0/8"]
    settings.OTMS_CALLER_RATE = settings.OTMS_HEAVY_RATE = settings.OTMS_NOBODY_RATE = None
    settings.WHITENOISE_AUTOREFRESH = True  # each client would look at every static file first
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def platform() -> Platform:
    return make.PlatformFactory()


@pytest.fixture
def user(platform: Platform) -> User:
    return make.UserFactory(platform=platform)


class Api:
    """A caller of the API, as JSON sees it."""

    def __init__(self, token: str = "", **headers: str) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.headers |= headers

    def __call__(self, method: str, path: str, body: Any = None, **extra: Any) -> Any:
        if body is not None:
            extra = {"data": _encoded(body), "content_type": "application/json", **extra}
        headers = {**self.headers, **extra.pop("headers", {})}
        return self.client.generic(method, f"/api/{path}", headers=headers, **extra)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's body; anything but a 200 fails the test with what was said."""
        answer = self(method, path, body)
        assert answer.status_code == 200, answer.content
        found = answer.json()
        assert found["success"] is True
        assert found["message"] == "OK"
        return found

    def refused(self, method: str, path: str, body: Any = None, *, code: int = 400) -> Any:
        """The error in the documented shape."""
        answer = self(method, path, body)
        assert answer["Content-Type"].startswith("application/json"), answer.content
        found = answer.json()
        assert answer.status_code == code, found
        assert found["success"] is False
        assert found["code"] == code
        assert found["message"]
        assert answer["X-Request-Id"]
        return found


def _encoded(body: Any) -> bytes:
    return body if isinstance(body, bytes) else documents.dumps(body)


@pytest.fixture
def api(user: User) -> Api:
    return Api(make.token(user))


@pytest.fixture
def stranger() -> Api:
    """A caller with nothing to show."""
    return Api()


@pytest.fixture
def mail_server(settings: LazySettings) -> None:
    """The deployment has a mail server, which nobody asks anything; see `mail` for one that takes
    mails."""
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1


@pytest.fixture(autouse=True)
def no_waker_stays() -> Iterator[None]:
    """Its connection would keep the database from being removed."""
    yield
    if waker := _Waker._current:
        waker.finish()
        _Waker._current = None


@pytest.fixture(autouse=True)
def no_connection_stays() -> Iterator[None]:
    """Left open by a thread that ended, it would fail whichever test collects the garbage."""
    opened: list[tuple[Any, threading.Thread]] = []

    def remember(connection: Any, **of: Any) -> None:
        if connection.vendor == "postgresql":
            opened.append((connection.connection, threading.current_thread()))

    connection_created.connect(remember)
    yield
    connection_created.disconnect(remember)
    left = [each for each, thread in opened if not thread.is_alive() and not each.closed]
    for each in left:
        each.close()
    assert not left, "a thread of this test left its connection to the database open"


@pytest.fixture
def run_queue() -> Callable[[], None]:
    """Deliver until nothing is due any more."""

    def run() -> None:
        Dispatcher().run(until_idle=True)

    return run


class Lines(logging.Handler):
    """What the console would show."""

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(AboutFilter())
        self.setFormatter(JsonFormatter())
        self.said: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(json.loads(self.format(record)))


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, root = Lines(), logging.getLogger()
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)
