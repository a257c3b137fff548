"""An order, its parts, and the changes that are captured of them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.db import transaction

from integrations.models import EntityChange
from otms.accounts.models import Platform
from otms.orders.models import Goods, TransportOrder
from tests import make


class Changes:
    """What was captured of transport orders since the last look."""

    def __init__(self, platform: Platform) -> None:
        self.of_orders = EntityChange.objects.of(platform).filter(entity="transportOrder")
        self.last = 0

    def new(self) -> list[EntityChange]:
        found = list(self.of_orders.filter(id__gt=self.last).order_by("id"))
        self.last = max([self.last, *(change.pk for change in found)])
        return found


@pytest.fixture
def changes(platform: Platform) -> Changes:
    return Changes(platform)


@pytest.fixture
def order(platform: Platform, changes: Changes) -> TransportOrder:
    """A stored order with two consignments and three goods; its creation is not looked at."""
    with transaction.atomic():
        order = make.OrderFactory(platform=platform, name="4711")
        north = make.ConsignmentFactory(transport_order=order, name="north")
        south = make.ConsignmentFactory(transport_order=order, name="south", position=1)
        make.GoodsFactory(consignment=north, description="first")
        make.GoodsFactory(consignment=north, description="second", position=1)
        make.GoodsFactory(consignment=south, description="third")
    changes.new()
    return order


def goods(order: TransportOrder, description: str) -> Goods:
    return Goods.objects.of(order.platform).get(description=description)


@contextmanager
def rolled_back() -> Iterator[None]:
    """A block of work that comes to nothing."""
    with suppress(InterruptedError), transaction.atomic():
        yield
        raise InterruptedError


def described(snapshot: dict[str, Any]) -> list[str]:
    """The goods of a snapshot, in order."""
    return [g["description"] for c in snapshot["consignments"] for g in c["goods"]]
