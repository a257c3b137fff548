"""Real processes: a database of their own, a broker that may die, their logs on failure."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
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

ROOT = Path(__file__).parents[2]
FIGURES = pytest.StashKey[list[str]]()


def wait_for(condition: Callable[[], Any], timeout: float = 20) -> None:
    """Wait until it is so."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def free_port() -> int:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Process:
    """A process of ours, with its output in a file."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=output
            )

    @property
    def is_running(self) -> bool:
        return self.popen.poll() is None

    def kill(self) -> None:
        """As a crash, or the system out of memory, would."""
        self.popen.kill()
        self.popen.wait()

    def terminate(self) -> None:
        self.popen.send_signal(signal.SIGTERM)

    def stop(self, timeout: float = 20) -> int:
        """Ask it to end; its exit status."""
        self.terminate()
        return self.popen.wait(timeout)


class System:
    """A deployment: processes that share a database and a broker."""

    def __init__(self, database_url: str, folder: Path, settings: LazySettings) -> None:
        self.folder = folder
        self.processes: list[Process] = []
        self.redis_port = free_port()
        self.web_port = free_port()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "DATABASE_URL": database_url,
            "CELERY_BROKER_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "SECRET_KEY": settings.SECRET_KEY,
            "OTMS_ENCRYPTION_KEYS": ",".join(settings.OTMS_ENCRYPTION_KEYS),
            "OTMS_EGRESS_ALLOW": "127.0.0.0/8",
            "OTMS_HTTPS": "false",
            "OTMS_LEASE_MARGIN_SECONDS": "1",
            "OTMS_CALLER_RATE": "1000000/min",
            "OTMS_HEAVY_RATE": "1000000/min",
            "OTMS_VAR": str(folder),
            "PYTHONUNBUFFERED": "1",
        }

    def start(self, name: str, *command: str, **environment: str) -> Process:
        process = Process(
            list(command), {**self.environment, **environment}, self.folder / f"{name}.log"
        )
        self.processes.append(process)
        return process

    def redis(self) -> Process:
        """A broker that remembers nothing; returns when it answers."""
        options = ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        port = str(self.redis_port)
        process = self.start("redis", "redis-server", "--port", port, *options)
        wait_for(lambda: answers(self.redis_port))
        return process

    def worker(self, **environment: str) -> Process:
        name = f"worker{len(self.processes)}"
        celery = [sys.executable, "-m", "celery", "-A", "otms", "worker"]
        return self.start(name, *celery, "-c", "2", "-n", f"{name}@test", **environment)

    def beat(self) -> Process:
        celery = [sys.executable, "-m", "celery", "-A", "otms", "beat"]
        return self.start("beat", *celery, "--pidfile=")

    def web(self) -> Process:
        """The API; returns when it answers."""
        listen = f"--listen=127.0.0.1:{self.web_port}"
        process = self.start(
            "web", sys.executable, "-m", "waitress", listen, "otms.wsgi:application"
        )
        wait_for(lambda: answers(self.web_port))
        return process

    def end(self) -> None:
        """End what was started, and nothing else."""
        for process in self.processes:
            if process.is_running:
                process.terminate()
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.popen.wait(5)
            if process.is_running:
                process.kill()

    def logs(self) -> str:
        return "\n".join(
            f"----- {log.name}\n{log.read_text(errors='replace')[-6000:]}"
            for log in sorted(self.folder.glob("*.log"))
        )


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


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


def manage(*command: str, **environment: str) -> None:
    """Run a management command to its end."""
    inherited = {"PATH": os.environ["PATH"]}
    subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={**inherited, **environment},
        check=True,
        stdout=subprocess.DEVNULL,
    )


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
    """Note a measured figure; all are shown at the end of the run."""
    return request.config.stash.setdefault(FIGURES, []).append


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash.get(FIGURES, []):
        terminalreporter.write_line(line)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if report.failed and (system := getattr(item, "funcargs", {}).get("system")):
        report.sections.append(("what the processes said", system.logs()))


def queue_of(platform: Platform) -> Any:
    return IntegrationObject.objects.of(platform).order_by("id")


def save_orders(platform: Platform, n: int) -> None:
    for number in range(n):
        make.OrderFactory(platform=platform, customer=None, name=str(number))


def settled(platform: Platform, n: int) -> Callable[[], bool]:
    """Is it written down that n objects were delivered?"""
    return lambda: queue_of(platform).filter(status="SUCCESS", leased=False).count() == n
