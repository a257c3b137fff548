"""`manage.py standalone`: up on an empty folder, down on a signal."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from otms import env
from tests.run.conftest import ROOT, Start

pytestmark = pytest.mark.embedded


def manage(folder: Path, *words: str, **environment: str) -> tuple[int, str]:
    """What an operator's command beside it says, and how it ends."""
    embedded = {"DATABASE_URL": "", "CELERY_BROKER_URL": "memory://localhost"}
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=env.extended(**{**embedded, "OTMS_VAR": str(folder), **environment}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_it_starts_on_an_empty_folder_and_stops_on_a_signal(start: Start) -> None:
    run = start("standalone")
    assert run.answers("healthz"), run.rest()
    assert run.answers("api/schema")
    assert run.stop(signal.SIGTERM) == 0
    printed = run.rest()
    assert "Traceback" not in printed
    assert "stopped" in printed.splitlines()[-1]


@pytest.mark.long
def test_commands_beside_it_know_where_it_is_found_and_who_calls_through_a_proxy(
    start: Start,
) -> None:
    run = start("standalone", OTMS_BEHIND_PROXY="true")
    assert run.answers("healthz"), run.rest()
    person = {"DJANGO_SUPERUSER_PASSWORD": "a long and quiet word"}
    made = ("createsuperuser", "--noinput", "--username", "ann", "--email", "ann@example.com")
    assert manage(run.folder, *made, **person)[0] == 0
    code, said = manage(run.folder, "invite", "bob@example.com", "--platform", "Main")
    assert code == 0, said
    found = re.search(r"http://\S+", said)
    assert found, said
    assert found[0].startswith(f"{run.url}/admin/reset/")
    with urlopen(found[0], timeout=10) as page:  # noqa: S310 - our own server
        assert page.status == 200
    body = {"username": "ann", "password": person["DJANGO_SUPERUSER_PASSWORD"]}
    proxied = {"Content-Type": "application/json", "X-Forwarded-For": "1.1.1.1, 203.0.113.52:4711"}
    login = Request(f"{run.url}/api/user/login", json.dumps(body).encode(), proxied)  # noqa: S310
    with urlopen(login, timeout=10) as answer:  # noqa: S310
        assert json.load(answer)["session"]["ip"] == "203.0.113.52"


def test_a_folder_without_a_database_is_one_sentence_and_stays_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "nothing"
    for words in (
        ("createplatform", "Acme"),
        ("invite", "ann@example.com", "--platform", "Acme"),
        ("unlock", "ann@example.com"),
    ):
        code, said = manage(folder, *words)
        assert code == 1
        assert said.startswith(f"There is no database in {folder}: run make run first, or say ")
        assert said.count("\n") == 1
        assert not folder.exists()
    assert manage(folder, "invite", "--help")[0] == 0


def test_a_database_without_tables_is_one_sentence(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "otms.sqlite3")) as other:
        other.execute("create table other (id int)")
    code, said = manage(tmp_path, "createplatform", "Acme")
    assert code == 1
    assert re.fullmatch(
        r"The database is not of this version \(.*\): run manage.py migrate first.\n", said
    )


def test_a_setting_that_is_refused_is_one_sentence(tmp_path: Path) -> None:
    for words in (("migrate",), ("standalone",), ("check",)):
        code, said = manage(tmp_path, *words, OTMS_PUBLIC_URL="otms.example.com")
        assert code == 1
        assert said == "OTMS_PUBLIC_URL is 'otms.example.com'; write https://otms.example.com\n"
