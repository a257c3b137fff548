"""A tree of an order as it was sent becomes records: created whole, updated in part.

Each is a transaction, or a part of one that is open: who catches what it raises rolls that back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import router, transaction
from django.db.models import Model, prefetch_related_objects
from django.db.models.signals import post_save, pre_save
from rest_framework.exceptions import ValidationError

from otms import documents
from otms.accounts.models import Platform
from otms.api.serializers import camel
from otms.db.before_commit import last_read
from otms.db.columns import Columns
from otms.db.rows import insert_together
from otms.documents import shorten
from otms.orders import wire
from otms.orders.models import Business, Consignment, Event, Goods, TransportOrder
from otms.orders.serializers import too_many_goods

Given = dict[str, Any]
# Every order that names its customer asks.
CALLED = Columns(Business).where(
    "WHERE platform_id = %(platform)s AND name = %(name)s ORDER BY created_at, id LIMIT 1"
)
DEEPEST = 100  # businesses, each a part of the next


class Customers:
    """The businesses that orders of one transaction name as their customers, each read once."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self._known: dict[Any, Business] = {}

    def named(self, given: Given) -> Business:
        """The one with this id, else with this name; a new one where nobody has the name."""
        key = given.get("id") or given["name"]
        if key not in self._known:
            self._known[key] = _customer(self.platform, given)
        return self._known[key]


@dataclass
class Part:
    """A consignment or goods as they shall be."""

    record: Any
    path: str
    new: bool = False
    changed: bool = True
    named: bool = False  # by its client: a new one, whose id may be another's
    complete: bool = False  # a consignment that came with its goods: others are not its any more


def create_order(platform: Platform, given: Given) -> TransportOrder:
    (order,) = create_orders(Customers(platform), [given])
    return order


@transaction.atomic(savepoint=False)
def create_orders(customers: Customers, given: Sequence[Given]) -> list[TransportOrder]:
    """All of them or none, in as many statements as one of them takes."""
    orders: list[TransportOrder] = []
    parts: list[Part] = []
    for each in given:
        fields = dict(each)
        consignments = fields.pop("consignments", [])
        order = TransportOrder(platform=customers.platform, **_own(customers, fields))
        orders.append(order)
        parts += _parts(order, consignments, {}, {})
    named = [order.pk for order, each in zip(orders, given, strict=True) if "id" in each]
    if named and TransportOrder.objects.across_platforms().filter(pk__in=named).exists():
        raise taken("id")
    using = router.db_for_write(TransportOrder)
    _insert_as_saved(orders, parts, using)
    shown = wire.as_inserted(orders, [part.record for part in parts], using)
    last_read(using).update({(TransportOrder, pk): each for pk, each in shown.items()})
    return orders


def _insert_as_saved(orders: list[TransportOrder], parts: list[Part], using: str) -> None:
    """An INSERT of whole orders, of which whoever listens to their saves hears as of so many."""
    told: Any = {"sender": TransportOrder, "raw": False, "using": using, "update_fields": None}
    for order in orders:
        pre_save.send(instance=order, **told)
    insert_together(using, orders, _new(Consignment, parts), _new(Goods, parts))
    for order in orders:
        post_save.send(instance=order, created=True, **told)


@transaction.atomic(savepoint=False)
def update_order(
    order: TransportOrder, given: Given, customers: Customers | None = None
) -> TransportOrder:
    """Change what was sent and nothing else; a list that was sent replaces the list.

    Parts that name their `id` are changed, the others are new, those left out are removed.
    """
    fields = dict(given)
    consignments = fields.pop("consignments", None)
    changed = _assign(order, _own(customers or Customers(order.platform), fields))
    parts: list[Part] = []
    left_out: list[Any] = []
    if consignments is not None:
        stored = {each.pk: each for each in order.consignments.all()}
        prefetch_related_objects(list(stored.values()), "goods")
        stored_goods = {part.pk: part for each in stored.values() for part in each.goods.all()}
        were_in = {each.pk: each.consignment_id for each in stored_goods.values()}
        parts = list(_parts(order, consignments, stored, stored_goods))
        left_out = _left_out(parts, stored, stored_goods)
        _refuse_too_many(parts, left_out, stored_goods)
        _changed_by_their_goods(parts, left_out, were_in)
    if changed or left_out or any(part.changed for part in parts):
        # First of all: this is where the order as it was is captured, its parts included.
        order.save()
        _write(parts)
        for each in left_out:
            each.delete()
    return order


