"""A disk that is really full: a clear refusal, and deliveries that wait and spend no attempts.

SQLite is told that its file may have no more pages; in PostgreSQL a trigger says what the server
itself would say.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, OperationalError, connection
from django.db.backends.signals import connection_created
from django.test import Client
from django.urls import reverse

from integrations import pressure, retention
from integrations.dispatcher import Dispatcher
from integrations.models import IntegrationObject, Pressure, RequestLog, Status
from integrations.models.claim import Claims
from otms.accounts.models import Platform
from otms.api import intake
from otms.db.full import is_full
from otms.orders.models import TransportOrder
from tests import make
from tests.conftest import Api
from tests.pressure.conftest import Filled
from tests.queue.conftest import wait_for
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)
NO_LIMIT = 2**30
LONG = {"name": "4711", "description": "x" * 9000}  # which fits on no page that is there
RAISE = """
CREATE OR REPLACE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$
"""


@contextmanager
def full_disk(table: str) -> Iterator[None]:
    """No row more fits into this table; on SQLite into no table, if the row is long."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA page_count")
            cursor.execute(f"PRAGMA max_page_count={cursor.fetchone()[0]}")
        else:
            cursor.execute(RAISE)
            cursor.execute(
                f"CREATE TRIGGER full_disk BEFORE INSERT ON {table} EXECUTE FUNCTION full_disk()"
            )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute(f"PRAGMA max_page_count={NO_LIMIT}")
            else:
                cursor.execute(f"DROP TRIGGER full_disk ON {table}")


def the_error() -> OperationalError:
    """What Django raises of a full disk."""
    made = OperationalError("database or disk is full")
    if connection.vendor == "sqlite":
        small = sqlite3.connect(":memory:")
        small.execute("CREATE TABLE t (x)")
        small.execute("PRAGMA max_page_count=2")
        with closing(small), pytest.raises(sqlite3.OperationalError) as seen:
            small.execute("INSERT INTO t VALUES (?)", ["x" * 99_000])
        made.__cause__ = seen.value
        return made
    with full_disk("orders_business"), pytest.raises(OperationalError) as refused:
        make.BusinessFactory()
    return refused.value


def test_a_full_disk_is_told_from_other_faults() -> None:
    assert is_full(the_error())
    assert not is_full(OperationalError("could not connect"))
    with pytest.raises(DatabaseError) as seen, connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0" if connection.vendor == "postgresql" else "SELECT nothing")
    assert not is_full(seen.value)


