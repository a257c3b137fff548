"""What GET answers and what the schema promises are the same fields."""

from typing import Any

import pytest
from rest_framework.serializers import ListSerializer

from otms.api.serializers import WireSerializer
from otms.orders import wire
from otms.orders.models import Business, TransportOrder
from otms.orders.serializers import BusinessSerializer, TransportOrderSerializer
from tests import make

pytestmark = pytest.mark.django_db


def drift(serializer: Any, shown: Any, path: str = "") -> list[str]:
    """The paths that only one of the two has."""
    if isinstance(serializer, ListSerializer):
        return drift(serializer.child, shown[0], f"{path}[0]")
    if not isinstance(serializer, WireSerializer):
        return []
    fields = {name: field for name, field in serializer.fields.items() if name != "nonce"}
    found = [f"{path}.{name}" for name in fields.keys() ^ shown.keys()]
    for name in fields.keys() & shown.keys():
        if shown[name]:
            found += drift(fields[name], shown[name], f"{path}.{name}")
    return found


def test_an_order_looks_as_the_schema_says() -> None:
    goods = make.GoodsFactory(
        consignment=make.ConsignmentFactory(transport_order=make.OrderFactory())
    )
    orders = TransportOrder.objects.of(goods.platform)
    assert drift(TransportOrderSerializer(), wire.transport_orders(orders)[0]) == []


def test_a_business_looks_as_the_schema_says() -> None:
    child = make.BusinessFactory(part_of=make.BusinessFactory())
    shown = wire.businesses(Business.objects.of(child.platform))[0]
    assert shown["partOf"] == {"id": str(child.part_of_id)}
    assert drift(BusinessSerializer(), shown) == []


def test_a_forgotten_field_is_found() -> None:
    business = make.BusinessFactory()
    shown = wire.businesses(Business.objects.of(business.platform))[0]
    del shown["vat"]
    assert drift(BusinessSerializer(), {**shown, "age": 1}) in ([".vat", ".age"], [".age", ".vat"])
