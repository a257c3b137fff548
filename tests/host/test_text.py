"""Statements as text mean the same on both databases."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from integrations.models import Gate
from otms.accounts.models import Platform
from otms.db.clock import moment_of
from otms.db.text import Text
from tests import make

pytestmark = pytest.mark.django_db


def test_a_list_is_a_parameter_whatever_is_in_it() -> None:
    found = Text("SELECT id FROM accounts_platform WHERE id IN %(ids)s ORDER BY name")
    known = [make.PlatformFactory(name=name).pk for name in ("B", "A")]
    assert found.rows("default", ids=[]) == []
    rows = found.rows("default", ids=[*known, uuid4()])
    assert [UUID(str(id)) for (id,) in rows] == known[::-1]
    numbers = Text("SELECT 1 WHERE 2 IN %(ids)s")
    assert numbers.rows("default", ids=[1, 2]) == [(1,)]
    assert numbers.rows("default", ids=[3]) == []


def test_what_is_quoted_is_a_value_and_never_a_statement() -> None:
    name = "'; DELETE FROM accounts_platform; --"
    kept = make.PlatformFactory(name=name)
    found = Text("SELECT count(*) FROM accounts_platform WHERE name = %(name)s")
    assert found.rows("default", name=name) == [(1,)]
    assert Platform.objects.get(pk=kept.pk).name == name


def test_moments_are_as_django_stores_them() -> None:
    gate = Gate.objects.get(integration=make.integration())
    moment = datetime(2026, 3, 29, 1, 30, 0, 5, UTC)
    pause = Text("UPDATE integrations_gate SET paused_until = %(at)s WHERE paused_until < %(at)s")
    assert pause.run("default", at=moment) == 1
    assert pause.run("default", at=moment) == 0
    gate.refresh_from_db()
    assert gate.paused_until == moment


def test_a_lock_and_the_greater_of_two() -> None:
    integration = make.integration()
    text = Text(
        "SELECT g.cap, GREATEST(1, %(n)s) [of] FOR UPDATE OF g SKIP LOCKED",
        of="FROM integrations_gate g WHERE g.integration_id = %(id)s",
    )
    assert text.rows("default", n=7, id=integration.pk) == [(8, 7)]


def test_the_time_of_a_statement() -> None:
    before = datetime.now(UTC)
    ((read_at,),) = Text("SELECT statement_timestamp()").rows("default")
    assert before - timedelta(seconds=5) < moment_of(read_at) < before + timedelta(seconds=5)
