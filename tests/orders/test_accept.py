"""Accepting an order: a GET that changes it, once, and is a change like any other."""

from typing import Any

import pytest

from integrations.models import EntityChange
from otms.accounts.models import Platform
from otms.orders.models import OrderStatus
from tests import make
from tests.conftest import Api


@pytest.mark.django_db(transaction=True)
def test_a_requested_order_is_accepted_and_that_is_a_change(api: Api, platform: Platform) -> None:
    order = make.OrderFactory(platform=platform)
    accepted = api.ok("GET", f"transportOrder/{order.pk}/accept")["transportOrder"]
    assert accepted["status"] == "accepted"
    assert accepted == api.ok("GET", f"transportOrder/{order.pk}")["transportOrder"]
    change = EntityChange.objects.of(platform).filter(entity_id=order.pk).latest("id")
    assert change.action == "updated"
    assert change.changed_fields == ["status"]
    assert (change.before["status"], change.after["status"]) == ("requested", "accepted")


@pytest.mark.django_db
@pytest.mark.parametrize("status", sorted(set(OrderStatus.values) - {"requested"}))
def test_an_order_in_another_status_is_refused(api: Api, platform: Platform, status: str) -> None:
    order = make.OrderFactory(platform=platform, status=status)
    found = api.refused("GET", f"transportOrder/{order.pk}/accept", code=409)
    assert found["message"] == (
        f"This transportOrder is {status}; only one that is requested can be accepted."
    )
    order.refresh_from_db()
    assert order.status == status


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE"])
def test_only_a_get_accepts(api: Api, platform: Platform, method: str) -> None:
    order = make.OrderFactory(platform=platform)
    answer: Any = api(method, f"transportOrder/{order.pk}/accept")
    assert answer.status_code == 405
    order.refresh_from_db()
    assert order.status == "requested"
