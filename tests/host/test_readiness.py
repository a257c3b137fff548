"""`/readyz` says whether calls can be answered now, and why not; in bounded time, to anybody."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from celery import Celery
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from otms import env, readiness

pytestmark = pytest.mark.django_db(transaction=True)
NOBODY = "postgres://somebody@127.0.0.1:9/somewhere"


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """What was seen a moment ago was in another test."""
    for sight in (readiness._database, readiness._broker):
        sight.forget()
    yield
    for sight in (readiness._database, readiness._broker):
        sight.forget()


def asked() -> Any:
    answer = Client().get("/readyz")
    return answer.status_code, answer.json()


def test_it_is_ready() -> None:
    ready = {"status": "ready", "database": "ok", "migrations": "ok", "broker": "ok"}
    assert asked() == (200, ready | {"intake": "ok"})


def test_without_a_migration_it_is_not() -> None:
    recorder = MigrationRecorder(connection)
    last = max(name for app, name in recorder.applied_migrations() if app == "integrations")
    recorder.record_unapplied("integrations", last)
    try:
        status, said = asked()
    finally:
        recorder.record_applied("integrations", last)
    assert status == 503
    assert said == {
        "status": "not ready",
        "database": "ok",
        "migrations": "The database is not migrated to this version.",
        "broker": "ok",
        "intake": "ok",
    }


def test_a_newer_migration_is_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """While versions are changed one server after the other, the older ones go on."""
    recorder = MigrationRecorder(connection)
    recorder.record_applied("integrations", "9999_of_the_future")
    try:
        assert asked()[0] == 200
    finally:
        recorder.record_unapplied("integrations", "9999_of_the_future")


def test_what_was_squashed_is_there_by_what_it_replaces(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ("integrations", "0001_initial")
    for ways, status in (([{("x", "new")}, {first}], 200), ([{("x", "new")}], 503)):
        readiness._database.forget()
        monkeypatch.setattr(readiness, "_needed", lambda ways=ways: [ways])
        assert asked()[0] == status


def test_without_the_database_it_is_not_and_says_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = {**connection.settings_dict, **env.database(NOBODY)}
    monkeypatch.setattr(
        readiness, "_connection", lambda: DatabaseWrapper({**settings, "TIME_ZONE": None})
    )
    status, said = asked()
    assert (status, said["database"]) == (503, "The database does not answer.")
    assert set(said) == {"status", "database", "migrations", "broker", "intake"}
    assert "127.0.0.1" not in str(said)
    assert "some" not in str(said)


def test_a_database_that_hangs_does_not_hang_it(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, looks = threading.Event(), []

    def see() -> str:
        looks.append(1)
        answers.wait(60)
        return "ok"

    monkeypatch.setattr(readiness, "_database", readiness._Sight(see))
    assert asked()[0] == 503
    assert asked()[0] == 503
    assert not answers.is_set()
    assert len(looks) == 1  # one thread hangs, however many ask
    monkeypatch.setattr(readiness, "ABANDONED", 0.0)
    assert asked()[0] == 503
    assert len(looks) == 2  # what has hung for long is not waited for
    answers.set()


def test_many_who_ask_at_once_are_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def see() -> str | None:
        looks.append(1)
        return readiness._see_database()

    monkeypatch.setattr(readiness, "_database", readiness._Sight(see))
    monkeypatch.setattr(readiness, "FRESH", 60.0)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: asked()[0], range(16)))
    assert found == [200] * 16
    assert len(looks) == 1


def test_without_the_broker_it_is_ready(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:9/0"
    monkeypatch.setenv("CELERY_BROKER_URL", settings.CELERY_BROKER_URL)
    monkeypatch.setattr(readiness, "app", Celery("none"))
    status, said = asked()
    assert (status, said["status"], said["broker"]) == (200, "ready", "away")


def test_it_is_asked_without_tls_too(settings: LazySettings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert asked()[0] == 200
    assert Client().get("/").status_code == 301


def test_a_container_is_healthy_when_it_is_ready(
    live_server: Any, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    port = int(live_server.url.rpartition(":")[2])
    call_command("healthy", "web", port=port)
    readiness._database.forget()
    monkeypatch.setattr(readiness, "_needed", lambda: [[{("x", "new")}]])
    with pytest.raises(CommandError, match=r"answers with 503\. The database is not migrated"):
        call_command("healthy", "web", port=port)