def update_consignment(consignment: Consignment, given: Given) -> Consignment:
    """Change what was sent of one consignment: a change of its order, whose others stay."""
    order = consignment.transport_order
    parts: list[Given] = [
        {"id": each.pk, "position": each.position, **(given if each == consignment else {})}
        for each in order.consignments.all()
    ]
    update_order(order, {"consignments": parts})
    return consignment


@transaction.atomic(savepoint=False)
def create_business(platform: Platform, given: Given) -> Business:
    business = Business(platform=platform, **_related(platform, given))
    insert(business, given)
    return business


@transaction.atomic(savepoint=False)
def update_business(business: Business, given: Given) -> Business:
    if _assign(business, _related(business.platform, given)):
        if _is_above(business, business.part_of):
            raise ValidationError({"partOf.id": "A business is no part of itself."}, "itself")
        business.save()
    return business


def _is_above(business: Business, other: Business | None) -> bool:
    """Is the other one, directly or through others, a part of this business, or itself?"""
    seen: set[UUID] = set()
    while other is not None and other.pk not in seen and len(seen) < DEEPEST:
        if other.pk == business.pk:
            return True
        seen.add(other.pk)
        other = other.part_of
    return False


@transaction.atomic(savepoint=False)
def create_event(platform: Platform, given: Given) -> Event:
    fields = dict(given)
    fields.pop("nonce", None)
    if (order := fields.get("transport_order")) is not None:
        fields["transport_order"] = _order(platform, order["id"], "transportOrder.id")
    event = Event(platform=platform, **fields)
    insert(event, given)
    return event


def insert(record: Any, given: Given) -> None:
    """Save a new record; its client may choose the id, but not one that anybody has."""
    if "id" in given:
        refuse_taken(record, "id")
    record.save(force_insert=True)


def refuse_taken(record: Any, field: str) -> None:
    if type(record).objects.across_platforms().filter(pk=record.pk).exists():
        raise taken(field)


def taken(field: str) -> ValidationError:
    text = "This id is taken; leave it out, or use PUT to change the record."
    return ValidationError({field: text}, "taken")


def _parts(
    order: TransportOrder,
    given: list[Given],
    stored: dict[UUID, Consignment],
    stored_goods: dict[UUID, Goods],
) -> Iterator[Part]:
    """The parts that were sent, each stored one at most once, with what was sent of them."""
    stored, stored_goods = dict(stored), dict(stored_goods)
    for place, sent in enumerate(given):
        path = f"consignments[{place}]"
        fields = {"transport_order": order, "position": place, **sent}
        goods = fields.pop("goods", None)
        consignment = _part(Consignment, order, fields, stored, path)
        consignment.complete = goods is not None
        yield consignment
        for number, each in enumerate(goods or []):
            fields = {"consignment": consignment.record, "position": number, **each}
            yield _part(Goods, order, fields, stored_goods, f"{path}.goods[{number}]")


def _part(
    model: type[Any], order: TransportOrder, fields: Given, stored: dict[UUID, Any], path: str
) -> Part:
    fields.pop("nonce", None)
    if record := stored.pop(fields.get("id"), None):  # type: ignore[arg-type]
        return Part(record, path, changed=_assign(record, fields))
    record = model(platform_id=order.platform_id, **fields)
    return Part(record, path, new=True, named="id" in fields)


def _left_out(
    parts: list[Part], stored: dict[UUID, Consignment], stored_goods: dict[UUID, Goods]
) -> list[Any]:
    """What was not sent again: consignments, and goods of those whose goods were sent."""
    sent = {part.record.pk for part in parts}
    complete = {part.record.pk for part in parts if part.complete}
    goods = [
        each
        for each in stored_goods.values()
        if each.pk not in sent and each.consignment_id in complete
    ]
    return goods + [each for each in stored.values() if each.pk not in sent]


def _changed_by_their_goods(
    parts: list[Part], left_out: list[Any], were_in: dict[UUID, UUID]
) -> None:
    """A consignment whose goods come, go or change has changed: its `updatedAt` says so."""
    goods = [part.record for part in parts if isinstance(part.record, Goods) and part.changed]
    gone = [each for each in left_out if isinstance(each, Goods)]
    touched = {each.consignment_id for each in (*goods, *gone)}
    touched |= {were_in[each.pk] for each in goods if each.pk in were_in}
    for part in parts:
        part.changed = part.changed or part.record.pk in touched


