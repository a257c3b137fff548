"""Write the document as a row of a table in PostgreSQL: a warehouse that is always up to date.

One row for each record, found by its key and replaced when a newer version comes. What is late or
comes twice changes nothing, because a row knows the version it is of.
"""

import os
import re
import socket
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.utils.translation import gettext_noop
from psycopg import errors, sql
from psycopg.types.json import Jsonb
from rest_framework import serializers
from rest_framework.fields import empty

from integrations import egress
from integrations.connectors import base
from integrations.connectors._deadline import ended_at
from integrations.connectors._meter import Meter
from integrations.core.errors import MappingError
from integrations.http import ErrorKind, Exchange, Request
from otms import __version__, documents

# A sound certificate by default; who runs a database inside a trusted network may say otherwise.
TLS = {"verify": "verify-full", "require": "require", "off": "disable"}
# psycopg waits at least two seconds for each address, so not all of many are tried.
MOST_ADDRESSES = 2
SHORTEST_WAIT = 2
# What a server says that will take us later. The rest of what it says before a session begins (the
# password is wrong, there is no such database) stays so until a person mends it.
LATER = re.compile(r"too many|remaining connection slots|starting up|shutting down|recovery")
# By the class of the SQLSTATE, from PostgreSQL's documentation, appendix A: worth another attempt
# are connections (08), conflicts (40), resources (53), locks (55) and interventions (57).
TRANSIENT = ("08", "40", "53", "55", "57")
# Of one session. What we ask has short answers; libpq would keep whatever a server pours out.
MOST_HEARD = 1024 * 1024
LONGEST_SAID = 500

INSERT = """
    INSERT INTO {table} AS held ({columns}) VALUES ({values})
    ON CONFLICT ({key}) DO UPDATE SET {sets} WHERE held.{version} < EXCLUDED.{version}
"""
# Does the table hold what every row needs, and may we write there?
LOOK = """
    SELECT has_table_privilege(%(table)s::regclass, 'INSERT, SELECT'),
           has_table_privilege(%(table)s::regclass, 'UPDATE'),
           array(SELECT attname::text FROM pg_attribute
                 WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped),
           EXISTS (SELECT FROM pg_index, pg_attribute a
                   WHERE indrelid = %(table)s::regclass AND indisunique AND indnkeyatts = 1
                     AND indpred IS NULL AND a.attrelid = indrelid AND a.attnum = indkey[0]
                     AND a.attname = %(key)s)
"""


