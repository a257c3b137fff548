"""An order is a row: once, the newest, and with the database's own words when it says no."""

import gc
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection as ours

from integrations.connectors import postgresql
from integrations.connectors.base import Delivery
from integrations.core.errors import MappingError
from integrations.dispatcher import THREADS_EACH, Dispatcher
from integrations.http import Exchange
from integrations.models import DataSource, RequestLog, Status
from otms import documents
from tests import make
from tests.queue.conftest import Queue, wait_for

ROW = {"id": "4711", "name": "Acme", "weight": Decimal("12.50"), "payload": {"a": [1]}}


def delivery(sequence: int = 1) -> Delivery:
    return Delivery(id="id", attempt=1, sequence=sequence, timestamp=1, traceparent="00-0-0-01")


def settings(port: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": port,
        "database": "warehouse",
        "user": "otms",
        "table": "orders",
        "tls": "off",
        **more,
    }


def problems(**more: Any) -> list[tuple[str, str]]:
    found = postgresql.Connector.problems(settings(**more), {})
    return [(problem.field, problem.code) for problem in found]


# Without a database.


def test_settings_name_what_is_wrong_with_them() -> None:
    assert problems() == []
    assert problems(host="10.0.0.1") == [("host", "address_refused")]
    assert problems(host="db.example/x") == [("host", "address_refused")]
    assert problems(port=0) == [("port", "min_value")]
    assert problems(tls="perhaps") == [("tls", "invalid_choice")]
    assert problems(tabel="orders") == [("tabel", "unknown_field")]


def test_the_certificate_is_checked_unless_somebody_says_otherwise() -> None:
    plain = {name: value for name, value in settings().items() if name != "tls"}
    assert postgresql.Connector(plain, {}).settings["tls"] == "verify"


def test_a_password_is_for_the_connection_it_was_typed_for() -> None:
    plain = {name: value for name, value in settings().items() if name != "tls"}

    def bound_to(**more: Any) -> Any:
        return postgresql.Connector.bound_to({**plain, **more}, "password")

    assert bound_to() == bound_to(tls="verify", schema="public", table="other")
    for name, value in {"tls": "off", "host": "db.example", "port": 2, "user": "root"}.items():
        assert bound_to() != bound_to(**{name: value}), name


def test_a_row_has_its_key_and_its_version() -> None:
    made = postgresql.Connector(settings(), {}).request(ROW, delivery(7))
    assert made.where == "postgresql://127.0.0.1:1/warehouse/public.orders"
    assert documents.loads(made.body) == {**ROW, "version": 7}


@pytest.mark.parametrize("document", [{"name": "Acme"}, {"id": None}, ["4711"], "4711"])
def test_a_row_without_its_key_is_not_sent(document: Any) -> None:
    with pytest.raises(MappingError, match="with the key `id` among them"):
        postgresql.Connector(settings(), {}).request(document, delivery())


def send(port: int, timeout: float = 2, **more: Any) -> Exchange:
    connector = postgresql.Connector(settings(port, **more), {"password": "sesame"})
    return connector.send(connector.request(ROW, delivery()), timeout=timeout)


def test_a_database_that_is_away_is_tried_again() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        exchange = send(sock.getsockname()[1])
    assert exchange.error_kind == "connect"
    assert not exchange.sent


@pytest.mark.timeout(30)
def test_a_database_that_never_answers_is_left() -> None:
    gc.disable()  # the connection ends by itself
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            exchange = send(server.getsockname()[1])
            caller, _ = server.accept()
            with caller:
                while caller.recv(65536):
                    pass
    finally:
        gc.enable()
    assert exchange.error_kind == "timeout"


def message(kind: bytes, body: bytes = b"") -> bytes:
    """One message as a server sends it."""
    return kind + struct.pack("!I", len(body) + 4) + body


