"""The API of transport orders, businesses and events."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import ProtectedError
from rest_framework import serializers
from rest_framework.response import Response

from otms.api.errors import Conflict
from otms.api.router import EXAMPLE_ID, Route, route
from otms.api.serializers import ErrorItem, WireSerializer
from otms.api.views import PlatformViewSet
from otms.db.before_commit import last_read
from otms.orders import saving, search, wire
from otms.orders.models import Business, Consignment, Event, OrderStatus, TransportOrder
from otms.orders.serializers import (
    BusinessSerializer,
    ConsignmentSerializer,
    EventSerializer,
    TransportOrderSerializer,
)

WRITING = ("create", "update", "destroy")


class EntityViewSet(PlatformViewSet):
    """Create, update, read, delete, list, search: the six calls that most vendor entities have."""

    plural: str
    examples: dict[str, dict[str, Any]] = {}  # call -> a body that works
    calls = frozenset({"create", "update", "retrieve", "destroy", "list", "search"})
    routes: dict[str, Route]
    # The kind of record that integrations hear of, where what is written here changes one.
    takes_in = ""

    def __init_subclass__(cls) -> None:
        one, many = cls.noun, cls.plural
        page = f"{many}/<str:offset>/<str:amount>"
        record = {one: cls.serializer}
        part = cls.serializer(partial=True)
        warned = {**record, "warnings": ErrorItem(many=True, required=False)}
        records = {many: cls.serializer(many=True), "totalResults": serializers.IntegerField()}
        routes = {
            "create": Route("POST", one, f"create:{one}", cls.serializer, warned),
            "update": Route("PUT", one, f"update:{one}", part, warned),
            "retrieve": Route("GET", f"{one}/<id:id>", f"get:{one}", None, record),
            "destroy": Route("DELETE", f"{one}/<id:id>", f"delete:{one}", None, record),
            "list": Route("GET", page, f"get:{many}", None, records),
            "search": Route("POST", page, f"search:{many}", part, records),
        }
        cls.routes = {
            call: replace(
                each,
                example=cls.examples.get(call),
                takes_in=cls.takes_in if call in WRITING else "",
            )
            for call, each in routes.items()
            if call in cls.calls
        }

    def stored(self, record: Any) -> Any:
        """A record that was found or saved, to be read as it is stored."""
        return self.records.filter(pk=record.pk)

    def represent(self, asked: Any) -> list[dict[str, Any]]:
        """The records as they look on the wire."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its records look.")

    def save(self, record: Any | None, given: dict[str, Any]) -> Any:
        """Make a record of what was given, or change this one."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its records are saved.")

    def create(self, request: Any) -> Response:
        """Create a record; the client may choose its id."""
        reader = self.read(self.serializer)
        with self.atomic():
            return self._answer(self.save(None, reader.validated_data), reader)

    def update(self, request: Any) -> Response:
        """Change what is sent, leave the rest; a list that is sent replaces the list."""
        id = self.body_id()
        reader = self.read(self.serializer, partial=True)
        with self.atomic():
            record = self.locked(id)
            record.platform = self.platform  # it is among these, so nobody has to read whose it is
            self.check_stored(record)
            # Not every kind of record says that it is about to be written.
            last_read(self.records.db).pop((self.model, record.pk), None)
            return self._answer(self.save(record, reader.validated_data), reader)

    def locked(self, id: str) -> Any:
        """The record to change, which nobody else changes until the transaction ends."""
        return self.record(id, self.records.select_for_update(no_key=True))

    def retrieve(self, request: Any, id: UUID) -> Response:
        """One record, by its id."""
        return self._answer(self.record(id))

    def destroy(self, request: Any, id: UUID) -> Response:
        """Delete the record; the answer shows it one last time."""
        try:
            with transaction.atomic():
                record = self.record(id, self.records.select_for_update(no_key=True))
                answer = self._answer(record)
                record.delete()
        except ProtectedError:
            raise Conflict(
                f"This {self.noun} is in use by other records; remove those first."
            ) from None
        return answer

    def list(self, request: Any, offset: str, amount: str) -> Response:
        """All records, newest first."""
        return Response(self.paged(self.plural, self._newest(), offset, amount, self.represent))

    def search(self, request: Any, offset: str, amount: str) -> Response:
        """Search by example: every key of the body must match; newest first."""
        matching = self._newest().filter(**self.by_example())
        return Response(self.paged(self.plural, matching, offset, amount, self.represent))

    def _newest(self) -> Any:
        return self.records.order_by("-created_at", "id")

    def _answer(self, record: Any, reader: WireSerializer | None = None) -> Response:
        if reader is None:
            return Response({self.noun: self.represent(self.stored(record))[0]})
        read = last_read(self.records.db)
        if (found := read.get((self.model, record.pk))) is None:
            found = read[self.model, record.pk] = self.represent(self.stored(record))[0]
        shown = with_nonces(reader.validated_data, found)
        warnings = [*reader.warnings(), *self.noticed(record, reader.validated_data)]
        return Response({self.noun: shown, **({"warnings": warnings} if warnings else {})})

    def noticed(self, record: Any, given: dict[str, Any]) -> Any:
        """What of it was understood, and had no effect."""
        return []


def with_nonces(given: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """The record with each nonce beside the id of what it was sent with, the parts' too."""
    shown = dict(found)
    if given.get("nonce") is not None:
        shown["nonce"] = given["nonce"]
    for key, parts in given.items():
        if key in ("consignments", "goods"):
            pairs = zip(parts, found[key], strict=True)
            shown[key] = [with_nonces(sent, part) for sent, part in pairs]
    return shown


