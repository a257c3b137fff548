"""What a transaction ends with is captured: rolled back, nested, by hand, after the commit."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from integrations.entities import load
from otms.accounts.models import Platform
from otms.orders.models import TransportOrder
from tests import make
from tests.queue.capturing import Changes, described, goods, rolled_back

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_change_that_is_taken_back_is_no_change(order: TransportOrder, changes: Changes) -> None:
    with transaction.atomic():
        order.status = "accepted"
        order.save()
        order.status = "requested"
        order.save()
    assert changes.new() == []


def test_an_order_created_and_deleted_at_once_is_no_change(
    platform: Platform, changes: Changes
) -> None:
    with transaction.atomic():
        order = make.OrderFactory(platform=platform, customer=None)
        make.ConsignmentFactory(transport_order=order)
        order.delete()
    assert changes.new() == []


def test_a_rolled_back_savepoint_is_as_if_it_never_was(
    order: TransportOrder, platform: Platform, changes: Changes
) -> None:
    with transaction.atomic():
        order.status = "accepted"
        order.save()
        with rolled_back():
            order.name = "renamed"
            order.save()
            make.OrderFactory(platform=platform, customer=None, name="phantom")
            goods(order, "first").delete()
    (change,) = changes.new()
    assert change.changed_fields == ["status"]
    assert described(change.after) == ["first", "second", "third"]


def test_a_savepoint_that_did_everything_and_rolled_back_leaves_nothing(
    order: TransportOrder, changes: Changes
) -> None:
    with transaction.atomic(), rolled_back():
        order.delete()
    assert changes.new() == []


def test_a_rolled_back_transaction_leaves_nothing_to_the_next(
    order: TransportOrder, platform: Platform, changes: Changes
) -> None:
    with rolled_back():
        order.status = "accepted"
        order.save()
    assert connection.before_commit == {}
    make.OrderFactory(platform=platform, customer=None, name="next")
    (change,) = changes.new()
    assert change.reference == "next"


def test_a_savepoint_inside_a_savepoint_is_captured_at_the_outer_commit(
    order: TransportOrder, changes: Changes
) -> None:
    with transaction.atomic():
        with transaction.atomic():
            with transaction.atomic():
                order.status = "accepted"
                order.save()
            goods(order, "third").delete()
        assert changes.new() == []
    (change,) = changes.new()
    assert change.after["status"] == "accepted"
    assert described(change.after) == ["first", "second"]


def test_a_snapshot_that_fails_fails_the_save_and_nothing_else(
    order: TransportOrder, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any) -> Any:
        raise ZeroDivisionError

    order.status = "accepted"
    with monkeypatch.context() as broken:
        # At the commit, after the row was written: the first look is fine.
        broken.setattr(load("transportOrder"), "reference", breaks)
        with pytest.raises(ZeroDivisionError):
            order.save()
    stored = TransportOrder.objects.of(order.platform).get(pk=order.pk)
    assert stored.status == "requested"
    assert changes.new() == []
    assert not connection.in_atomic_block
    assert connection.get_autocommit()
    order.save()
    (change,) = changes.new()
    assert change.after["status"] == "accepted"


def test_a_database_error_at_the_commit_leaves_the_connection_usable(
    order: TransportOrder, changes: Changes
) -> None:
    def clashes(*_: Any) -> None:
        Platform.objects.create(pk=order.platform_id, name="the same id again")

    order.status = "accepted"
    with pytest.raises(IntegrityError), transaction.atomic():  # noqa: PT012 - it is its end
        order.save()
        connection.before_commit[clashes] = {}
    assert changes.new() == []
    order.save()
    assert len(changes.new()) == 1


def test_what_the_caller_does_on_commit_still_happens_once_and_after_the_change(
    order: TransportOrder, changes: Changes
) -> None:
    seen = []
    with transaction.atomic():
        transaction.on_commit(lambda: seen.append(len(changes.new())))
        order.status = "accepted"
        order.save()
        assert seen == []
    assert seen == [1]


def test_what_is_saved_on_commit_is_a_change_of_its_own(
    order: TransportOrder, changes: Changes
) -> None:
    def note() -> None:
        order.description = "told"
        order.save()

    with transaction.atomic():
        transaction.on_commit(note)
        order.status = "accepted"
        order.save()
    assert [change.changed_fields for change in changes.new()] == [["status"], ["description"]]


def test_a_caller_that_commits_by_hand_is_captured_too(
    order: TransportOrder, changes: Changes
) -> None:
    transaction.set_autocommit(False)
    try:
        order.status = "accepted"
        order.save()
        transaction.rollback()
        order.status = "planned"
        order.save()
        transaction.commit()
    finally:
        transaction.set_autocommit(True)
    (change,) = changes.new()
    assert change.after["status"] == "planned"
