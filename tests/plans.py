"""How PostgreSQL goes about what it is asked."""

from collections.abc import Iterator

from django.db import connection
from django.test.utils import CaptureQueriesContext


def explained(queries: CaptureQueriesContext, table: str) -> Iterator[str]:
    """The plans of what was captured about this table, but of what is only put into it.

    What is captured has its values in it, and no plan of it is kept.
    """
    for query in queries.captured_queries:
        if table in query["sql"] and not query["sql"].startswith("INSERT"):
            yield _explain(query["sql"])


def kept(table: str) -> Iterator[str]:
    """The plans that the connection has for statements about this table, whatever their values."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, cardinality(parameter_types) FROM pg_prepared_statements"
            " WHERE statement LIKE %s AND statement NOT LIKE %s",
            [f"%{table}%", "INSERT%"],
        )
        found = cursor.fetchall()
        cursor.execute("SET plan_cache_mode = force_generic_plan")
    for name, count in found:
        yield _explain(f"EXECUTE {name} ({', '.join(['NULL'] * count)})")
    with connection.cursor() as cursor:
        cursor.execute("RESET plan_cache_mode")


def _explain(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(row[0] for row in cursor.fetchall())