class AsOnTheWire:
    """What wire.py shows, read with fewer words."""

    def stored(self, record: Any) -> wire.Asked:
        return wire.again(record)


class TransportOrderViewSet(AsOnTheWire, EntityViewSet):
    """Transport orders with their consignments and goods, in one call."""

    model = TransportOrder
    noun = takes_in = "transportOrder"
    plural = "transportOrders"
    group = "Transport order"
    serializer = TransportOrderSerializer
    examples = {
        "create": {
            "name": "4711",
            "status": "requested",
            "customer": {"name": "Acme Corp"},
            "consignments": [{"goods": [{"description": "pallets", "quantity": 4}]}],
        },
        "update": {"id": EXAMPLE_ID, "status": "planned"},
        "search": {"status": "planned", "customer": {"name": "Acme Corp"}},
    }
    searchable = {
        "id": "id",
        "orderId": "order_id",
        "name": "name",
        "type": "type",
        "status": "status",
        "customer.id": "customer_id",
        "customer.name": "customer__name",
    }

    def represent(self, asked: wire.Asked) -> list[dict[str, Any]]:
        return wire.transport_orders(asked)

    def save(self, record: TransportOrder | None, given: dict[str, Any]) -> TransportOrder:
        if record is None:
            return saving.create_order(self.platform, given)
        return saving.update_order(record, given)

    def noticed(self, record: TransportOrder, given: dict[str, Any]) -> Any:
        return saving.about_customer(record, given)

    @route(
        "GET",
        "transportOrder/<id:id>/accept",
        "accept:transportOrder",
        answers={"transportOrder": TransportOrderSerializer},
        takes_in="transportOrder",
    )
    def accept(self, request: Any, id: UUID) -> Response:
        """Accept a requested order. A GET that changes something: the vendor's way."""
        if request.method != "GET":  # who asks for the head alone wants to look
            self.http_method_not_allowed(request)
        with transaction.atomic():
            order = self.record(id, self.records.select_for_update(no_key=True))
            if order.status != OrderStatus.REQUESTED:
                raise Conflict(
                    f"This transportOrder is {order.status}; only one that is requested can be "
                    "accepted."
                )
            return self._answer(self.save(order, {"status": OrderStatus.ACCEPTED}))

    @route(
        "POST",
        "transportOrders:extended/<str:offset>/<str:amount>",
        "search:transportOrders:extended",
        takes=search.OrderSearch,
        answers={
            "transportOrders": TransportOrderSerializer(many=True),
            "totalResults": serializers.IntegerField(),
        },
        example={
            "status": ["planned", "actual"],
            "customer": {"name": {"contains": "acme"}},
            "updatedAt": {"since": "2026-01-01T00:00:00Z"},
        },
    )
    def search_extended(self, request: Any, offset: str, amount: str) -> Response:
        """Search with lists of values, ranges of time and parts of texts; newest first."""
        asked = self.read(search.OrderSearch).validated_data
        found = search.narrowed(self.records, asked)
        return Response(self.paged(self.plural, found, offset, amount, self.represent))


