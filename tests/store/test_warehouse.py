"""The PostgreSQL warehouse, installed over the API against a real database."""

from typing import Any

import pytest

from integrations import store
from integrations.models import AppInstallation, Status
from otms.accounts.models import Platform
from tests.conftest import Api
from tests.connectors.test_postgresql import Warehouse, warehouse
from tests.queue.conftest import Queue

__all__ = ["warehouse"]

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


def told_to_make(warehouse: Warehouse) -> None:
    """The table and the grant of the app's own description, in this schema."""
    app = store.find("postgresql-warehouse")
    assert app
    table = f"{warehouse.role}.orders"
    warehouse.sql(f"DROP TABLE {table}")
    for statement in app.description[app.description.index("CREATE TABLE") :].split(";"):
        if statement.strip() and "CREATE ROLE" not in statement:
            named = statement.replace("TABLE orders", f"TABLE {table}")
            warehouse.sql(named.replace("ON orders TO otms", f"ON {table} TO {warehouse.role}"))


def settings(warehouse: Warehouse, **more: Any) -> dict[str, Any]:
    connector = warehouse.connector()
    asked = ("host", "port", "database", "user", "schema", "table", "tls")
    return {**{name: connector.settings[name] for name in asked}, "password": "sesame", **more}


def test_an_order_is_a_row_as_long_as_the_app_is_installed(
    api: Api, queue: Queue, warehouse: Warehouse
) -> None:
    told_to_make(warehouse)
    given = {"settings": settings(warehouse)}
    made = api.ok("POST", "app/postgresql-warehouse/install", given)["appInstallation"]
    assert made["status"] == "ACTIVE"
    order = queue.save_order(name="4711")
    order.name = "4712"
    order.save()
    queue.run()
    assert {each.status for each in queue.all} == {Status.SUCCESS}
    table = f"{warehouse.role}.orders"
    (row,) = warehouse.sql(f"SELECT id, name, status, customer, payload FROM {table}")
    assert row[:4] == (str(order.pk), "4712", "requested", None)
    assert row[4]["name"] == "4712"
    api.ok("DELETE", f"appInstallation/{made['id']}")
    queue.save_order(name="later")
    queue.run()
    assert warehouse.sql(f"SELECT count(*) FROM {table}") == [(1,)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"user": "otms_nobody"}, 'role "otms_nobody" does not exist'),
        ({"table": "gone"}, "does not exist"),
        ({}, "has no column `status`, `customer`, `created_at`, `updated_at`."),
    ],
)
def test_what_is_missing_is_told_and_nothing_is_left(
    given: dict[str, Any], said: str, api: Api, platform: Platform, warehouse: Warehouse
) -> None:
    body = {"settings": settings(warehouse, **given)}
    told = api.refused("POST", "app/postgresql-warehouse/install", body)
    assert said in told["message"]
    assert told["errors"][0]["field"] == "settings"
    assert not AppInstallation.objects.of(platform).exists()
