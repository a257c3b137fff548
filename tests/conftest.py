"""What most tests need: a platform, a caller, the other system, and a queue that runs when told."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import caches
from django.db import connection
from django.test import Client

from integrations.dispatcher import Dispatcher
from otms import documents
from otms.accounts.models import Platform, User
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


@pytest.fixture(scope="session", autouse=True)
def emptied_row_by_row() -> None:
    """After a test that commits: its few rows are deleted faster than fifty tables are truncated.

    Django's constraints are deferred, so that the order of the tables does not matter.
    """
    if connection.vendor == "postgresql":
        name = connection.ops.quote_name

        def sql_flush(style: Any, tables: list[str], **_: Any) -> list[str]:
            return [f"DELETE FROM {name(table)}" for table in tables]

        connection.ops.sql_flush = sql_flush  # type: ignore[method-assign]


# Tests beside each other share a Redis; what they count they do not share.
caches.settings["default"]["KEY_PREFIX"] = f"otms-test-{os.getpid()}"


@pytest.fixture(autouse=True)
def quiet(settings: LazySettings) -> None:
    """No worker runs beside a test; targets are on loopback; passwords are hashed fast.

    And nobody calls too often, where that is not what is tested.
    """
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
def run_queue() -> Callable[[], None]:
    """Deliver until nothing is due any more."""

    def run() -> None:
        Dispatcher().run(until_idle=True)

    return run