class ConsignmentViewSet(AsOnTheWire, EntityViewSet):
    """Consignments by themselves; they come and go with their orders."""

    model = Consignment
    noun = "consignment"
    takes_in = "transportOrder"
    plural = "consignments"
    group = "Consignment"
    examples = {"update": {"id": EXAMPLE_ID, "name": "first part"}}
    serializer = ConsignmentSerializer
    calls = frozenset({"update", "retrieve"})

    def represent(self, asked: wire.Asked) -> list[dict[str, Any]]:
        return wire.consignments(asked)

    def locked(self, id: str) -> Any:
        # Who changes the order locks that first, too.
        orders = TransportOrder.objects.of(self.platform).filter(
            pk=self.record(id).transport_order_id
        )
        list(orders.select_for_update(no_key=True).values_list("pk"))
        return self.record(id)

    def save(self, record: Consignment | None, given: dict[str, Any]) -> Any:
        assert record  # noqa: S101 - there is no call that makes one
        return saving.update_consignment(record, given)


class BusinessViewSet(AsOnTheWire, EntityViewSet):
    """Businesses: customers, shippers, carriers."""

    model = Business
    noun = takes_in = "business"
    plural = "businesses"
    group = "Business"
    examples = {
        "create": {
            "name": "Acme Corp",
            "vat": "NL001234567B01",
            "contactDetails": [{"type": "email", "value": "orders@acme.example"}],
        },
        "update": {"id": EXAMPLE_ID, "alias": "Acme"},
        "search": {"name": "Acme Corp"},
    }
    serializer = BusinessSerializer
    searchable = {
        "id": "id",
        "name": "name",
        "alias": "alias",
        "relationType": "relation_type",
        "coc": "coc",
        "vat": "vat",
        "eori": "eori",
        "scacCode": "scac_code",
        "partOf.id": "part_of_id",
    }

    def represent(self, asked: wire.Asked) -> list[dict[str, Any]]:
        return wire.businesses(asked)

    def save(self, record: Business | None, given: dict[str, Any]) -> Business:
        if record is None:
            return saving.create_business(self.platform, given)
        return saving.update_business(record, given)


class EventViewSet(AsOnTheWire, EntityViewSet):
    """Events: what happened on the way. They are reported, and stay as they are."""

    model = Event
    noun = takes_in = "event"
    plural = "events"
    group = "Event"
    examples = {
        "create": {
            "type": "ArrivalEvent",
            "dateTime": "2026-03-22T10:00:00Z",
            "location": {"name": "Warehouse 3", "city": "Rotterdam"},
            "transportOrder": {"id": EXAMPLE_ID},
        },
        "search": {"type": "ArrivalEvent", "transportOrder": {"id": EXAMPLE_ID}},
    }
    serializer = EventSerializer
    calls = frozenset({"create", "retrieve", "list", "search"})
    searchable = {
        "id": "id",
        "type": "type",
        "dateTime": "date_time",
        "lifeCycle": "life_cycle",
        "name": "name",
        "transportOrder.id": "transport_order_id",
    }

    def represent(self, asked: wire.Asked) -> list[dict[str, Any]]:
        return wire.events(asked)

    def save(self, record: Event | None, given: dict[str, Any]) -> Event:
        return saving.create_event(self.platform, given)
