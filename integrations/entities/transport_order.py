"""A transport order with its consignments and goods: one entity, whoever saves which part."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext_lazy, pgettext_lazy

from integrations.entities import base
from otms.orders import wire
from otms.orders.models import Consignment, Goods, TransportOrder


class Entity(base.Entity):
    label = gettext_lazy("Transport order")
    noun = pgettext_lazy("in a sentence", "transport order")
    root = TransportOrder
    parts = {Consignment: "transport_order_id", Goods: "consignment__transport_order_id"}

    def snapshots(self, ids: Iterable[UUID], using: str) -> dict[UUID, dict[str, Any]]:
        found = wire.transport_orders(wire.OfAnyPlatform(ids, using))
        return {UUID(order["id"]): order for order in found}

    def reference(self, snapshot: dict[str, Any]) -> str:
        return snapshot["name"] or snapshot["orderId"] or snapshot["id"][:8]

    def called(self, reference: str) -> list[Q]:
        return [Q(name=reference), Q(order_id=reference)]

    def belonging_to(self, name: str) -> list[Q]:
        return [Q(customer__name=name)]

    def resembling(self, part: str) -> Q:
        whose = Q(customer__name__icontains=part)
        return Q(name__icontains=part) | Q(order_id__icontains=part) | whose
