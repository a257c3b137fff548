"""A tree of an order as it was sent becomes records: created whole, updated in part."""

from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework.exceptions import ValidationError

from otms.accounts.models import Platform
from otms.api.errors import FieldErrors
from otms.orders.models import Business, Consignment, Goods, TransportOrder

Given = dict[str, Any]


@transaction.atomic
def create_order(platform: Platform, given: Given) -> TransportOrder:
    fields = dict(given)
    consignments = fields.pop("consignments", [])
    order = TransportOrder(platform=platform, **_own(platform, fields))
    refuse_taken(order)
    order.save(force_insert=True)
    _create_consignments(order, consignments)
    return order


@transaction.atomic
def update_order(order: TransportOrder, given: Given) -> TransportOrder:
    """Change what was sent and nothing else; a list that was sent replaces the list.

    Parts that name their `id` are changed, the others are new, those left out are removed.
    """
    fields = dict(given)
    consignments = fields.pop("consignments", None)
    changed = _assign(order, _own(order.platform, fields))
    if consignments is not None:
        changed |= _replace(
            order.consignments.all(),
            consignments,
            "consignments",
            lambda new: _create_consignments(order, new),
        )
    if changed:
        order.save()
    return order


@transaction.atomic
def create_business(platform: Platform, given: Given) -> Business:
    business = Business(platform=platform, **_related(platform, given))
    refuse_taken(business)
    business.save(force_insert=True)
    return business


@transaction.atomic
def update_business(business: Business, given: Given) -> Business:
    if _assign(business, _related(business.platform, given)):
        business.save()
    return business


def _related(platform: Platform, given: Given) -> Given:
    """The business's own columns, the business it is part of among them."""
    fields = dict(given)
    fields.pop("nonce", None)
    if (part_of := fields.get("part_of")) is not None:
        fields["part_of"] = _business(platform, part_of["id"], "partOf.id")
    return fields


def refuse_taken(record: Any, field: str = "id") -> None:
    """A client may choose the id of a new record, but not one that exists (whoever owns it)."""
    if type(record).objects.across_platforms().filter(pk=record.pk).exists():
        raise ValidationError(
            {field: "This id is taken; leave it out, or use PUT to change the record."}, "taken"
        )


def _own(platform: Platform, fields: Given) -> Given:
    """The order's own columns, the customer among them."""
    fields.pop("nonce", None)
    if (customer := fields.get("customer")) is not None:
        fields["customer"] = _customer(platform, customer)
    return fields


def _customer(platform: Platform, given: Given) -> Business:
    if id := given.get("id"):
        return _business(platform, id, "customer.id")
    named = Business.objects.of(platform).filter(name=given["name"]).order_by("created_at", "id")
    if found := named.first():
        return found
    # Two orders may bring the same new customer at once: the second waits here and finds it.
    Platform.objects.select_for_update(no_key=True).get(pk=platform.pk)
    return named.first() or Business.objects.create(platform=platform, **given)


def _business(platform: Platform, id: UUID, field: str) -> Business:
    found = Business.objects.of(platform).filter(pk=id).first()
    if found is None:
        raise FieldErrors(
            [
                {
                    "field": field,
                    "code": "not_found",
                    "message": f"There is no business with the id {id}.",
                }
            ]
        )
    return found


def _create_consignments(
    order: TransportOrder, given: list[tuple[int, Given]] | list[Given]
) -> None:
    """New parts by bulk INSERT: their order is saved in this transaction too, so it is captured."""
    consignments, goods = [], []
    for position, fields in _numbered(given):
        fields = dict(fields)
        parts = fields.pop("goods", [])
        fields.pop("nonce", None)
        consignment = Consignment(
            platform_id=order.platform_id, transport_order=order, position=position, **fields
        )
        consignments.append(consignment)
        goods += [(consignment, place, dict(part)) for place, part in _numbered(parts)]
    Consignment.objects.bulk_create(_not_taken(consignments, "consignments"))
    _create_goods(goods)


def _create_goods(given: list[tuple[Consignment, int, Given]]) -> None:
    goods = []
    for consignment, position, fields in given:
        fields.pop("nonce", None)
        goods.append(
            Goods(
                platform_id=consignment.platform_id,
                consignment=consignment,
                position=position,
                **fields,
            )
        )
    Goods.objects.bulk_create(_not_taken(goods, "goods"))


def _numbered(given: Any) -> list[tuple[int, Given]]:
    return [item if isinstance(item, tuple) else (place, item) for place, item in enumerate(given)]


def _not_taken(records: list[Any], field: str) -> list[Any]:
    """The records, unless one brings an id that exists."""
    chosen = [record for record in records if record.pk]
    taken = set(
        type(chosen[0])
        .objects.across_platforms()
        .filter(pk__in=[r.pk for r in chosen])
        .values_list("pk", flat=True)
        if chosen
        else ()
    )
    if taken:
        id = sorted(map(str, taken))[0]
        raise FieldErrors(
            [
                {
                    "field": f"{field}.id",
                    "code": "taken",
                    "message": f"The id {id} is taken by another record.",
                }
            ]
        )
    return records


def _replace(stored: Any, given: list[Given], path: str, create: Any) -> bool:
    """Make the stored parts those that were given; True if anything changed."""
    known = {part.pk: part for part in stored}
    changed, new = False, []
    for position, fields in enumerate(given):
        fields = dict(fields)
        fields.pop("nonce", None)
        part = known.pop(fields.pop("id", None), None)
        if part is None:
            new.append((position, dict(given[position])))
            continue
        goods = fields.pop("goods", None)
        touched = _assign(part, {**fields, "position": position})
        if goods is not None:
            touched |= _replace(
                part.goods.all(),
                goods,
                f"{path}[{position}].goods",
                lambda items, part=part: _create_goods(
                    [(part, place, item) for place, item in items]
                ),
            )
        if touched:
            part.save()
            changed = True
    for part in known.values():
        part.delete()
    if new:
        create(new)
    return changed or bool(known) or bool(new)


def _assign(record: Any, fields: Given) -> bool:
    """Set the fields; True if any of them is new."""
    changed = False
    for name, value in fields.items():
        if name != "id" and getattr(record, name) != value:
            setattr(record, name, value)
            changed = True
    return changed
