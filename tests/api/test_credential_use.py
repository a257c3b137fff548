"""To note that a credential is used makes nobody wait, and fails no call."""

import threading
import time
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.db.models import QuerySet

from integrations.models import Credential, Integration
from tests.at_once import at_once
from tests.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)


def while_somebody_has_the_row(credential: Credential, call: Any) -> float:
    """Make a call while another transaction has changed the credential; how long it took."""
    has_it, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                Credential.objects.of(credential.platform_id).filter(pk=credential.pk).update(
                    name="held"
                )
                has_it.set()
                done.wait(20)
        finally:
            connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    assert has_it.wait(20)
    started = time.perf_counter()
    try:
        call()
        return time.perf_counter() - started
    finally:
        done.set()
        holder.join()


def test_a_call_does_not_wait_for_who_has_the_row(integration: Integration) -> None:
    stored, shown = Credential.generate(integration)
    caller, where = Api(shown["token"]), f"integration/{integration.pk}"
    taken = while_somebody_has_the_row(stored, lambda: caller.ok("GET", where))
    assert taken < 2
    stored.refresh_from_db()
    assert (stored.name, stored.last_used_at) == ("held", None)
    caller.ok("GET", where)
    stored.refresh_from_db()
    assert stored.last_used_at is not None
    if connection.vendor == "sqlite":  # and later writers wait again, as they should
        with connection.cursor() as cursor:
            assert cursor.execute("PRAGMA busy_timeout").fetchone()[0] == 30_000


def test_a_call_does_not_fail_when_it_cannot_be_noted(
    integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, shown = Credential.generate(integration)

    def away(*_: Any, **__: Any) -> int:
        raise DatabaseError("read only")

    with monkeypatch.context() as patched:
        patched.setattr(QuerySet, "update", away)
        Api(shown["token"]).ok("GET", f"integration/{integration.pk}")
    stored.refresh_from_db()
    assert stored.last_used_at is None


def test_ten_calls_at_once_note_it_once(integration: Integration) -> None:
    _, shown = Credential.generate(integration)
    where = f"integration/{integration.pk}"
    found = at_once(10, lambda: Api(shown["token"])("GET", where).status_code)
    assert found == [200] * 10
