"""Encryption keys are rotated under load: nothing fails, and then the old key is not needed."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.db import connection

from integrations.models import DataSource, Integration, Log, Status
from otms.accounts.models import Platform
from otms.db import rotation
from otms.db.sealing import is_current
from tests import make
from tests.chaos.conftest import queue_of, save_orders
from tests.chaos.system import ROOT, System, wait_for
from tests.sink import Sink

pytestmark = pytest.mark.chaos
SECRETS = 10_000
SIGNING = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
CHANGED = 50  # secrets that people type while the rotation runs


def filled(platform: Platform, n: int) -> Integration:
    """An integration that hears of nothing, with so many secrets."""
    made: Integration = make.IntegrationFactory(platform=platform, enabled=False)
    DataSource.objects.bulk_create(
        [
            DataSource(
                platform=platform,
                integration=made,
                position=number,
                settings={"url": "https://8.8.8.8/"},
                secrets={"secret": f"secret no {number}"},
            )
            for number in range(n)
        ],
        batch_size=1000,
    )
    return made


def rotated(system: System, *options: str, keys: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "rotatekeys", *options],
        cwd=ROOT,
        env={**system.environment, "OTMS_ENCRYPTION_KEYS": keys},
        capture_output=True,
        text=True,
    )


def under_the_first_key() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM integrations_datasource WHERE secrets <> ''")
        return sum(is_current(text) for (text,) in cursor.fetchall())


def test_ten_thousand_secrets_are_rotated_while_deliveries_run(
    system: System,
    platform: Platform,
    sink: Sink,
    settings: LazySettings,
    figure: Callable[[str], None],
) -> None:
    (old,), new = settings.OTMS_ENCRYPTION_KEYS, Fernet.generate_key().decode()
    shelf = filled(platform, SECRETS)
    sink.answers("/orders", f"/signed/{SIGNING}")
    target = sink.url("/orders")
    make.integration(target, platform=platform, secrets={"secret": SIGNING}, mapping=None)
    # Everybody knows both keys, and writes with the new one.
    system.environment["OTMS_ENCRYPTION_KEYS"] = f"{new},{old}"
    settings.OTMS_ENCRYPTION_KEYS = [new, old]
    assert under_the_first_key() == 0
    system.redis()
    worker = system.worker()
    over = threading.Event()
    typed: dict[Any, str] = {}

    def people() -> None:
        """Save orders, and type secrets into rows that the rotation has before it or behind it."""
        rows = list(DataSource.objects.filter(platform=platform, integration=shelf))
        for number, source in enumerate(rows[:: SECRETS // CHANGED]):
            save_orders(platform, 4)
            source.refresh_from_db()
            source.secrets = {"secret": f"typed {number}"}
            source.save()
            typed[source.pk] = f"typed {number}"
            if over.is_set() and number > CHANGED // 2:
                break
        connection.close()

    busy = threading.Thread(target=people)
    busy.start()
    started = time.monotonic()
    done = rotated(system, keys=f"{new},{old}")
    seconds = time.monotonic() - started
    over.set()
    busy.join()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the others may be removed" in done.stdout
    check = rotated(system, "--check", keys=f"{new},{old}")
    assert check.returncode == 0, check.stdout + check.stderr
    orders = queue_of(platform).count()
    wait_for(lambda: queue_of(platform).filter(status=Status.SUCCESS).count() == orders, 60)
    assert worker.stop() == 0

    # Nobody knows the old key any more.
    system.environment["OTMS_ENCRYPTION_KEYS"] = new
    settings.OTMS_ENCRYPTION_KEYS = [new]
    system.worker()
    save_orders(platform, 20)
    wait_for(lambda: queue_of(platform).filter(status=Status.SUCCESS).count() == orders + 20, 60)
    found = {
        source.pk: (source.position, source.secrets["secret"])
        for source in DataSource.objects.filter(platform=platform, integration=shelf)
    }
    wrong = [
        pk
        for pk, (number, secret) in found.items()
        if secret != typed.get(pk, f"secret no {number}")
    ]
    assert len(found) == SECRETS
    assert wrong == []
    failures = Log.objects.of(platform).exclude(code="delivered")
    assert list(failures.values_list("code", "message")[:3]) == []
    assert sink.stats()["status"] == {"200": orders + 20}
    figure(
        f"{SECRETS} secrets rotated in {seconds:.1f} s beside {orders} deliveries and "
        f"{len(typed)} that were typed anew; 0 failures, {len(wrong)} wrong; old key removed"
    )


def test_a_row_that_somebody_holds_is_left_for_later_and_nobody_waits(
    system: System,
    platform: Platform,
    database_url: str,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filled(platform, 10)
    held = DataSource.objects.of(platform).order_by("pk").first()
    assert held
    settings.OTMS_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.OTMS_ENCRYPTION_KEYS]
    (column,) = (each for each in rotation.sealed_fields() if each.model is DataSource)
    with closing(psycopg.connect(database_url)) as other:
        lock = "SELECT 1 FROM integrations_datasource WHERE id = %s FOR UPDATE"
        other.execute(lock, [held.pk])
        steps = rotation.rotate(column)
        assert next(steps) == 9
        assert under_the_first_key() == 9
        other.rollback()
        assert list(steps) == [1]
    assert under_the_first_key() == 10