LET_IN = message(b"R", bytes(4))
READY = message(b"Z", b"I")
NOTICE = message(b"N", b"SNOTICE\0C00000\0M" + b"x" * 20_000 + b"\0\0")
ROW_OF_ONE = message(b"D", struct.pack("!Hi", 1, 20_000) + b"x" * 20_000)
COLUMNS = message(b"T", struct.pack("!H", 1) + b"a\0" + struct.pack("!IHIhIH", 0, 0, 25, -1, 0, 0))
BEGUN = message(b"C", b"BEGIN\0") + message(b"Z", b"T")
LOUD = {
    "at the login": [LET_IN, NOTICE],
    "with rows": [LET_IN + READY, BEGUN, message(b"1") + message(b"2") + COLUMNS, ROW_OF_ONE],
    "with an error": [LET_IN + READY, BEGUN, b"E" + struct.pack("!I", 2**30) + b"M", NOTICE],
}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what comes")
@pytest.mark.parametrize("said", LOUD.values(), ids=LOUD)
def test_a_server_that_goes_on_and_on_is_left(said: list[bytes]) -> None:
    def answer() -> None:
        caller, _ = server.accept()
        with caller, suppress(OSError):
            for each in said[:-1]:
                caller.recv(65536)
                caller.sendall(each)
            while True:
                said_in_all.append(caller.send(flood))

    flood, said_in_all = said[-1] * 200, [0]
    with socket.create_server(("127.0.0.1", 0)) as server:
        talking = threading.Thread(target=answer)
        talking.start()
        # Long enough for a busy machine: it is what was said that ends the call, not the time.
        exchange = send(server.getsockname()[1], timeout=20)
        talking.join()
    assert exchange.error_kind == "refused"
    assert "more than 1 MiB" in exchange.error
    assert sum(said_in_all) < 100 * 1024 * 1024  # what libpq would take in is a GiB


def test_nobody_comes_to_a_forbidden_address() -> None:
    exchange = send(5432, host="10.0.0.1")
    assert exchange.error_kind == "egress"
    assert "a private address" in exchange.error


@pytest.mark.django_db(transaction=True)
def test_a_hanging_database_holds_up_no_other(queue: Queue) -> None:
    dispatcher = Dispatcher()
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        hanging = delivering(queue, settings(server.getsockname()[1]), concurrency=100)
        queue.put(hanging, *(uuid4() for _ in range(40)))
        dispatcher.start()
        callers = [server.accept()[0] for _ in range(THREADS_EACH)]
        wait_for(lambda: not queue.all.filter(claimed_at=None).exists())
        away = delivering(queue, settings(host="10.0.0.1"))
        hanging.switch(on=False)
        (other,) = queue.put(away, uuid4())
        wait_for(lambda: queue.all.get(pk=other.pk).status == Status.ERROR, 20)
        assert queue.all.filter(integration=hanging, status=Status.QUEUE).count() == 40
        for caller in callers:
            caller.close()
    dispatcher.stop()


def delivering(queue: Queue, given: dict[str, Any], **delivery: Any) -> Any:
    """An integration that writes to this database, with 10 s for each call."""
    made = make.IntegrationFactory(platform=queue.platform, delivery={"timeout": 10, **delivery})
    DataSource.objects.create(
        platform=queue.platform,
        integration=made,
        connector="postgresql",
        settings=given,
        mapping={"id": "$.transportOrder.id"},
    )
    return made


# With one.


class Warehouse:
    """A database of somebody else's, and a role that may write one table of it."""

    def __init__(self, conninfo: dict[str, Any]) -> None:
        self.conninfo = conninfo
        self.role = f"otms_{uuid4().hex[:8]}"

    def sql(self, text: str) -> list[Any]:
        with psycopg.connect(**self.conninfo, autocommit=True) as connection:
            found = connection.execute(text)
            return found.fetchall() if found.description else []

    def connector(self, **more: Any) -> postgresql.Connector:
        given = settings(
            self.conninfo["port"],
            host=self.conninfo["host"],
            database=self.conninfo["dbname"],
            user=self.role,
            schema=self.role,
        )
        return postgresql.Connector({**given, **more}, {"password": "sesame"})

    def upsert(self, sequence: int, row: dict[str, Any], **more: Any) -> Exchange:
        connector = self.connector(**more)
        return connector.send(connector.request(row, delivery(sequence)), timeout=10)

    @property
    def rows(self) -> list[Any]:
        return self.sql(f"SELECT id, name, weight, payload, version FROM {self.role}.orders")


@pytest.fixture
def warehouse(django_db_blocker: Any) -> Iterator[Warehouse]:
    found = ours.settings_dict
    made = Warehouse(
        {
            "host": found["HOST"],
            "port": int(found["PORT"] or 5432),
            "user": found["USER"],
            "password": found["PASSWORD"],
            "dbname": "postgres",
        }
    )
    role = made.role
    made.sql(f"CREATE ROLE {role} LOGIN PASSWORD 'sesame'")
    made.sql(f"CREATE SCHEMA {role}")
    made.sql(
        f"CREATE TABLE {role}.orders (id text PRIMARY KEY, version bigint NOT NULL, name text,"
        " weight numeric, payload jsonb)"
    )
    made.sql(f"GRANT USAGE ON SCHEMA {role} TO {role}")
    made.sql(f"GRANT SELECT, INSERT, UPDATE ON {role}.orders TO {role}")
    yield made
    made.sql(f"DROP SCHEMA {role} CASCADE")
    made.sql(f"DROP ROLE {role}")