def _refuse_too_many(
    parts: list[Part], left_out: list[Any], stored_goods: dict[UUID, Goods]
) -> None:
    """Count the goods as they will be: those of a consignment that came without them stay."""
    gone = {each.pk for each in left_out}
    staying = {pk for pk, each in stored_goods.items() if not gone & {pk, each.consignment_id}}
    sent = {part.record.pk for part in parts if isinstance(part.record, Goods)}
    if wrong := too_many_goods(len(staying | sent)):
        raise ValidationError({"consignments": wrong})


def _write(parts: list[Part]) -> None:
    """Save the parts; new ones by one INSERT, because their order is captured already."""
    insert_together(
        router.db_for_write(TransportOrder), _new(Consignment, parts), _new(Goods, parts)
    )
    for part in parts:
        if part.changed and not part.new:
            part.record.save()


def _new(model: type[Any], parts: list[Part]) -> list[Any]:
    """The new records among these of one model; a 400 where one has an id that anybody has."""
    new = [part for part in parts if part.new and isinstance(part.record, model)]
    named = {part.record.pk: part for part in new if part.named}
    for part in new:
        if part.named and named[part.record.pk] is not part:  # the same id twice
            raise taken(f"{named[part.record.pk].path}.id")
    if named:
        of_anybody = model.objects.across_platforms().filter(pk__in=named)
        for id in of_anybody.values_list("pk", flat=True):
            raise taken(f"{named[id].path}.id")
    return [part.record for part in new]


def _related(platform: Platform, given: Given) -> Given:
    """The business's own columns, the business it is part of among them."""
    fields = dict(given)
    fields.pop("nonce", None)
    if (part_of := fields.get("part_of")) is not None:
        fields["part_of"] = _business(platform, part_of["id"], "partOf.id")
    return fields


def _own(customers: Customers, fields: Given) -> Given:
    """The order's own columns, the customer among them."""
    fields.pop("nonce", None)
    if (customer := fields.get("customer")) is not None:
        fields["customer"] = customers.named(customer)
    return fields


def about_customer(order: TransportOrder, given: Given) -> list[dict[str, str]]:
    """Warnings: what was sent of a customer that is known, and differs from what is known.

    An order names its customer and does not change it.
    """
    if not (sent := given.get("customer")) or (stored := order.customer) is None:
        return []
    differ = [
        camel(name)
        for name, value in sent.items()
        if value and name not in ("id", "nonce") and _differ(getattr(stored, name), value)
    ]
    known, how = f"{shorten(stored.name)} is known with another", "PUT /api/business changes it"
    return [
        {
            "field": f"customer.{name}",
            "code": "customer_kept",
            "message": f"{known} {name}, which stays as it is; {how}.",
        }
        for name in differ
    ]


def _customer(platform: Platform, given: Given) -> Business:
    if id := given.get("id"):
        return _business(platform, id, "customer.id")
    if found := _called(platform, given["name"]):
        return found
    # Two orders may bring the same new customer at once: the second waits here and finds it.
    Platform.objects.select_for_update(no_key=True).get(pk=platform.pk)
    return _called(platform, given["name"]) or Business.objects.create(platform=platform, **given)


def _called(platform: Platform, name: str) -> Business | None:
    """The business of this name; the oldest, if several have it."""
    return next(iter(CALLED.records("default", platform=platform.pk, name=name)), None)


def _business(platform: Platform, id: UUID, field: str) -> Business:
    found = Business.objects.of(platform).filter(pk=id).first()
    if found is None:
        raise ValidationError({field: f"There is no business with the id {id}."}, "not_found")
    return found


def _order(platform: Platform, id: UUID, field: str) -> TransportOrder:
    found = TransportOrder.objects.of(platform).filter(pk=id).first()
    if found is None:
        text = f"There is no transport order with the id {id}."
        raise ValidationError({field: text}, "not_found")
    return found


def _assign(record: Any, fields: Given) -> bool:
    """Set the fields; True if any of them is new."""
    changed = False
    for name, value in fields.items():
        if name != "id" and _differ(getattr(record, name), value):
            setattr(record, name, value)
            changed = True
    return changed


def _differ(stored: Any, given: Any) -> bool:
    if isinstance(stored, Model) or isinstance(given, Model):
        return stored != given
    if isinstance(stored, dict | list):
        # To Python 1 is True and 12.5 is 12.50; in a document they are not the same.
        return documents.dumps(stored) != documents.dumps(given)
    return stored != given
