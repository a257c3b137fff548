"""A business: customer, shipper, carrier."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext_lazy, pgettext_lazy

from integrations.entities import base
from otms.orders import wire
from otms.orders.models import Business


class Entity(base.Entity):
    label = gettext_lazy("Business")
    noun = pgettext_lazy("in a sentence", "business")
    root = Business

    def snapshots(self, ids: Iterable[UUID], using: str) -> dict[UUID, dict[str, Any]]:
        found = wire.businesses(wire.OfAnyPlatform(ids, using))
        return {UUID(business["id"]): business for business in found}

    def resembling(self, part: str) -> Q:
        return Q(name__icontains=part)
