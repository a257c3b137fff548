"""Columns in a statement as text are read as a queryset reads them, on both databases."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from otms.db.columns import Columns, Joined
from otms.orders.models import Business, Consignment, Event, Goods, TransportOrder
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def goods() -> Any:
    order = make.OrderFactory(name="a", customer__name="Acme", customer__verified=True)
    make.EventFactory(
        platform=order.platform,
        transport_order=order,
        date_time=datetime(2026, 3, 29, 1, 30, 0, 5, UTC),
    )
    consignment = make.ConsignmentFactory(transport_order=order, high_value_goods=True)
    return make.GoodsFactory(
        consignment=consignment,
        quantity=Decimal("2.5"),
        load_meters=None,
        weight={"value": Decimal("8400.50"), "unit": "kg"},
    )


@pytest.mark.parametrize("model", [Business, TransportOrder, Consignment, Goods, Event])
def test_the_values_are_those_of_a_queryset(goods: Any, model: Any) -> None:
    columns = Columns(model)
    (row,) = columns.where("WHERE platform_id = %(id)s")("default", id=goods.platform_id)
    found = model.objects.of(goods.platform)
    assert [row] == list(found.values_list(*columns.names))
    assert [*map(type, row)] == [*map(type, found.values_list(*columns.names)[0])]


def test_a_record_is_one_as_a_queryset_makes_it(goods: Any) -> None:
    read = Columns(Goods).where("WHERE id IN %(ids)s")
    (record,) = read.records("default", ids=[goods.pk, uuid4()])
    assert record == Goods.objects.of(goods.platform).get()
    assert (record._state.adding, record._state.db) == (False, "default")
    assert record.weight == {"value": Decimal("8400.50"), "unit": "kg"}
    record.name = "b"
    record.save()
    assert Goods.objects.of(goods.platform).get().name == "b"


def test_only_the_columns_that_were_named_are_read(goods: Any) -> None:
    read = Columns(Goods, "name", "consignment_id").where("WHERE id = %(id)s")
    assert read("default", id=goods.pk) == [(goods.name, goods.consignment_id)]


def test_records_of_several_models_are_found_side_by_side(goods: Any) -> None:
    found = Joined(
        "FROM orders_goods JOIN orders_consignment"
        " ON orders_consignment.id = orders_goods.consignment_id WHERE orders_goods.id = %(id)s",
        Goods,
        Consignment,
    )
    ((record, consignment),) = found.records("default", id=goods.pk)
    assert (record, consignment) == (goods, goods.consignment)
    assert (record.weight, consignment.high_value_goods) == (goods.weight, True)


def test_a_value_stands_beside_the_records(goods: Any) -> None:
    found = Joined("FROM orders_goods WHERE id = %(id)s", Goods, beside="position + 5")
    assert found.records("default", id=goods.pk) == [(goods, 5)]
