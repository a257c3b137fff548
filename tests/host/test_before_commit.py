"""What a transaction touched is looked at once, before it is committed, and may still fail it."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db import DEFAULT_DB_ALIAS, connection, transaction

from otms.accounts.models import Platform

pytestmark = pytest.mark.django_db(transaction=True)


class Recorder:
    """A callback that remembers its calls, and does something on the first."""

    def __init__(self, then: Callable[[], Any] = lambda: None) -> None:
        self.calls: list[Any] = []
        self.then = then

    def __call__(self, touched: Any, using: str) -> None:
        assert connection.in_atomic_block
        self.calls.append((dict(touched), using))
        if len(self.calls) == 1:
            self.then()

    def touch(self, key: str = "a", value: Any = 1) -> None:
        connection.before_commit.setdefault(self, {})[key] = value  # type: ignore[attr-defined]


def waiting() -> Any:
    return connection.before_commit  # type: ignore[attr-defined]


@transaction.atomic
def save(name: str, seen: Recorder | None = None, *, fail: bool = False) -> None:
    Platform.objects.create(name=name)
    if seen:
        seen.touch()
    if fail:
        raise ZeroDivisionError


def names() -> list[str]:
    return sorted(Platform.objects.values_list("name", flat=True))


def test_it_is_called_once_with_all_that_was_touched() -> None:
    seen = Recorder()
    with transaction.atomic():
        seen.touch("a")
        with transaction.atomic():
            seen.touch("b", 2)
        assert seen.calls == []
    assert seen.calls == [({"a": 1, "b": 2}, DEFAULT_DB_ALIAS)]
    save("another transaction")
    assert len(seen.calls) == 1


def test_what_it_writes_is_committed_too() -> None:
    seen = Recorder(lambda: Platform.objects.create(name="by the callback"))
    save("first", seen)
    assert names() == ["by the callback", "first"]


def test_by_raising_it_fails_the_transaction() -> None:
    def refuse() -> None:
        raise ValueError("not like this")

    seen = Recorder(refuse)
    with pytest.raises(ValueError, match="not like this"):
        save("first", seen)
    assert names() == []
    assert waiting() == {}
    assert not connection.in_atomic_block
    Platform.objects.create(name="the connection still works")
    assert names() == ["the connection still works"]


def test_a_rollback_forgets() -> None:
    seen = Recorder()
    with pytest.raises(ZeroDivisionError):
        save("first", seen, fail=True)
    save("second")
    assert seen.calls == []


def test_a_savepoint_that_is_rolled_back_forgets_what_was_new_since() -> None:
    seen, other = Recorder(), Recorder()
    with transaction.atomic():
        seen.touch("before")
        with suppress(ZeroDivisionError), transaction.atomic():
            seen.touch("before", 2)
            with transaction.atomic():
                seen.touch("inside")
            other.touch("inside")
            raise ZeroDivisionError
        seen.touch("after")
    assert seen.calls == [({"before": 2, "after": 1}, DEFAULT_DB_ALIAS)]
    assert [touched for touched, _ in other.calls] == [{}]


def test_a_savepoint_that_is_kept_forgets_nothing_with_a_later_one() -> None:
    seen = Recorder()
    with transaction.atomic():
        with transaction.atomic():
            seen.touch("kept")
        with suppress(ZeroDivisionError), transaction.atomic():
            seen.touch("lost")
            raise ZeroDivisionError
    assert [touched for touched, _ in seen.calls] == [{"kept": 1}]


def test_it_may_touch_more() -> None:
    later = Recorder()
    first = Recorder(lambda: (later.touch("later"), first.touch("again")))
    with transaction.atomic():
        first.touch()
    assert [call[0] for call in first.calls] == [{"a": 1}, {"again": 1}]
    assert [call[0] for call in later.calls] == [{"later": 1}]


def test_on_commit_may_be_asked_for_inside() -> None:
    done = []
    seen = Recorder(lambda: transaction.on_commit(lambda: done.append(names())))
    save("x", seen)
    assert done == [["x"]]


def test_a_closed_connection_forgets() -> None:
    seen = Recorder()
    seen.touch()
    connection.close()
    assert waiting() == {}