def test_an_order_on_a_full_disk_is_refused_in_words_and_stored_in_no_part(
    api: Api, platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    with full_disk("orders_transportorder"):
        answer = api("POST", "transportOrder", LONG, headers={"Idempotency-Key": "once"})
    assert answer.status_code == 503
    assert answer["Retry-After"] == "60"
    assert answer.json()["errors"][0]["code"] == "disk_full"
    assert answer.json()["message"].startswith("The disk of the database is full, so nothing of")
    assert not TransportOrder.objects.of(platform).exists()
    assert "the disk of the database is full: " in caplog.text
    assert "Traceback" not in caplog.text
    answer = api("POST", "transportOrder", LONG, headers={"Idempotency-Key": "once"})
    assert answer.status_code == 200
    assert "Idempotency-Replayed" not in answer


def test_the_admin_says_so_too(platform: Platform) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(make.UserFactory(platform=platform, is_staff=True))
    page = reverse("admin:orders_transportorder_add")
    parts = {"consignments-TOTAL_FORMS": 0, "consignments-INITIAL_FORMS": 0}
    typed = {"name": "x", "status": "concept", "description": "x" * 9000, **parts}
    with full_disk("orders_transportorder"):
        answer = client.post(page, typed)
    assert answer.status_code == 503
    assert "The disk of the database is full" in answer.content.decode()


# The dispatcher.


class Disk:
    """Of those who connect from now on: has it room for request logs, which are long?"""

    def __init__(self) -> None:
        self.others: list[Any] = []
        self.limited = True

    def limit(self, connection: Any, **_: Any) -> None:
        if self.limited:
            self.others.append(connection)
            raw = connection.connection
            (count,) = raw.execute("PRAGMA page_count").fetchone()
            raw.execute(f"PRAGMA max_page_count={count}")

    def has_room(self) -> None:
        self.limited = False
        if connection.vendor == "sqlite":
            for each in self.others:
                if each.connection:
                    each.connection.execute(f"PRAGMA max_page_count={NO_LIMIT}")
        else:
            with connection.cursor() as cursor:
                cursor.execute("DROP TRIGGER full_disk ON integrations_requestlog")


@pytest.fixture
def disk() -> Iterator[Disk]:
    made = Disk()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("VACUUM")
            connection_created.connect(made.limit)
        else:
            cursor.execute(RAISE)
            cursor.execute(
                "CREATE TRIGGER full_disk BEFORE INSERT ON integrations_requestlog "
                "EXECUTE FUNCTION full_disk()"
            )
    yield made
    connection_created.disconnect(made.limit)
    if made.limited:
        made.has_room()


def test_outcomes_wait_for_room_and_nothing_is_sent_twice(
    disk: Disk,
    platform: Platform,
    sink: Sink,
    settings: LazySettings,
    caplog: pytest.LogCaptureFixture,
    mailed: dict[str, str],
) -> None:
    settings.OTMS_LEASE_MARGIN_SECONDS = 1
    disk.limited = False
    make.integration(
        sink.url("/big/60000"), platform=platform, mapping=None, delivery={"timeout": 1}
    )
    for name in ("one", "two"):
        make.OrderFactory(platform=platform, customer=None, name=name, description="x" * 9000)
    disk.limited = True
    dispatcher = Dispatcher(poll=0.1)
    dispatcher.start()
    try:
        assert sink.wait(2)["attempts"] == 2
        wait_for(lambda: "deliveries wait until there is room" in caplog.text)
        queue = IntegrationObject.objects.of(platform)
        wait_for(lambda: not queue.filter(due_at__gt=datetime.now(UTC)).exists(), 10)
        make.OrderFactory(platform=platform, customer=None, name="three")
        threading.Event().wait(2.5)  # their leases are over, and nobody sends them again
        assert sink.stats()["attempts"] == 2
        assert dispatcher.idle < 2, "it hangs nowhere, so the watchdog leaves it alone"
        disk.has_room()
        wait_for(lambda: queue.filter(status=Status.SUCCESS).count() == 3)
    finally:
        dispatcher.stop()
    assert sink.stats()["attempts"] == 3
    assert {each.attempts for each in queue} == {1}
    assert {each.interruptions for each in queue} == {0}
    assert RequestLog.objects.of(platform).count() == 3
    said = [each.getMessage() for each in caplog.records if each.name.endswith("ledger")]
    assert len([text for text in said if "deliveries wait until" in text]) == 1
    assert len([text for text in said if "deliveries go on" in text]) == 1
    assert mailed["disk-full"] == "the disk of the database is full"


def test_claims_wait_for_room_and_say_so_once(
    platform: Platform,
    sink: Sink,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    mailed: dict[str, str],
) -> None:
    error, claim = the_error(), Dispatcher._claim_due
    full = threading.Event()
    full.set()

    def claimed(self: Any, **wanted: bool) -> Claims:
        if full.is_set():
            raise error
        return claim(self, **wanted)

    monkeypatch.setattr(Dispatcher, "_claim_due", claimed)
    monkeypatch.setattr("integrations.ledger.BROKEN_SECONDS", 0.1)
    make.integration(sink.url(), platform=platform)
    make.OrderFactory(platform=platform, customer=None)
    dispatcher = Dispatcher(poll=0.1)
    dispatcher.start()
    try:
        threading.Event().wait(1)
        assert dispatcher.idle < 0.5, "it hangs nowhere, so the watchdog leaves it alone"
        full.clear()
        assert sink.wait(1)["attempts"] == 1
        wait_for(lambda: "deliveries go on" in caplog.text)
    finally:
        dispatcher.stop()
    assert caplog.text.count("deliveries wait until there is room") == 1
    assert [*mailed] == ["disk-full"]


# Before it is full.


@pytest.fixture
def free(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """So many bytes are free."""
    settings.OTMS_DISK_LOW_BYTES, settings.OTMS_DISK_FULL_BYTES = 2_000_000_000, 500_000_000

    def set_free(count: int) -> None:
        monkeypatch.setattr(pressure, "disk_free", lambda: count)

    return set_free


def test_little_room_is_told_and_too_little_stops_what_comes_in(
    filled: Filled, free: Any, api: Api, mailed: dict[str, str], said: Any
) -> None:
    for left, turned in (
        (3_000_000_000, False),
        (2_000_000_000, False),
        (500_000_000, True),
        (600_000_000, False),
        (1_300_000_000, False),
        (3_000_000_000, False),
    ):
        free(left)
        assert filled.measure() is turned
    assert said() == [
        ("WARNING", "the disk runs full"),
        ("ERROR", "the disk is full: nothing more is taken in"),
        ("INFO", "the disk has room again: intake goes on"),
        ("INFO", "the disk has room again"),
    ]
    assert list(mailed.values()) == [text for _, text in said()]
    free(1)
    filled.measure()
    api.refused("POST", "transportOrder", {"name": "x"}, code=503)
    assert intake.said() == "Stopped: too little room on the disk of the database."


def test_what_is_free_is_what_the_machine_says_and_of_a_server_nobody_knows() -> None:
    found = pressure.disk_free()
    if connection.vendor == "postgresql":
        assert found is None
        return
    assert found is not None
    assert found > 1_000_000
    with connection.cursor() as cursor:
        cursor.execute("SELECT page_size FROM pragma_page_size()")
        (size,) = cursor.fetchone()
        before = pressure.database_size()
        cursor.execute("CREATE TABLE much (x)")
        cursor.execute("INSERT INTO much VALUES (zeroblob(5000000))")
        grown = pressure.database_size()
        cursor.execute("DROP TABLE much")
    assert grown - before > 5_000_000
    assert abs(pressure.database_size() - before) <= 2 * size, "what is free within is free"


def test_a_database_has_the_size_that_it_may_have(
    filled: Filled, settings: LazySettings, api: Api
) -> None:
    settings.OTMS_MOST_DATABASE_BYTES = pressure.database_size()
    filled.measure()
    found = api.refused("POST", "business", {"name": "x"}, code=503)
    assert found["errors"][0]["code"] == "database_full"
    assert found["message"].startswith("The database is as large as it may be. Nothing of this")
    settings.OTMS_MOST_DATABASE_BYTES *= 10
    filled.measure()
    api.ok("POST", "business", {"name": "x"})


def test_a_disk_on_which_not_even_that_fits_is_told_by_the_cache_alone(
    filled: Filled, monkeypatch: pytest.MonkeyPatch, api: Api, mailed: dict[str, str]
) -> None:
    error = the_error()

    def refused(*_: Any) -> None:
        raise error

    monkeypatch.setattr(pressure, "_write_down", refused)
    assert filled.measure() is True
    assert not Pressure.objects.exists()
    found = api.refused("POST", "transportOrder", {"name": "x"}, code=503)
    assert found["errors"][0]["code"] == "disk_full"
    assert [*mailed] == ["disk-full"]


def test_history_is_forgotten_without_a_rest_while_the_disk_is_full(
    filled: Filled, free: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    monkeypatch.setattr(retention.time, "sleep", rests.append)
    retention.work_off()
    assert rests
    assert min(rests) >= retention.PAUSE
    rests.clear()
    free(1)
    filled.measure()
    retention.work_off()
    assert {*rests} == {0}
