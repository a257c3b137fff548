"""The services that all candidates share."""

from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from django.conf import LazySettings

from tests.chaos.server import PostgresServer
from tests.chaos.system import Deployment, answers, free_port, wait_for

# What begins and ends transactions, and what PostgreSQL asks itself to check a foreign key.
BESIDE = "^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)|FROM ONLY .* FOR KEY SHARE OF x$"
COUNTED = f"""
SELECT COALESCE(sum(calls) FILTER (WHERE query !~* '{BESIDE}'), 0)
  FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = %s
"""


class Services(Deployment):
    """A PostgreSQL that counts its statements, and a Redis, both with nothing else to do."""

    def __init__(self, folder: Path, settings: LazySettings) -> None:
        super().__init__(folder, settings)
        self.postgres = PostgresServer("shared_preload_libraries=pg_stat_statements")
        self._sql("CREATE EXTENSION pg_stat_statements")
        self.port = free_port()
        options = ["--save", "", "--appendonly", "no", "--dir", str(folder)]
        self.redis = self.start("redis", "redis-server", "--port", str(self.port), *options)
        wait_for(lambda: answers(self.port))
        self._brokers = iter(range(16))

    def broker(self) -> str:
        """The URL of one that nobody else uses."""
        return f"redis://127.0.0.1:{self.port}/{next(self._brokers)}"

    def database(self, name: str, template: str = "template1") -> str:
        self._sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.postgres.url(name)

    def tidy(self, url: str) -> None:
        """As autovacuum leaves tables within a minute; a run has no time to wait for it."""
        with closing(psycopg.connect(url, autocommit=True)) as server:
            server.execute("VACUUM ANALYZE")

    def forget_statements(self) -> None:
        self._sql("SELECT pg_stat_statements_reset()")

    def statements(self, database: str) -> int:
        """How many came over its connections, but for those that begin and end transactions."""
        return int(self._sql(COUNTED, database)[0][0])

    def end(self) -> None:
        super().end()
        self.postgres.remove()

    def _sql(self, sql: str, *values: str) -> list[Any]:
        with closing(psycopg.connect(self.postgres.url(), autocommit=True)) as server:
            cursor = server.execute(sql, values)
            return cursor.fetchall() if cursor.description else []
