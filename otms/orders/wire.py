"""Records as the vendor's API shows them: what GET answers and what a change's snapshot holds.

Plain dictionaries from plain queries, one per table whatever the number of records: this runs
inside every save (the snapshots before and after), where serializers, model instances and even
the building of a query would cost several times more.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections

from otms.accounts.tenancy import PlatformQuerySet
from otms.api.serializers import camel
from otms.db.columns import Columns
from otms.documents import timestamp
from otms.orders.models import Business, Consignment, Event, Goods, TransportOrder, Written

Wire = dict[str, Any]

_COMMON = ("id", "platform_id", "created_at", "updated_at")
_BUSINESS = (
    "name", "alias", "description", "relation_type", "coc", "vat", "eori", "scac_code",
    "transport_license_number", "industry", "website", "verified", "contact_details", "documents",
    "logo", "banners", "part_of_id", "external_attributes",
)  # fmt: skip
_ORDER = (
    "order_id", "name", "type", "status", "description", "reference_description",
    "external_attributes", "customer_id",
)  # fmt: skip
_CUSTOMER = ("name", "coc", "vat", "contact_details", "external_attributes")
_CONSIGNMENT = (
    "name", "consignment_nr", "description", "status", "high_value_goods", "team", "combined",
    "consignment", "original_physical_sender", "original_legal_sender",
    "original_physical_addressee", "original_legal_addressee", "current_location",
    "external_attributes",
)  # fmt: skip
_GOODS = (
    "type", "name", "description", "quantity", "weight", "gross_weight", "width", "height",
    "length", "load_meters", "bar_code", "product_type", "packaging_material", "equipment_type",
    "equipment_sub_type", "license_plate", "adr", "external_attributes",
)  # fmt: skip
_EVENT = (
    "type", "date_time", "life_cycle", "name", "description", "location", "external_attributes",
    "transport_order_id",
)  # fmt: skip
_ORDER_OF_EVENT = ("order_id", "name", "external_attributes")

# Of a quantity, as the models have it.
MOST_DIGITS, DECIMAL_PLACES = 18, 6
MOST_DIGITS_OF_A_FLOAT = 15

BY_ID = "WHERE id IN %(ids)s"
IN_ORDER = "ORDER BY position, created_at, id"
_CUSTOMERS = Columns(Business, "id", *_CUSTOMER).where(BY_ID)
_CONSIGNMENTS = Columns(Consignment, *_COMMON, *_CONSIGNMENT, "transport_order_id")
_CONSIGNMENTS_OF = _CONSIGNMENTS.where(f"WHERE transport_order_id IN %(ids)s {IN_ORDER}")
_GOODS_OF = Columns(Goods, *_COMMON, *_GOODS, "consignment_id").where(
    f"WHERE consignment_id IN %(ids)s {IN_ORDER}"
)
_ORDERS_OF_EVENTS = Columns(TransportOrder, "id", *_ORDER_OF_EVENT).where(BY_ID)
_BY_ID = {
    model: Columns(model, *_COMMON, *names).where(BY_ID)
    for model, names in ((Business, _BUSINESS), (TransportOrder, _ORDER), (Event, _EVENT))
} | {Consignment: _CONSIGNMENTS.where(f"{BY_ID} {IN_ORDER}")}


@dataclass
class OfAnyPlatform:
    """Records by their ids, whosever they are."""

    ids: Iterable[UUID]
    db: str


Asked = PlatformQuerySet[Any] | OfAnyPlatform


def again(record: Written) -> OfAnyPlatform:
    """A record that was found already, as it is stored now."""
    return OfAnyPlatform([record.pk], record._state.db or DEFAULT_DB_ALIAS)


def _rows(asked: Asked, model: type[Any]) -> list[tuple[Any, ...]]:
    read = _BY_ID[model]
    if isinstance(asked, OfAnyPlatform):
        return read(asked.db, ids=list(asked.ids))
    return list(asked.values_list(*read.columns.names))


def businesses(asked: Asked) -> list[Wire]:
    wires = []
    for row in _rows(asked, Business):
        wire = _wire(_BUSINESS, row)
        part_of = wire.pop("partOfId")
        wire["partOf"] = {"id": str(part_of)} if part_of else None
        wires.append(wire)
    return wires


def transport_orders(asked: Asked) -> list[Wire]:
    """The orders with customer, consignments and goods: four queries for any number of them."""
    orders: dict[UUID, Wire] = {}
    customers: dict[UUID, list[Wire]] = defaultdict(list)
    for row in _rows(asked, TransportOrder):
        wire = orders[row[0]] = _wire(_ORDER, row)
        wire["customer"] = wire.pop("customerId")
        wire["consignments"] = []
        if wire["customer"]:
            customers[wire["customer"]].append(wire)
    if not orders:
        return []

    if customers:
        for row in _CUSTOMERS(asked.db, ids=list(customers)):
            customer = {"id": str(row[0])} | _fields(_CUSTOMER, row[1:])
            for wire in customers[row[0]]:
                wire["customer"] = customer

    for order, wire in _consignments(_CONSIGNMENTS_OF(asked.db, ids=list(orders)), asked.db):
        orders[order]["consignments"].append(wire)
    return list(orders.values())


def as_inserted(
    orders: Iterable[TransportOrder], parts: Iterable[Consignment | Goods], using: str
) -> dict[UUID, Wire]:
    """New orders with all their parts as reading them would find them, by their ids.

    Without those of a number that the database may keep otherwise than it was given.
    """
    shown: dict[UUID, Wire] = {}
    told: dict[UUID, Wire] = {}  # by the id of an order or a consignment
    for order in orders:
        wire = shown[order.pk] = told[order.pk] = _wire(_ORDER, _row(order, _ORDER))
        wire.pop("customerId")
        customer = order.customer
        wire["customer"] = customer and {
            "id": str(customer.pk),
            **_fields(_CUSTOMER, _values(customer, _CUSTOMER)),
        }
        wire["consignments"] = []
    of_order = {}
    for part in parts:
        if isinstance(part, Consignment):
            of_order[part.pk] = part.transport_order_id
            wire = told[part.pk] = {**_wire(_CONSIGNMENT, _row(part, _CONSIGNMENT)), "goods": []}
            told[part.transport_order_id]["consignments"].append(wire)
        else:
            told[part.consignment_id]["goods"].append(_wire(_GOODS, _row(part, _GOODS)))
            if not (_is_kept(part.quantity, using) and _is_kept(part.load_meters, using)):
                shown.pop(of_order[part.consignment_id], None)
    return shown


def _row(record: Written, names: tuple[str, ...]) -> tuple[Any, ...]:
    return _values(record, (*_COMMON, *names))


def _values(record: Written, names: tuple[str, ...]) -> tuple[Any, ...]:
    """What is stored of a record that was inserted as it is."""
    values = (getattr(record, name) for name in names)
    return tuple(each.value if isinstance(each, Enum) else each for each in values)


def _is_kept(number: Decimal | None, using: str) -> bool:
    """Is it stored digit for digit? SQLite has no decimals, but the floats of a processor."""
    if number is None:
        return True
    digits = MOST_DIGITS if connections[using].vendor == "postgresql" else MOST_DIGITS_OF_A_FLOAT
    whole = Decimal(number).scaleb(DECIMAL_PLACES)
    return whole == whole.to_integral_value() and len(whole.as_tuple().digits) <= digits


def consignments(asked: Asked) -> list[Wire]:
    """The consignments with their goods, as their orders show them."""
    return [wire for _, wire in _consignments(_rows(asked, Consignment), asked.db)]


def _consignments(rows: list[tuple[Any, ...]], using: str) -> list[tuple[UUID, Wire]]:
    """Each with the id of its order, in their order."""
    found: dict[UUID, tuple[UUID, Wire]] = {}
    for row in rows:
        found[row[0]] = row[-1], {**_wire(_CONSIGNMENT, row), "goods": []}
    if found:
        for row in _GOODS_OF(using, ids=list(found)):
            found[row[-1]][1]["goods"].append(_wire(_GOODS, row))
    return list(found.values())


def events(asked: Asked) -> list[Wire]:
    """The events, each with what identifies its order; of a deleted order that is its id alone."""
    rows = _rows(asked, Event)
    orders: dict[UUID, Wire] = {}
    if ids := {row[-1] for row in rows if row[-1]}:
        for row in _ORDERS_OF_EVENTS(asked.db, ids=list(ids)):
            orders[row[0]] = _fields(_ORDER_OF_EVENT, row[1:])
    wires = []
    for row in rows:
        wire = _wire(_EVENT, row)
        wire["dateTime"] = timestamp(wire["dateTime"])
        order = wire.pop("transportOrderId")
        wire["transportOrder"] = {"id": str(order), **orders.get(order, {})} if order else None
        wires.append(wire)
    return wires


def _wire(names: tuple[str, ...], row: tuple[Any, ...]) -> Wire:
    id, platform, created, updated = row[:4]
    return {
        "id": str(id),
        "uuid": str(id),
        "primaryPlatformId": str(platform),
        "createdAt": timestamp(created),
        "updatedAt": timestamp(updated),
        **_fields(names, row[4:]),
    }


_WIRE_NAMES = {name: camel(name) for name in (*_BUSINESS, *_ORDER, *_CONSIGNMENT, *_GOODS, *_EVENT)}


def _fields(names: Iterable[str], values: tuple[Any, ...]) -> Wire:
    return {
        _WIRE_NAMES[name]: _number(value) if isinstance(value, Decimal) else value
        for name, value in zip(names, values, strict=False)
    }


def _number(value: Decimal) -> int | Decimal:
    """Without the zeros that a fixed column pads: 2.500000 was 2.5, 20.000000 was 20."""
    return int(value) if value == value.to_integral_value() else value.normalize()
