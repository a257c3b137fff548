"""An event: what happened on the way, as it was reported."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import F, Q
from django.utils.translation import gettext_lazy, pgettext_lazy

from integrations.entities import base
from otms.orders import wire
from otms.orders.models import Event


class Entity(base.Entity):
    label = gettext_lazy("Event")
    noun = pgettext_lazy("in a sentence", "event")
    root = Event

    def snapshots(self, ids: Iterable[UUID], using: str) -> dict[UUID, dict[str, Any]]:
        found = wire.events(wire.OfAnyPlatform(ids, using))
        return {UUID(event["id"]): event for event in found}

    def reference(self, snapshot: dict[str, Any]) -> str:
        """The order it is about, if there is one: by that people look for it."""
        order = snapshot["transportOrder"] or {}
        return order.get("name") or order.get("orderId") or snapshot["name"] or snapshot["type"]

    def called(self, reference: str) -> list[Q]:
        """By its order, found among those of the platform, or by its own name."""
        ours = Q(transport_order__platform=F("platform"))
        of_order = (Q(transport_order__name=reference), Q(transport_order__order_id=reference))
        return [*(ours & each for each in of_order), Q(name=reference)]
