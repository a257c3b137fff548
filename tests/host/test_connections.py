"""A connection that was asked a moment ago is not asked again, unless its server ended it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections

from otms.db.postgresql.base import TRUSTED_SECONDS

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL"),
]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """What each question whether the connection works was answered."""
    found: list[bool] = []
    is_usable = connection.is_usable

    def told() -> bool:
        found.append(is_usable())
        return found[-1]

    connection.close()
    connection.connect()
    # Whatever was asked just before, by another test, is nothing to this one.
    connection._seen_at = 0.0
    monkeypatch.setattr(connection, "is_usable", told)
    monkeypatch.setattr(connection, "health_check_enabled", True)
    yield found
    connection.close()


def request() -> Any:
    """What Django does at the beginning of each, and a statement."""
    connection.close_if_unusable_or_obsolete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def test_it_is_asked_now_and_then(asked: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    assert len({request() for _ in range(5)}) == 1
    assert asked == [True]
    monkeypatch.setattr(connection, "_seen_at", connection._seen_at - TRUSTED_SECONDS)
    request()
    assert asked == [True, True]


def test_one_that_its_server_ended_is_replaced_at_once(asked: list[bool]) -> None:
    first = request()
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
    finally:
        other.close()
    assert request() != first
    assert asked == [True, False]