class Settings(base.Settings):
    host = serializers.CharField(
        max_length=255, help_text=gettext_noop("Where the database is: db.example")
    )
    port = serializers.IntegerField(required=False, min_value=1, max_value=65535, default=5432)
    database = serializers.CharField(max_length=63)
    user = serializers.CharField(
        max_length=63, help_text=gettext_noop("A role that may write this table only.")
    )
    password = serializers.CharField(
        required=False, allow_blank=True, max_length=500, write_only=True, trim_whitespace=False
    )
    schema = serializers.CharField(required=False, max_length=63, default="public")
    table = serializers.CharField(
        max_length=63, help_text=gettext_noop("The table; it must be there.")
    )
    key = serializers.CharField(
        required=False, max_length=63, default="id", help_text=gettext_noop("Its unique column.")
    )
    version = serializers.CharField(
        required=False,
        max_length=63,
        default="version",
        help_text=gettext_noop(
            "A bigint column; the engine fills it, so that nothing old replaces the new."
        ),
    )
    tls = serializers.ChoiceField(
        list(TLS),
        required=False,
        default="verify",
        help_text=gettext_noop(
            "verify: a certificate for this host; require: any certificate; off: none."
        ),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            egress.check_host(attrs["host"], attrs["port"])
        except (ValueError, OSError) as error:
            raise serializers.ValidationError({"host": str(error)}, "address_refused") from None
        if attrs["key"] == attrs["version"]:
            text = "The version has a column of its own, beside the key."
            raise serializers.ValidationError({"version": text}, "same_column")
        return attrs


DEFAULTS = {
    name: field.default for name, field in Settings().fields.items() if field.default is not empty
}


class Connector(base.BlockingConnector):
    label = gettext_noop("PostgreSQL")
    Settings = Settings

    def __init__(self, settings: dict[str, Any], secrets: dict[str, Any]) -> None:
        super().__init__({**DEFAULTS, **settings}, secrets)

    def request(self, document: Any, delivery: base.Delivery) -> Request:
        if not isinstance(document, dict) or document.get(self.settings["key"]) in (None, ""):
            key = self.settings["key"]
            text = f"The mapping must make an object of columns, with the key `{key}` among them."
            raise MappingError(key, "", text)
        row = {**document, self.settings["version"]: delivery.sequence}
        return Request("UPSERT", self._url(), body=documents.dumps(row))

    def send(self, request: Request, *, timeout: float) -> Exchange:
        row = {name: _cell(value) for name, value in documents.loads(request.body).items()}
        key, version = self.settings["key"], self.settings["version"]
        sets = [name for name in row if name != key]
        statement = sql.SQL(INSERT).format(
            table=_named(self._table()),
            columns=sql.SQL(", ").join(_named(sql.Identifier(name)) for name in row),
            values=sql.SQL(", ").join(sql.Placeholder() * len(row)),
            key=_named(sql.Identifier(key)),
            version=_named(sql.Identifier(version)),
            sets=sql.SQL(", ").join(
                sql.SQL("{0} = EXCLUDED.{0}").format(_named(sql.Identifier(name))) for name in sets
            ),
        )
        exchange = Exchange(request)

        def write(connection: _Line) -> None:
            written = connection.execute(statement, list(row.values())).rowcount
            exchange.body = b"1 row" if written else b"nothing: a newer version is there"

        return self._talked(exchange, timeout, write)

    def check(self, *, timeout: float, sample: Any = None) -> str:
        """Log in and look at the table, with the columns of a sample; nothing is written."""
        wrong: list[str] = []
        exchange = Exchange(self.hiding(Request("CHECK", self._url())))
        row = dict.fromkeys([self.settings["key"], self.settings["version"], *(sample or ())])
        self._talked(exchange, timeout, lambda found: wrong.extend(self._seen(found, row)))
        return exchange.unsaid().error or " ".join(wrong)

    def _seen(self, connection: "_Line", row: Iterable[str]) -> Iterator[str]:
        """What the table lacks for such a row to be written."""
        key = self.settings["key"]
        table = self._table().as_string(connection)
        found = connection.execute(LOOK, {"table": table, "key": key}).fetchone()
        may_add, may_change, columns, unique = found or (False, False, [], False)
        if lacking := ", ".join(f"`{name}`" for name in row if name not in columns):
            yield f"The table {table} has no column {lacking}."
        if key in columns and not unique:
            yield f"The column `{key}` of {table} is not unique; make it the primary key."
        if not (may_add and may_change):
            user = self.settings["user"]
            yield f"{user} may not write: GRANT SELECT, INSERT, UPDATE ON {table} TO {user}"

    @classmethod
    def bound_to(cls, settings: dict[str, Any], secret: str) -> tuple[str, ...] | None:
        # Its TLS too: without, whoever is on the way could ask for the password.
        whole = {**DEFAULTS, **settings}
        return tuple(str(whole.get(name, "")) for name in ("host", "port", "user", "tls"))

    def _url(self) -> str:
        place = "{host}:{port}/{database}/{schema}.{table}".format_map(self.settings)
        return f"postgresql://{place}"

    def _table(self) -> sql.Identifier:
        return sql.Identifier(self.settings["schema"], self.settings["table"])

    def _talked(
        self, exchange: Exchange, timeout: float, work: Callable[["_Line"], None]
    ) -> Exchange:
        """Work on a connection, in one transaction; what goes wrong is told in the exchange."""
        started = time.monotonic()
        deadline = started + timeout
        try:
            with (
                self._connection(deadline) as connection,
                ended_at(deadline, connection.fileno()),
                connection,
            ):
                exchange.sent = True
                work(connection)
        except (psycopg.Error, OSError, ValueError) as fault:
            if time.monotonic() >= deadline:
                exchange.error_kind = "timeout"
                exchange.error = f"No complete answer within {timeout:g} s."
            else:
                exchange.error_kind, exchange.error = _explained(fault)
            # A connection that never came about stays open in there until the next garbage is
            # collected: a server that hangs would soon have all our sockets.
            traceback.clear_frames(fault.__traceback__)
        exchange.duration_ms = (time.monotonic() - started) * 1000
        return exchange

    @contextmanager
    def _connection(self, deadline: float) -> Iterator["_Line"]:
        settings = self.settings
        left = deadline - time.monotonic()
        found = egress.dialable(settings["host"], settings["port"], timeout=left)[:MOST_ADDRESSES]
        wait = max(int(left / len(found)), SHORTEST_WAIT)
        connection = _Line.connect(
            host=",".join([settings["host"]] * len(found)),
            hostaddr=",".join(found),
            port=settings["port"],
            dbname=settings["database"],
            user=settings["user"],
            password=self.secrets.get("password", ""),
            sslmode=TLS[settings["tls"]],
            sslrootcert="system" if settings["tls"] == "verify" else None,
            sslcertmode="disable",
            gssencmode="disable",
            passfile=os.devnull,
            connect_timeout=wait,
            application_name=f"otms/{__version__}",
            options=f"-c statement_timeout={max(int(left * 1000), 1)}",
        )
        try:
            yield connection
        finally:
            connection.close()


class _Line(psycopg.Connection[Any]):
    """A connection that ends when the server says more than it was asked."""

    @classmethod
    def _connect_gen(cls, *args: Any, **kwargs: Any) -> Any:
        return _metered(super()._connect_gen(*args, **kwargs), lambda waits: waits[0])

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        return super().wait(_metered(gen, lambda _: self.fileno()), *args, **kwargs)


def _metered(steps: Any, fileno: Callable[[Any], int]) -> Generator[Any, Any, Any]:
    """The same steps, while somebody looks at how much comes."""
    with Meter(MOST_HEARD) as meter:
        try:
            waits = next(steps)
            while meter.look(fileno(waits)):
                waits = steps.send((yield waits))
        except StopIteration as done:
            return done.value
        except psycopg.Error:
            if not meter.exceeded:
                raise
    raise ValueError("The server says more than 1 MiB where a short answer is due.")


def _named(identifier: sql.Identifier) -> sql.Composable:
    """A name in a statement with placeholders: a % in it would be read as one of them."""
    return sql.SQL(identifier.as_string().replace("%", "%%"))


def _cell(value: Any) -> Any:
    return Jsonb(value, dumps=documents.dumps) if isinstance(value, dict | list) else value


def _explained(fault: Exception) -> tuple[ErrorKind, str]:
    said = _shortened(fault) or type(fault).__name__
    if isinstance(fault, egress.EgressRefused):
        return "egress", f"Not called: {said}."
    if isinstance(fault, psycopg.errors.ConnectionTimeout):
        return "timeout", "The database did not answer in time."
    if isinstance(fault, psycopg.Error) and fault.sqlstate:
        spoken = _shortened(fault.diag.message_primary or said)
        state = f"{spoken} (SQLSTATE {fault.sqlstate})"
        if isinstance(fault, errors.QueryCanceled):
            return "timeout", state
        return ("busy" if fault.sqlstate[:2] in TRANSIENT else "refused"), state
    if isinstance(fault, psycopg.OperationalError):
        if "FATAL" in said:
            return ("busy" if LATER.search(said) else "refused"), said
        return ("tls" if "SSL" in said or "certificate" in said else "connect"), said
    if isinstance(fault, socket.gaierror):
        return "dns", f"The name could not be resolved: {fault.strerror}."
    if isinstance(fault, psycopg.Error | ValueError):
        return "refused", said
    return "connect", said


def _shortened(said: object) -> str:
    """What is cut off ends in an ellipsis: what is masked is known by its beginning there."""
    text = str(said)
    short = " ".join(text[: 2 * LONGEST_SAID].split())
    whole = len(short) <= LONGEST_SAID and len(text) <= 2 * LONGEST_SAID
    return short if whole else f"{short[: LONGEST_SAID - 1]}…"
