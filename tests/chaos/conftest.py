"""Real processes: a database of their own, a broker that may die, their logs on failure."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.db import connections

from integrations.models import IntegrationObject
from otms import env
from otms.accounts.models import Platform
from tests import make
from tests.chaos.system import Deployment, System, manage
from tests.sink import Sink


def postgres(name: str) -> str:
    """The URL of a database on the server that the tests may use."""
    url = os.environ.get("DATABASE_URL", "")
    server = url if url.startswith("postgres") else "postgres://postgres@127.0.0.1:5432/postgres"
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated database to copy, dropped at the end of the run."""
    name = f"otms_chaos_{os.getpid()}"
    with closing(psycopg.connect(postgres("postgres"), autocommit=True)) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            manage(
                "migrate",
                DATABASE_URL=postgres(name),
                SECRET_KEY="x",
                OTMS_ENCRYPTION_KEYS=Fernet.generate_key().decode(),
            )
            yield name
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with an empty SQLite database."""
    folder = tmp_path_factory.mktemp("migrated")
    manage("migrate", OTMS_VAR=str(folder))
    return folder


@pytest.fixture
def database_url(template: str, django_db_blocker: Any) -> Iterator[str]:
    """A database of the test's own; the ORM in this process talks to it too."""
    name, stock = f"{template}_test", connections.settings["default"]
    with closing(psycopg.connect(postgres("postgres"), autocommit=True)) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            with django_db_blocker.unblock():
                url = postgres(name)
                talk_to(env.database(url))
                yield url
                talk_to(stock)
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def talk_to(database: dict[str, Any]) -> None:
    """Have the ORM of this process use another database."""
    connections["default"].close()
    del connections["default"]
    connections.settings["default"] = connections.configure_settings({"default": database})[
        "default"
    ]


@pytest.fixture
def system(database_url: str, tmp_path: Path, settings: LazySettings) -> Iterator[System]:
    settings.OTMS_LEASE_MARGIN_SECONDS = 1  # gates are made in this process
    made = System(database_url, tmp_path, settings)
    yield made
    made.end()


@pytest.fixture
def platform(system: System) -> Platform:
    """A platform in the database of the processes."""
    return make.PlatformFactory()


@pytest.fixture
def witness() -> Iterator[Sink]:
    """A receiver that forgets nothing."""
    sink = Sink(keep=100_000)
    yield sink
    sink.stop()


class Posting:
    """A caller of the API in its process."""

    def __init__(self, port: int, token: str) -> None:
        self.url = f"http://127.0.0.1:{port}/api/transportOrder"
        self.token = token

    def __call__(self, name: str) -> float:
        """Post an order; the seconds it took."""
        import requests

        started = time.monotonic()
        answer = requests.post(
            self.url,
            json={"name": name},
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return time.monotonic() - started


@pytest.fixture
def post(system: System, platform: Platform) -> Posting:
    return Posting(system.web_port, make.token(make.UserFactory(platform=platform)))


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Note a measured figure; all are shown at the end of the run, whichever process ran it."""
    noted = request.node.user_properties
    return lambda text: noted.append(("figure", text))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for report in chain(*(terminalreporter.stats.get(how, []) for how in ("passed", "failed"))):
        if report.when == "call":
            for name, text in report.user_properties:
                if name == "figure":
                    terminalreporter.write_line(text)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if report.failed:
        for deployment in getattr(item, "funcargs", {}).values():
            if isinstance(deployment, Deployment):
                report.sections.append(("what the processes said", deployment.logs()))


def queue_of(platform: Platform) -> Any:
    return IntegrationObject.objects.of(platform).order_by("id")


def save_orders(platform: Platform, n: int) -> None:
    for number in range(n):
        make.OrderFactory(platform=platform, customer=None, name=str(number))


def settled(platform: Platform, n: int) -> Callable[[], bool]:
    """Is it written down that n objects were delivered?"""
    return lambda: queue_of(platform).filter(status="SUCCESS", leased=False).count() == n
