"""What is asked all the time is planned once for each connection, where it may be."""

from typing import Any

import pytest
from django.db import Error, connection

from otms.db.postgresql.base import DatabaseWrapper
from otms.db.text import Text

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="how PostgreSQL is asked"),
]
NEXT = Text("SELECT %(number)s::int + 1 AS planned_once_or_not")


def plans() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%planned_once_or%'"
        )
        return int(cursor.fetchone()[0])


@pytest.fixture
def asked() -> Any:
    def ask() -> list[Any]:
        return [NEXT.rows("default", number=number) for number in range(10)]

    connection.close()  # what others asked is not counted
    return ask


@pytest.mark.django_db(transaction=True)
def test_a_text_that_is_asked_often_is_planned_once(asked: Any) -> None:
    assert asked() == [[(number + 1,)] for number in range(10)]
    assert plans() == 1


@pytest.mark.django_db(transaction=True)
def test_a_pooler_that_keeps_no_session_has_no_plans(
    asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "prepare_threshold", None)
    assert asked() == [[(number + 1,)] for number in range(10)]
    assert plans() == 0


@pytest.mark.django_db(transaction=True)
def test_a_pooler_that_was_not_told_of_is_noticed(
    asked: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Another session than that which has the plan: one call fails, and those after it do not."""
    monkeypatch.setattr(DatabaseWrapper, "keeps_plans", True)
    asked()
    connection.connection.pgconn.exec_(b"DEALLOCATE ALL")  # the driver does not know
    with pytest.raises(Error, match="does not exist"):
        asked()
    assert asked() == [[(number + 1,)] for number in range(10)]
    assert plans() == 0
    assert "OTMS_NOTIFY=false" in caplog.text
