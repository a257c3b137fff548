"""Everything dies, again and again, while orders are saved: nothing is lost, and order is kept."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connections

from otms import env
from otms.accounts.models import Platform
from tests import make
from tests.chaos.callers import Callers
from tests.chaos.conftest import postgres, queue_of, talk_to
from tests.chaos.ledger import Ledger
from tests.chaos.server import PostgresServer
from tests.chaos.storm import FULL, OnEmbedded, OnServices, Storm
from tests.chaos.system import Deployment, Embedded, System
from tests.sink import Sink

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]

CHANGES = 2000 if FULL else 200
CALM = 1.0 if FULL else 0.5
SEEDS = range(5) if FULL else range(1)
# A target that takes its time and fails three calls of ten; what failed comes again soon.
TARGET = "/sometimes/30/503/50"
TRIGGER = {"entity": "transportOrder", "actions": ["created", "updated"]}
POLICY = {"timeout": 2, "concurrency": 20, "retry": {"schedule": [1]}}


@pytest.fixture
def own_server(template: str) -> Iterator[PostgresServer]:
    """A database server that may die, with everything migrated."""
    server = PostgresServer()
    try:
        server.copied(postgres(template))
        yield server
    finally:
        server.remove()


@pytest.fixture
def system(
    own_server: PostgresServer, tmp_path: Path, settings: LazySettings, django_db_blocker: Any
) -> Iterator[System]:
    stock = connections.settings["default"]
    settings.OTMS_LEASE_MARGIN_SECONDS = 1
    made = System(own_server.url(), tmp_path, settings)
    with django_db_blocker.unblock():
        talk_to(env.database(own_server.url()))
        yield made
        made.end()
        talk_to(stock)


@pytest.fixture
def embedded(
    migrated: Path, tmp_path: Path, settings: LazySettings, django_db_blocker: Any
) -> Iterator[Embedded]:
    stock = connections.settings["default"]
    settings.OTMS_LEASE_MARGIN_SECONDS = 1
    folder = tmp_path / "var"
    shutil.copytree(migrated, folder)
    made = Embedded(folder, settings)
    with django_db_blocker.unblock():
        talk_to(env.database(f"sqlite:///{folder}/otms.sqlite3"))
        yield made
        made.end()
        talk_to(stock)


def integration(witness: Sink, platform: Platform) -> None:
    """One that wants to know of every change."""
    make.integration(witness.url(TARGET), platform=platform, trigger=TRIGGER, delivery=POLICY)


def weather(storm: Storm, callers: Callers) -> None:
    """Storms until enough was saved, then calm."""
    try:
        for seed in SEEDS:
            storm.blow(seed)
        while callers.saved < CHANGES and not callers.errors:
            time.sleep(0.1)
    finally:
        callers.finish()


def judge(platform: Platform, witness: Sink, storm: Storm) -> Ledger:
    """When all is delivered, or a minute after the last progress."""
    done, moved = -1, time.monotonic()
    while (left := queue_of(platform).exclude(status="SUCCESS").count()) and (
        time.monotonic() - moved < 60
    ):
        if left != done:
            done, moved = left, time.monotonic()
        time.sleep(0.2)
    return Ledger.of(platform, witness.requests, storm.cuts, written_within=2)


def hold(ledger: Ledger, callers: Callers) -> None:
    """The promises."""
    assert ledger.changes == callers.saved, "a save that was answered is there, and once"
    assert ledger.queued == ledger.changes
    assert not ledger.lost
    assert not ledger.unexplained
    assert not ledger.twice
    assert not ledger.inversions


def survives(
    deployment: Deployment, witness: Sink, storm: Callable[[], Storm], figure: Callable[[str], None]
) -> None:
    """Orders are saved while it storms; afterwards the promises hold."""
    platform = make.PlatformFactory()
    integration(witness, platform)
    token = make.token(make.UserFactory(platform=platform))
    connections.close_all()
    blowing = storm()
    callers = Callers(deployment.web_port, token)
    weather(blowing, callers)
    ledger = judge(platform, witness, blowing)
    figure(f"storm on {blowing.where}: {ledger}")
    figure(f"  {blowing}; {callers.failed} calls of the API failed and were made again")
    hold(ledger, callers)
    assert not deployment.gone()
    assert not queue_of(platform).exclude(status="SUCCESS").exists()


def test_on_postgresql_and_redis(
    system: System, own_server: PostgresServer, witness: Sink, figure: Callable[[str], None]
) -> None:
    survives(system, witness, lambda: OnServices(system, own_server, calm=CALM), figure)


def test_on_the_embedded_default(
    embedded: Embedded, witness: Sink, figure: Callable[[str], None]
) -> None:
    survives(embedded, witness, lambda: OnEmbedded(embedded, calm=CALM), figure)
