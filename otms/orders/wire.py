"""Records as the vendor's API shows them: what GET answers and what a change's snapshot holds.

Plain dictionaries from plain queries, one per table whatever the number of records: this runs
inside every save (the snapshots before and after), where serializers and model instances would
cost several times more.
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

from otms.accounts.tenancy import PlatformQuerySet
from otms.api.serializers import camel
from otms.documents import timestamp
from otms.orders.models import Business, Consignment, Event, Goods, TransportOrder

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


def businesses(queryset: PlatformQuerySet["Business"]) -> list[Wire]:
    rows = list(queryset.values_list(*_COMMON, *_BUSINESS))
    wires = []
    for row in rows:
        wire = _wire(_BUSINESS, row)
        part_of = wire.pop("partOfId")
        wire["partOf"] = {"id": str(part_of)} if part_of else None
        wires.append(wire)
    return wires


def transport_orders(queryset: PlatformQuerySet["TransportOrder"]) -> list[Wire]:
    """The orders with customer, consignments and goods: four queries for any number of them."""
    orders: dict[UUID, Wire] = {}
    customers: dict[UUID, list[Wire]] = defaultdict(list)
    for row in queryset.values_list(*_COMMON, *_ORDER):
        wire = orders[row[0]] = _wire(_ORDER, row)
        wire["customer"] = wire.pop("customerId")
        wire["consignments"] = []
        if wire["customer"]:
            customers[wire["customer"]].append(wire)
    if not orders:
        return []

    if customers:
        named = Business.objects.across_platforms().filter(pk__in=customers)
        for row in named.values_list("id", *_CUSTOMER):
            customer = {"id": str(row[0])} | _fields(_CUSTOMER, row[1:])
            for wire in customers[row[0]]:
                wire["customer"] = customer

    parts = Consignment.objects.across_platforms().filter(transport_order__in=orders)
    for order, wire in _consignments(parts):
        orders[order]["consignments"].append(wire)
    return list(orders.values())


def consignments(queryset: PlatformQuerySet["Consignment"]) -> list[Wire]:
    """The consignments with their goods, as their orders show them."""
    return [wire for _, wire in _consignments(queryset)]


def _consignments(queryset: PlatformQuerySet["Consignment"]) -> list[tuple[UUID, Wire]]:
    """Each with the id of its order, in their order."""
    found: dict[UUID, tuple[UUID, Wire]] = {}
    for row in queryset.order_by("position", "created_at", "id").values_list(
        *_COMMON, *_CONSIGNMENT, "transport_order_id"
    ):
        found[row[0]] = row[-1], {**_wire(_CONSIGNMENT, row), "goods": []}
    if found:
        goods = Goods.objects.across_platforms().filter(consignment__in=found)
        for row in goods.order_by("position", "created_at", "id").values_list(
            *_COMMON, *_GOODS, "consignment_id"
        ):
            found[row[-1]][1]["goods"].append(_wire(_GOODS, row))
    return list(found.values())


def events(queryset: PlatformQuerySet["Event"]) -> list[Wire]:
    """The events, each with what identifies its order; of a deleted order that is its id alone."""
    rows = list(queryset.values_list(*_COMMON, *_EVENT))
    orders: dict[UUID, Wire] = {}
    if ids := {row[-1] for row in rows if row[-1]}:
        named = TransportOrder.objects.across_platforms().filter(pk__in=ids).using(queryset.db)
        for row in named.values_list("id", *_ORDER_OF_EVENT):
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
