"""A queue as it is after a year: many objects, made by a few statements."""

from collections.abc import Mapping
from uuid import uuid4

from django.db import connection

from integrations.models import EntityChange, IntegrationObject
from integrations.models.integration import Integration

TABLE = IntegrationObject._meta.db_table
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


def tidy() -> None:
    """As autovacuum leaves a table that was left alone for a while."""
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {TABLE}")


def empty() -> None:
    """Nothing waits any more."""
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {TABLE} WHERE due_at IS NOT NULL")