@pytest.mark.services
def test_a_row_is_written_once_and_only_by_what_is_newer(warehouse: Warehouse) -> None:
    assert warehouse.upsert(7, ROW).error == ""
    assert warehouse.rows == [("4711", "Acme", Decimal("12.50"), {"a": [1]}, 7)]
    assert warehouse.upsert(7, {**ROW, "name": "twice"}).body.startswith(b"nothing")
    assert warehouse.upsert(6, {**ROW, "name": "late"}).body.startswith(b"nothing")
    assert warehouse.upsert(9, {**ROW, "name": "newer"}).error == ""
    assert [row[1] for row in warehouse.rows] == ["newer"]


@pytest.mark.services
def test_names_and_values_stay_what_they_are(warehouse: Warehouse) -> None:
    odd = 'na"me; DROP TABLE orders'
    warehouse.sql(f"""ALTER TABLE {warehouse.role}.orders ADD "na""me; DROP TABLE orders" text""")
    warehouse.sql(f'ALTER TABLE {warehouse.role}.orders ADD "%s" text, ADD "50% off" text')
    row = {**ROW, odd: "'; --", "name": "%s", "%s": "x", "50% off": "y"}
    assert warehouse.upsert(1, row).error == ""
    assert [row[1] for row in warehouse.rows] == ["%s"]


@pytest.mark.services
@pytest.mark.parametrize(
    ("row", "more", "says"),
    [
        ({"id": "1", "colour": "red"}, {}, 'column "colour" of relation "orders" does not exist'),
        ({"id": "1", "weight": "heavy"}, {}, "invalid input syntax for type numeric"),
        ({"id": "1"}, {"table": "gone"}, "does not exist (SQLSTATE 42P01)"),
        ({"id": "1"}, {"database": "gone"}, 'database "gone" does not exist'),
    ],
)
def test_what_the_database_refuses_is_final(
    warehouse: Warehouse, row: Any, more: Any, says: str
) -> None:
    exchange = warehouse.upsert(1, row, **more)
    assert exchange.error_kind == "refused"
    assert says in exchange.error


@pytest.mark.services
def test_a_locked_row_is_tried_again(warehouse: Warehouse) -> None:
    warehouse.upsert(1, ROW)
    connector = warehouse.connector()
    request = connector.request(ROW, delivery(2))
    with psycopg.connect(**warehouse.conninfo) as other:
        other.execute(f"SELECT 1 FROM {warehouse.role}.orders FOR UPDATE")
        exchange = connector.send(request, timeout=1)
    assert exchange.error_kind == "timeout"
    assert connector.send(request, timeout=10).error == ""


@pytest.mark.services
def test_a_check_writes_nothing_and_says_what_is_missing(warehouse: Warehouse) -> None:
    assert warehouse.connector().check(timeout=10) == ""
    assert "has no column `number`" in warehouse.connector(key="number").check(timeout=10)
    sample = {"id": "1", "name": "Acme", "colour": "red", "size": 4}
    found = warehouse.connector().check(timeout=10, sample=sample)
    assert found.endswith("has no column `colour`, `size`.")
    assert "`name` of" in warehouse.connector(key="name").check(timeout=10)
    assert "does not exist" in warehouse.connector(table="gone").check(timeout=10)
    warehouse.sql(f"REVOKE UPDATE ON {warehouse.role}.orders FROM {warehouse.role}")
    assert "GRANT SELECT, INSERT, UPDATE" in warehouse.connector().check(timeout=10)
    assert warehouse.rows == []


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_an_order_becomes_a_row(queue: Queue, warehouse: Warehouse) -> None:
    made = make.integration(platform=queue.platform)
    connector = warehouse.connector()
    DataSource.objects.create(
        platform=queue.platform,
        integration=made,
        connector="postgresql",
        settings=connector.settings,
        secrets=connector.secrets,
        mapping={"id": "$.transportOrder.id", "name": "$.transportOrder.name"},
    )
    order = queue.save_order(name="4711")
    queue.run()
    assert queue.only.status == Status.SUCCESS
    assert [row[:2] for row in warehouse.rows] == [(str(order.pk), "4711")]
    entry = RequestLog.objects.of(queue.platform).get()
    assert (entry.method, entry.response_status, entry.response_body) == ("UPSERT", None, "1 row")
    assert "sesame" not in str(vars(entry))


def test_the_version_has_a_column_of_its_own() -> None:
    assert problems(key="id", version="id") == [("version", "same_column")]


def test_what_is_cut_off_says_so() -> None:
    assert postgresql._shortened("no  good\n") == "no good"
    for long in ("no " * 200, "no" + " " * 2_000 + "good"):
        assert postgresql._shortened(long).endswith("…")
