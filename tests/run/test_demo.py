"""`make run`: an order reaches the ERP, and what is printed can be used as it stands."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.run.conftest import ROOT, Run, Start, free_port, milliseconds

pytestmark = pytest.mark.embedded
READY = "Ctrl-C stops everything"


@pytest.fixture(scope="module")
def demo(start: Start) -> Run:
    """Without polling: what arrives soon was fetched by a wake-up."""
    run = start("demo", OTMS_POLL_SECONDS="0")
    run.until(READY)
    return run


def test_an_order_reaches_the_erp_and_its_way_is_told(demo: Run) -> None:
    printed = demo.printed
    assert "saved, with the id" in printed
    assert "QUEUE    for ERP" in printed
    assert "the ERP got it, signature verified" in printed
    assert "SUCCESS  ERP" in printed
    assert 'SKIPPED  Planning board: $.transportOrder.status is "requested"' in printed
    assert f"{demo.url}/admin/" in printed
    for name in ("OTMS_TOKEN", "OTMS_ADMIN_USER", "OTMS_ADMIN_PASSWORD"):
        assert demo.kept[name] in printed


def test_a_wake_up_brings_each_order_at_once(demo: Run) -> None:
    """Three in a row: the tick that comes every ten seconds could not bring them so soon."""
    for number in range(3):
        order = demo.api("POST", "transportOrder", {"name": f"In a hurry {number}"})
        demo.until(order["transportOrder"]["id"], timeout=5)


def test_what_demo_env_holds_is_for_its_owner_alone(demo: Run) -> None:
    assert stat.S_IMODE((demo.folder / "demo.env").stat().st_mode) == 0o600
    assert demo.kept["OTMS_URL"] == demo.url
    assert demo.api("GET", "transportOrders/0/100")["totalResults"] >= 6


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where a shell finds its commands; a machine with Python, make and git alone has no curl."""
    if shutil.which("curl") is None:
        curl = tmp_path / "curl"
        curl.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT}/tests/run/curl.py "$@"\n')
        curl.chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


def test_the_lines_of_the_readme_work_as_printed(demo: Run, path: str) -> None:
    chapter = (ROOT / "README.md").read_text().split("## First delivery")[1].split("\n## ")[0]
    lines = "\n".join(block.split("```")[0] for block in chapter.split("```sh\n")[1:])
    assert lines.count("curl") == 4
    assert "var/demo.env" in lines
    done = subprocess.run(
        ["sh", "-e"],
        input=lines.replace("var/demo.env", str(demo.folder / "demo.env")),
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"success":true') == 3, done.stdout
    integration = done.stdout.splitlines()[0]
    assert "not signed" in demo.until("/my-orders", timeout=15)
    end = time.monotonic() + 10
    while True:
        (row,) = demo.api("GET", f"integration/{integration}/objects/0/20")["objects"]
        if row["status"] == "SUCCESS" or time.monotonic() > end:
            break
        time.sleep(0.05)
    assert (row["status"], row["reference"]) == ("SUCCESS", "4711")
    (log,) = demo.api("GET", f"integration/{integration}/requestLogs/0/20")["requestLogs"]
    assert log["responseStatus"] == 200


@pytest.mark.parametrize("command", ["demo", "standalone"])
def test_a_taken_port_is_one_sentence(demo: Run, command: str) -> None:
    assert f"ort {demo.port}" in refusal(demo, command, str(demo.port))


@pytest.mark.parametrize("port", ["abc", "70000", ""])
def test_a_port_that_is_none_is_one_sentence(demo: Run, port: str) -> None:
    assert f"There is no port {port}; choose one" in refusal(demo, "demo", port)


def test_a_second_run_on_the_same_data_leaves_the_first_one_alone(demo: Run) -> None:
    kept = demo.kept
    assert f"Another run uses the data in {demo.folder}" in refusal(demo, "demo", str(free_port()))
    assert demo.kept == kept


def refusal(demo: Run, command: str, port: str) -> str:
    """The one sentence that a command ends with, on the data of a demo that runs."""
    done = subprocess.run(
        [sys.executable, "manage.py", command, "--port", port],
        cwd=ROOT,
        env={**os.environ, "OTMS_VAR": str(demo.folder), "DATABASE_URL": ""},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (sentence,) = done.stderr.splitlines()
    return sentence


def test_it_stops_whole_and_the_second_run_keeps_what_was_there(demo: Run, start: Start) -> None:
    """The last one on the first run: it ends it."""
    children = demo.children()
    assert len(children) == 2
    kept, integrations = demo.kept, demo.api("GET", "integrations/0/20")["integrations"]
    assert demo.stop(signal.SIGTERM) == 0
    assert "Traceback" not in demo.rest()
    assert [pid for pid in children if is_running(pid)] == []

    second = start("demo", folder=demo.folder)
    second.until(READY)
    same = ("OTMS_TOKEN", "OTMS_ADMIN_USER", "OTMS_ADMIN_PASSWORD", "OTMS_ERP_URL")
    assert [second.kept[name] for name in same] == [kept[name] for name in same]
    assert "the ERP got it, signature verified" in second.printed
    if "/my-orders" not in second.printed:
        second.until("/my-orders")
    assert "the ERP got it, not signed" not in second.printed
    again = second.api("GET", "integrations/0/20")["integrations"]
    for name in ("id", "updatedAt"):
        assert [each[name] for each in again] == [each[name] for each in integrations]
    children = second.children()
    assert second.stop(signal.SIGINT, group=True) == 0
    assert "Traceback" not in second.rest()
    assert "Traceback" not in (second.folder / "standalone.log").read_text()
    assert [pid for pid in children if is_running(pid)] == []


@pytest.mark.chaos
def test_without_any_wake_up_the_tick_brings_the_order(start: Start) -> None:
    run = start("demo", OTMS_WAKE_UPS="false", OTMS_POLL_SECONDS="0")
    run.until(READY)
    assert milliseconds("the ERP got it", run.printed) < 15_000


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.long
def test_data_of_another_key_ends_it_with_a_sentence(start: Start, tmp_path: Path) -> None:
    first = start("demo", folder=tmp_path)
    first.until(READY)
    first.stop()
    second = start("demo", folder=tmp_path, OTMS_ENCRYPTION_KEYS="b" * 43 + "=")
    assert second.process.wait(30) == 1
    assert "start with that key again, or with an empty folder" in second.rest()
    assert "Traceback" not in second.printed
    third = start("standalone", folder=tmp_path, OTMS_ENCRYPTION_KEYS="b" * 43 + "=")
    third.until("Deliveries that need such secrets wait for the right key.")
    third.stop()
