"""Pages are executed as they are printed: real curl, a real server, a real receiver."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from otms import documents
from tests.chaos.conftest import postgres
from tests.run.conftest import ROOT, Run, free_port
from tests.sink import Sink
from tests.stories.contract import faults
from tests.stories.page import UUID, Printed, steps
from tests.stories.shell import Shell

TUTORIAL = ROOT / "docs" / "tutorial" / "building-an-integration.md"
INSTALL = ROOT / "docs" / "how-to" / "install-an-app.md"
IMPORT = ROOT / "docs" / "how-to" / "import-orders.md"
# The bodies that the vendor's guide prints, byte for byte.
PRINTED_BY_THE_GUIDE = [
    """{
    "name": "ERP Sync - New Orders",
    "type": "configured",
    "description": "Push new transport orders to our ERP system when they are created",
    "enabled": true
  }""",
    """{
    "integrationId": "integration-uuid"
  }""",
    """{
    "mapping": {
      "erp_order_id": "$.transportOrder.id",
      "customer_name": "$.transportOrder.customer.name",
      "status": "$.transportOrder.status",
      "created": "$.transportOrder.createdAt"
    },
    "testData": {
      "transportOrder": {
        "id": "test-uuid",
        "customer": { "name": "Acme Corp" },
        "status": "requested",
        "createdAt": "2026-03-22T10:00:00Z"
      }
    }
  }""",
]
# The calls that the guide makes; the page makes them all, and more.
MADE_BY_THE_GUIDE = {
    "POST /api/integration",
    "POST /api/integration/generate/credentials",
    "POST /api/integration/dataSource/mapping:test",
    "POST /api/integration/import/data",
    "GET /api/integration/{id}/objects/0/20",
    "GET /api/integration/{id}/logs/0/20",
    "GET /api/integration/{id}/requestLogs/0/20",
    "GET /api/integration/{id}/tasks/0/20",
    "POST /api/integration/file/upload",
    "POST /api/integration/fileTemplate/mapping:test",
    "POST /api/integration/email",
}
# What a person has before the page begins: tables, a platform, a password, a token.
PREPARE = """
from django.core.management import call_command
from integrations.demo import seed
call_command("migrate", interactive=False, verbosity=0)
print(*seed.person(seed.platform(), "", ""))
"""


needs_curl = pytest.mark.skipif(
    not shutil.which("curl"), reason="curl, which the pages use, is not installed"
)


@pytest.fixture(scope="module")
def deployment() -> Iterator[dict[str, str]]:
    """The embedded default; on PostgreSQL, where the tests run there, a database of its own."""
    if connection.vendor != "postgresql":
        yield {"DATABASE_URL": "", "CELERY_BROKER_URL": "memory://localhost"}
        return
    name = f"otms_story_{os.getpid()}"
    with closing(psycopg.connect(postgres("postgres"), autocommit=True)) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield {
                "DATABASE_URL": postgres(name),
                "CELERY_BROKER_URL": os.environ["CELERY_BROKER_URL"],
            }
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def server(
    deployment: dict[str, str], sink_process: Sink, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Run]:
    """One server for all pages, with its first person, and `demo.env` as `make run` writes it."""
    folder = tmp_path_factory.mktemp("var")
    environment = {**deployment, "OTMS_VAR": str(folder), "OTMS_EGRESS_ALLOW": "127.0.0.0/8"}
    prepared = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", PREPARE],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert prepared.returncode == 0, prepared.stderr
    password, token = prepared.stdout.splitlines()[-1].split()
    run = Run(folder, "standalone", free_port(), **environment)
    kept = {
        "OTMS_URL": run.url,
        "OTMS_TOKEN": token,
        "OTMS_ADMIN_USER": "demo",
        "OTMS_ADMIN_PASSWORD": password,
        "OTMS_ERP_URL": sink_process.url(""),
    }
    lines = "".join(f"{name}={value}\n" for name, value in kept.items())
    (folder / "demo.env").write_text(lines)
    assert run.answers(), run.rest()
    yield run
    run.stop()


@pytest.fixture
def shell(server: Run, tmp_path: Path) -> Iterator[Shell]:
    """Where a person types who started the server in this folder."""
    (tmp_path / "var").symlink_to(server.folder)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    typing = Shell(tmp_path, environment, server.url)
    yield typing
    typing.close()


def test_the_tutorial_has_the_bodies_of_the_guide() -> None:
    text = TUTORIAL.read_text(encoding="utf-8").replace("'\"$INTEGRATION\"'", "integration-uuid")
    for body in PRINTED_BY_THE_GUIDE:
        assert f"-d '{body}'" in text


@needs_curl
def test_every_line_of_the_tutorial_works_as_printed(server: Run, shell: Shell, sink: Sink) -> None:
    sink.answers("/my-orders", "/ok")
    printed = Printed()
    told, wrong, made = [], [], set()
    for step in steps(TUTORIAL):
        ran = shell.run(step.commands)
        for call in ran.calls:
            line = f"{call.method} {re.sub(UUID, '{id}', call.path)}"
            made.add(line)
            told.append(f"{line:60} {call.status} {call.milliseconds:5} ms  {step.heading}")
            if call.status != 200:
                wrong.append(f"{line} was answered {call.status}: {ran.printed}")
        if ran.calls:
            (call,) = ran.calls  # each with an answer that can be told from the next
            answer = json.loads(ran.printed)
            faulty = faults(call.method, call.path, call.status, answer)
            wrong += [f"{call.method} {call.path}: {each}" for each in faulty]
        if step.answer is not None:
            different = printed.differences(documents.loads(ran.printed), step.answer)
            wrong += [f"{step.heading}: {each}" for each in different]
        read_on(server)
    sys.stdout.write("\n" + "\n".join(told) + "\n")
    assert not wrong, "\n".join(wrong)
    assert [each.json().get("customer_name") for each in sink.requests] == ["Acme Corp", None, None]
    assert made >= MADE_BY_THE_GUIDE


@needs_curl
def test_the_commands_of_the_how_to_import_work(shell: Shell, tmp_path: Path) -> None:
    text = IMPORT.read_text(encoding="utf-8")
    _, shop, rows = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    create, bring_in, progress = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    assert ". var/demo.env" in text

    def answered(commands: str) -> Any:
        ran = shell.run(commands)
        (call,) = ran.calls
        answer = json.loads(ran.printed)
        assert call.status == 200, answer
        assert faults(call.method, call.path, call.status, answer) == []
        return answer

    shell.run(". var/demo.env")
    (tmp_path / "shop.json").write_text(shop)
    integration = answered(create)["integration"]["id"]
    body = {**json.loads(rows), "integrationId": integration}
    (tmp_path / "rows.json").write_text(json.dumps(body))
    assert answered(bring_in)["totals"]["created"] == 1
    (tmp_path / "rows.json").write_text(json.dumps({**body, "dryRun": False}))
    task = answered(bring_in)["task"]
    shell.run(f"TASK={task['id']}")
    rejected = answered(progress)["results"]
    assert [each["index"] for each in rejected] == [1]


@needs_curl
def test_every_line_of_the_how_to_install_works_as_printed(shell: Shell, sink: Sink) -> None:
    sink.answers("/orders", "/ok")
    printed, made = Printed(), []
    shell.run(". var/demo.env")
    for step in steps(INSTALL):
        ran = shell.run(step.commands)
        for call in ran.calls:
            made.append(f"{call.method} {re.sub(UUID, '{id}', call.path)}")
            answer = json.loads(ran.printed)
            assert call.status == 200, answer
            assert faults(call.method, call.path, call.status, answer) == []
        if step.answer is not None:
            different = printed.differences(documents.loads(ran.printed), step.answer)
            assert list(different) == [], step.heading
    assert made == [
        "GET /api/app-store/browse/0/20",
        "GET /api/app/signed-webhook",
        "POST /api/app/signed-webhook/install",
        "PUT /api/appInstallation",
        "DELETE /api/appInstallation/{id}",
        "GET /api/apps/installed",
    ]
    assert [each.json() for each in sink.requests if "x-otms-test" in each.headers] == [
        {"test": True}
    ] * 2


def read_on(server: Run) -> None:
    """Who reads a page is slower than the queue: wait until nothing of it is due."""

    def waiting() -> Any:
        for each in server.api("GET", "integrations/0/20")["integrations"]:
            queue = f"integration/{each['id']}/objects/0/20?status=QUEUE"
            if server.api("GET", queue)["totalResults"]:
                return True
        return False

    end = time.monotonic() + 30
    while waiting():
        assert time.monotonic() < end, "the queue stands still"
        time.sleep(0.05)
