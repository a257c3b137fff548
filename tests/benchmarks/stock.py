"""A queue as it is after a year: many objects, made by a few statements."""

from collections.abc import Mapping
from uuid import uuid4

from django.db import connection

from integrations.models import EntityChange, IntegrationObject, Log, RequestLog
from integrations.models.integration import Integration

TABLE = IntegrationObject._meta.db_table
LOG, CALL = Log._meta.db_table, RequestLog._meta.db_table
BY_ITSELF = ("id", "uuid")

# Of a queue row, what differs from a row that has just been queued: SQL over `n`, which counts.
FINISHED = {
    "status": "'SUCCESS'",
    "holds_lane": "false",
    "due_at": "NULL",
    "attempts": "1",
    "fence": "1",
    "finished_at": "now()",
    "lane": "'finished ' || n % 100000",
}


def objects(integration: Integration, n: int, values: Mapping[str, str]) -> None:
    """Add n objects of one integration; `values` is SQL for columns, over `n` from 0."""
    lane = uuid4()
    change = EntityChange.objects.create(
        platform=integration.platform,
        entity="transportOrder",
        entity_id=lane,
        action="created",
        after={"id": str(lane), "name": "4711", "status": "planned"},
    )
    (model,) = IntegrationObject.objects.bulk_create(
        [
            IntegrationObject(
                platform=integration.platform,
                integration=integration,
                change=change,
                entity="transportOrder",
                entity_id=lane,
                holds_lane=True,
            )
        ]
    )
    columns = [f.column for f in IntegrationObject._meta.fields if f.column not in BY_ITSELF]
    chosen = [values.get(column, column) for column in columns]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {TABLE} (uuid, {', '.join(columns)})"
            f" SELECT gen_random_uuid(), {', '.join(chosen)}"
            f" FROM {TABLE}, generate_series(0, {n - 1}) n WHERE {TABLE}.id = {model.pk}"
        )
    model.delete()


def logs() -> None:
    """Of each finished object, a line and a call as a delivery leaves them."""
    of_object = f"FROM {TABLE} WHERE status = 'SUCCESS'"
    common = "uuid, platform_id, integration_id, object_id, created_at"
    values = "gen_random_uuid(), platform_id, integration_id, id, created_at"
    body = "'{\"erp_order_id\": \"' || uuid || '\"}'"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {LOG} ({common}, level, code, message)"
            f" SELECT {values}, 'info', 'delivered', 'It answered 200 in 12 ms.' {of_object}"
        )
        cursor.execute(
            f"INSERT INTO {CALL} ({common}, attempt, method, url, request_headers, request_body,"
            " response_status, response_headers, response_body, truncated, error, duration_ms,"
            " interrupted, test)"
            f" SELECT {values}, 1, 'POST', 'https://erp.example/orders', '{{}}', {body},"
            f" 200, '{{}}', '{{\"ok\":true}}', false, '', 12, false, false {of_object}"
        )


def sizes() -> dict[str, float]:
    """What the tables of the history and their indexes take, in MiB."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_table_size(relid) / 1048576.0, pg_indexes_size(relid) / 1048576.0"
            " FROM pg_stat_user_tables WHERE relname = ANY(%s)",
            [[TABLE, LOG, CALL]],
        )
        return {
            f"{name}{what}": float(size)
            for name, *sizes in cursor.fetchall()
            for what, size in zip(("", " (indexes)"), sizes, strict=True)
        }


def tidy() -> None:
    """As autovacuum leaves a table that was left alone for a while."""
    with connection.cursor() as cursor:
        for _ in range(2):  # pages of an index that the first one empties, the second makes free
            cursor.execute(f"VACUUM ANALYZE {TABLE}, {LOG}, {CALL}")


def empty() -> None:
    """Nothing waits any more."""
    waiting = f"FROM {TABLE} WHERE due_at IS NOT NULL"
    with connection.cursor() as cursor:
        # On a slow machine a lease may have ended, of which both logs tell.
        for log in (LOG, CALL):
            cursor.execute(f"DELETE FROM {log} WHERE object_id IN (SELECT id {waiting})")
        cursor.execute(f"DELETE {waiting}")
