"""Processes die at the worst moment: nothing is lost, and what may have been sent twice is told."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from integrations.models import EntityChange, Log, RequestLog, Status
from otms.accounts.models import Platform
from otms.orders.models import TransportOrder
from tests import make
from tests.chaos.conftest import queue_of, save_orders, settled
from tests.chaos.system import ROOT, System, wait_for
from tests.sink import Sink

pytestmark = pytest.mark.chaos

COUNTS = (
    "SELECT (SELECT count(*) FROM orders_transportorder),"
    " (SELECT count(*) FROM integrations_entitychange)"
)


def save_and_be_killed(when: str, environment: dict[str, str]) -> None:
    script = [sys.executable, "-m", "tests.chaos.killed_at_commit", when]
    ended = subprocess.run(script, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.parametrize(("when", "there"), [("before", 0), ("after", 1)])
def test_a_process_killed_at_the_commit_leaves_order_and_change_or_neither_sqlite(
    migrated: Path, tmp_path: Path, when: str, there: int
) -> None:
    folder = tmp_path / "var"
    shutil.copytree(migrated, folder)
    save_and_be_killed(when, {"OTMS_VAR": str(folder)})
    with closing(sqlite3.connect(folder / "otms.sqlite3")) as database:
        assert database.execute(COUNTS).fetchone() == (there, there)


@pytest.mark.parametrize(("when", "there"), [("before", 0), ("after", 1)])
def test_a_process_killed_at_the_commit_leaves_order_and_change_or_neither_postgresql(
    system: System, database_url: str, when: str, there: int
) -> None:
    save_and_be_killed(when, system.environment)
    with closing(psycopg.connect(database_url)) as database:
        row: Any = database.execute(COUNTS).fetchone()  # type: ignore[call-overload]
    assert row == (there, there)


def test_what_a_killed_worker_was_sending_is_sent_again_under_the_same_id(
    system: System, platform: Platform, sink: Sink
) -> None:
    sink.answers("/orders", "/hang")
    make.integration(sink.url("/orders"), platform=platform, delivery={"timeout": 2})
    system.redis()
    first = system.worker()
    save_orders(platform, 1)
    assert sink.wait(1, of="attempts", timeout=20)["attempts"] == 1
    first.kill()
    sink.answers("/orders", "/ok")
    system.worker()
    assert sink.wait(1, timeout=20)["delivered"] == 1
    wait_for(settled(platform, 1))
    obj = queue_of(platform).get()
    assert {r.headers["webhook-id"] for r in sink.requests} == {str(obj.uuid)}
    assert [r.headers["x-otms-attempt"] for r in sink.requests] == ["1", "2"]
    interrupted, delivered = RequestLog.objects.of(platform).order_by("id")
    assert interrupted.interrupted
    assert delivered.response_status == 200
    codes = Log.objects.of(platform).order_by("id").values_list("code", flat=True)
    assert list(codes) == ["interrupted", "delivered"]


def test_a_worker_that_is_stopped_finishes_its_calls_and_leaves_no_lease(
    system: System, platform: Platform, sink: Sink
) -> None:
    policy = {"concurrency": 4, "timeout": 10}
    make.integration(sink.url("/slow/2000"), platform=platform, delivery=policy)
    system.redis()
    worker = system.worker()
    save_orders(platform, 8)
    sink.wait(4, of="attempts", timeout=20)
    assert worker.stop() == 0
    statuses = list(queue_of(platform).values_list("status", flat=True))
    assert sorted(statuses) == [Status.QUEUE] * 4 + [Status.SUCCESS] * 4
    assert not queue_of(platform).filter(leased=True).exists()
    assert sink.stats()["attempts"] == 4


def test_connections_cut_by_the_database_lose_nothing(
    system: System, platform: Platform, sink: Sink
) -> None:
    make.integration(sink.url("/slow/20"), platform=platform, delivery={"timeout": 2})
    save_orders(platform, 300)
    system.redis()
    worker = system.worker()
    for delivered in (30, 100, 200):
        sink.wait(delivered, timeout=20)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert cursor.fetchone()[0] > 0
    assert sink.wait(300, timeout=30)["delivered"] == 300
    wait_for(settled(platform, 300))
    assert worker.is_running


def test_two_workers_deliver_two_thousand_orders_once_each(
    system: System, platform: Platform, sink: Sink, figure: Any
) -> None:
    make.integration(sink.url(), platform=platform, delivery={"concurrency": 100})
    save_orders(platform, 2000)
    assert EntityChange.objects.of(platform).count() == 2000
    assert TransportOrder.objects.of(platform).count() == 2000
    system.redis()
    system.worker()
    system.worker()
    sink.wait(1, timeout=20)
    stats = sink.wait(2000, timeout=60)
    wait_for(settled(platform, 2000))
    assert (stats["delivered"], sink.stats()["duplicates"]) == (2000, 0)
    first, last = (
        RequestLog.objects.of(platform)
        .order_by("created_at")
        .values_list("created_at", flat=True)[n]
        for n in (0, 1999)
    )
    figure(f"two workers: {2000 / (last - first).total_seconds():.0f} orders/s delivered")
