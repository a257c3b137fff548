"""The services of docker-compose.yml, run by their own commands on a real PostgreSQL and Redis.

What Docker would add is missing: addresses are those of this machine. The folder holds what the
image would hold, and nothing else.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen

import psycopg
import pytest
import redis

from tests.run import compose
from tests.run.compose import ROOT
from tests.run.conftest import free_port
from tests.sink import Sink

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]
BROKER = "redis://127.0.0.1:6379/11"
PASSWORD = "a long and quiet word"


def postgres(name: str) -> str:
    """The URL of a database on the server that the tests may use."""
    url = os.environ.get("DATABASE_URL", "")
    server = url if url.startswith("postgres") else "postgres://postgres@127.0.0.1:5432/postgres"
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


def until(condition: Callable[[], Any], timeout: float = 30) -> Any:
    end = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
    return found


class Deployment:
    """What `docker compose up` would start, as far as this machine can."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.port, self.token = folder, free_port(), ""
        self.url = f"http://127.0.0.1:{self.port}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.given = compose.example() | {
            "OTMS_ALLOWED_HOSTS": "otms.example.com,127.0.0.1",
            "OTMS_EGRESS_ALLOW": "127.0.0.0/8",
            "OTMS_HTTPS": "false",
        }
        self.services: dict[str, Any] = compose.filled_in(**self.given)["services"]
        self.here = {"DATABASE_URL": database, "CELERY_BROKER_URL": BROKER}

    def environment(self, name: str) -> dict[str, str]:
        """What the service sees: `.env`, then its own variables, then the image's."""
        service = self.services[name]
        given = self.given if service.get("env_file") == ".env" else {}
        return {
            **given,
            **service.get("environment", {}),
            **self.here,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.folder / "nowhere"),
            "OTMS_STATIC_ROOT": str(self.folder / "static"),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def words(self, name: str) -> list[str]:
        at = f"127.0.0.1:{self.port}"
        return [at if word.endswith(":8000") else word for word in self.services[name]["command"]]

    def run(self, name: str, command: list[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            cwd=self.folder / "app",
            env=self.environment(name),
            capture_output=True,
            text=True,
            timeout=60,
        )

    def start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                self.words(name),
                cwd=self.folder / "app",
                env=self.environment(name),
                stdout=log,
                stderr=log,
            )

    def stop(self, name: str) -> int:
        """As Docker does it: SIGTERM, and the time of the grace period."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        grace = self.services[name].get("stop_grace_period", "10s")
        return process.wait(compose.seconds(grace))

    def check(self, name: str, *more: str) -> "subprocess.CompletedProcess[str]":
        """The service's health check, as Docker would run it inside."""
        command = self.services[name]["healthcheck"]["test"][1:]
        return self.run(name, [*command, *more])

    def is_healthy(self, name: str, *more: str) -> bool:
        at = ["--port", str(self.port)] if name == "web" else []
        return self.check(name, *at, *more).returncode == 0

    def api(self, path: str, body: Any, *, in_chunks: bool = False) -> Any:
        headers = {"Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent = json.dumps(body).encode()
        request = Request(  # noqa: S310 - our own server
            f"{self.url}/api/{path}", iter([sent]) if in_chunks else sent, headers
        )
        try:
            with urlopen(request, timeout=10) as answer:  # noqa: S310
                return json.load(answer)
        except HTTPError as error:
            pytest.fail(f"{error.read().decode()}\n{self.logs()}")

    def logs(self) -> str:
        return "\n".join(
            f"----- {log.name}\n{log.read_text(errors='replace')[-4000:]}"
            for log in sorted(self.folder.glob("*.log"))
        )


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    for name in compose.in_the_image():
        ignore = shutil.ignore_patterns("__pycache__", "*.py[cod]")
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / "app" / name, ignore=ignore)
        else:
            (folder / "app").mkdir(exist_ok=True)
            shutil.copy(ROOT / name, folder / "app" / name)
    name = f"otms_compose_{os.getpid()}"
    with closing(psycopg.connect(postgres("postgres"), autocommit=True)) as server:
        server.execute(f"CREATE DATABASE {name}")
        made = Deployment(folder, postgres(name))
        try:
            yield made
        finally:
            for process in made.running.values():
                process.terminate()
            for process in made.running.values():
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            redis.Redis.from_url(BROKER).flushdb()
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_the_image_is_made_without_keys(deployment: Deployment) -> None:
    """The Dockerfile's own step, which must leave files for the web server and nothing secret."""
    found = re.search(r"^RUN OTMS_VAR=\S+ (python manage.py collectstatic \S+)",
                      (ROOT / "Dockerfile").read_text(), re.MULTILINE)  # fmt: skip
    assert found
    done = subprocess.run(
        found[1].split(),
        cwd=deployment.folder / "app",
        env={
            "PATH": deployment.environment("web")["PATH"],
            "OTMS_VAR": str(deployment.folder / "build"),
            "OTMS_STATIC_ROOT": str(deployment.folder / "static"),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (deployment.folder / "static/integrations/admin.css").exists()
    assert not list(deployment.folder.glob("app/**/*.key"))


def test_what_others_wait_for_says_when_it_is_there(deployment: Deployment) -> None:
    assert deployment.check("postgres").returncode == 0
    assert deployment.check("redis").returncode == 0
    port = str(free_port())
    assert deployment.check("postgres", "--port", port).returncode != 0
    own = [*deployment.services["redis"]["command"], "--port", port]
    check = deployment.services["redis"]["healthcheck"]["test"][1:]
    there = [check[0], "-p", port, *check[1:]]
    broker = subprocess.Popen(own, cwd=deployment.folder, stdout=subprocess.DEVNULL)
    until(lambda: deployment.run("redis", there).returncode == 0)
    broker.terminate()
    broker.wait(10)
    assert deployment.run("redis", there).returncode != 0


def test_an_order_saved_over_http_arrives(deployment: Deployment, sink: Sink) -> None:
    """migrate, then the three that serve; each says it is healthy, and an order goes its way."""
    done = deployment.run("migrate", deployment.words("migrate"))
    assert done.returncode == 0, done.stderr
    for name in ("web", "worker", "beat"):
        assert not deployment.is_healthy(name)
        deployment.start(name)
    for name in ("web", "worker", "beat"):
        until(lambda name=name: deployment.is_healthy(name))
    manage = ["python", "manage.py"]
    made = [*manage, "createsuperuser", "--no-input", "--username=ann", "--email=ann@example.com"]
    environment = deployment.environment("web") | {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    subprocess.run(made, cwd=deployment.folder / "app", env=environment, check=True)
    opened = deployment.api("user/login", {"username": "ann", "password": PASSWORD})
    deployment.token = opened["session"]["access_token"]
    deployment.api(
        "integration",
        {
            "name": "ERP",
            "type": "configured",
            "trigger": {"entity": "transportOrder", "actions": ["created"]},
            "dataSources": [
                {
                    "connector": "webhook",
                    "settings": {"url": sink.url()},
                    "mapping": {"name": "$.transportOrder.name"},
                }
            ],
        },
    )
    # Some clients send every body in chunks: nobody knows its length before its end.
    deployment.api("transportOrder", {"name": "4711"}, in_chunks=True)
    assert sink.wait(1)["delivered"] == 1, deployment.logs()
    assert sink.requests[0].json() == {"name": "4711"}


def test_the_admins_files_are_served_from_the_image(deployment: Deployment) -> None:
    with urlopen(f"{deployment.url}/static/integrations/admin.css", timeout=5) as answer:  # noqa: S310
        assert answer.status == 200


def test_a_worker_that_stops_is_seen_and_loses_nothing(deployment: Deployment, sink: Sink) -> None:
    assert deployment.stop("worker") == 0, deployment.logs()
    said = deployment.check("worker")
    assert said.returncode == 1
    assert "does not answer" in said.stderr
    assert "Traceback" not in said.stderr
    deployment.api("transportOrder", {"name": "4712"})
    assert deployment.is_healthy("web")
    deployment.start("worker")
    assert sink.wait(1, timeout=30)["delivered"] == 1
    until(lambda: deployment.is_healthy("worker"))


def test_a_backup_is_restored(deployment: Deployment) -> None:
    """The lines of the page; what is saved after the backup is gone."""
    page = (ROOT / "docs/how-to/back-up-and-restore.md").read_text()
    dump, restore = re.findall(r"^docker compose exec -T postgres (.*) [<>] otms.dump$", page, re.M)
    at = deployment.here["DATABASE_URL"]
    kept = deployment.folder / "otms.dump"
    with kept.open("wb") as file:
        words = dump.replace("--username otms", "").removesuffix(" otms").split()
        subprocess.run([*words, at], stdout=file, check=True)
    deployment.api("transportOrder", {"name": "too late"})
    with closing(psycopg.connect(at, autocommit=True)) as database, kept.open("rb") as file:
        assert deployment.stop("worker") == 0
        names = "SELECT name FROM orders_transportorder ORDER BY name"
        assert [name for (name,) in database.execute(names)] == ["4711", "4712", "too late"]
        words = restore.replace("--username otms", "").removesuffix("--dbname otms").split()
        subprocess.run([*words, "--dbname", at], stdin=file, check=True)
        assert [name for (name,) in database.execute(names)] == ["4711", "4712"]


def test_beat_that_stops_is_seen(deployment: Deployment) -> None:
    # What the restored database says of beat is as old as the backup.
    until(lambda: deployment.is_healthy("beat", "--within", "15"))
    assert deployment.stop("beat") == 0, deployment.logs()
    until(lambda: not deployment.is_healthy("beat", "--within", "15"), timeout=20)
    assert "sent nothing for 15 seconds" in deployment.check("beat", "--within", "15").stderr


def test_a_web_server_that_stops_is_seen(deployment: Deployment) -> None:
    assert deployment.is_healthy("web")
    assert deployment.stop("web") == 0, deployment.logs()
    assert not deployment.is_healthy("web")
    with pytest.raises(URLError):
        urlopen(f"{deployment.url}/healthz", timeout=5)  # noqa: S310


def test_no_process_said_that_something_broke(deployment: Deployment) -> None:
    assert "Traceback" not in deployment.logs()
