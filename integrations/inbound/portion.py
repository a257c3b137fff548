"""Rows that are saved together, in one transaction and few statements, as if one after the other.

Whatever is wrong with one of them fails all: who called tries them one by one, and sees which.
"""

import time
from collections.abc import Sequence
from uuid import UUID

from django.db.models import prefetch_related_objects
from rest_framework.exceptions import ValidationError

from integrations.core.errors import Problem
from integrations.inbound import parts
from integrations.inbound.row import ENTITY, MOST_TOLD, Checked, Received, rejected
from integrations.models import ExternalId, Integration
from integrations.models.imports import Outcome
from otms.orders import saving
from otms.orders.models import TransportOrder

# What is changed is held until the end, and on SQLite all others wait: no more is begun.
HOLD_SECONDS = 0.5
MOST_PARTS = 500  # orders, consignments, goods


def receive(integration: Integration, row: Checked) -> Received:
    """Bring one row in, inside a transaction; Rejected says why it can't be."""
    try:
        (made,) = receive_all(integration, [row])
    except ValidationError as error:
        raise rejected(error, row.name, row.warnings) from None
    return made


def receive_all(integration: Integration, rows: Sequence[Checked]) -> list[Received]:
    """Bring rows in, inside a transaction: the first, and those after it that can be with it.

    One that is about a record of an earlier one is for the next transaction: each is a change of
    its own.
    """
    return _Portion(integration, _together(rows)).received()


def _together(rows: Sequence[Checked]) -> list[Checked]:
    """The first rows, so many that nobody waits for long."""
    size, found = 0, list[Checked]()
    for row in rows:
        size += row.size
        if found and size > MOST_PARTS:
            break
        found.append(row)
    return found


class _Portion:
    def __init__(self, integration: Integration, rows: Sequence[Checked]) -> None:
        self.integration, self.rows = integration, rows
        # Locked all at once and in one order, before anything else: or two imports could deadlock.
        self.entries = ExternalId.held(integration, ENTITY, {row.name for row in rows if row.name})
        self.orders = self._known_orders()
        self.customers = saving.Customers(integration.platform)
        self.made: dict[int, Received] = {}
        self.new: list[tuple[int, Checked]] = []  # to be created before anything else is changed
        self.named: list[ExternalId] = []

    def received(self) -> list[Received]:
        end = time.monotonic() + HOLD_SECONDS
        seen: set[UUID | str] = set()
        for place, row in enumerate(self.rows):
            about = self._about(row)
            if place and (seen & about or time.monotonic() > end):
                break
            seen |= about
            self._bring(place, row)
        self._create()
        ExternalId.objects.bulk_create(sorted(self.named, key=lambda entry: entry.external_id))
        return [self.made[place] for place in sorted(self.made)]

    def _about(self, row: Checked) -> set[UUID | str]:
        """What tells the record of this row from those of others."""
        entry = self.entries.get(row.name)
        told = (row.name, row.id, entry and entry.entity_id)
        return {each for each in told if each}

    def _bring(self, place: int, row: Checked) -> None:
        order = self._match(row, self.orders)
        if wrong := _wrong(row, order):
            told = row.warnings[:MOST_TOLD]
            self.made[place] = Received(Outcome.REJECTED, None, row.name, [wrong], told)
            return
        if order is None:
            self.new.append((place, row))
            return
        self._create()
        before = order.updated_at
        saving.update_order(order, parts.recognised(order, row.given), self.customers)
        outcome = Outcome.UNCHANGED if order.updated_at == before else Outcome.UPDATED
        self._brought(place, row, order, outcome)

    def _create(self) -> None:
        new, self.new = self.new, []
        if not new:
            return
        # Also when its name is that of a deleted order: that one keeps its id.
        given = [{**row.given, "id": row.id} if row.id else row.given for _, row in new]
        made = saving.create_orders(self.customers, given)
        for (place, row), order in zip(new, made, strict=True):
            self._brought(place, row, order, Outcome.CREATED)

    def _brought(self, place: int, row: Checked, order: TransportOrder, outcome: Outcome) -> None:
        warnings = list(row.warnings)
        if outcome == Outcome.CREATED and not row.name and row.id is None:
            text = "This row has neither `id` nor `externalId`: sent again, it makes another order."
            warnings.append(Problem("", "no_id", text))
        if entry := self.entries.get(row.name):
            entry.name(order.pk)
        elif row.name:
            self.named.append(self._entry(row.name, order.pk))
        about = saving.about_customer(order, row.given)
        warnings += [Problem(each["field"], each["code"], each["message"]) for each in about]
        told = warnings[:MOST_TOLD]
        self.made[place] = Received(outcome, order.pk, row.name, warnings=told)

    def _entry(self, name: str, order: UUID) -> ExternalId:
        return ExternalId(
            platform_id=self.integration.platform_id,
            integration=self.integration,
            entity=ENTITY,
            external_id=name,
            entity_id=order,
        )

    def _known_orders(self) -> dict[UUID, TransportOrder]:
        """The orders that these rows may be about, locked, with what is compared of them."""
        entries = self.entries
        ids = {row.id for row in self.rows if row.id} | {e.entity_id for e in entries.values()}
        if not ids:
            return {}
        orders = TransportOrder.objects.of(self.integration.platform).filter(pk__in=ids)
        locked = list(orders.select_for_update(no_key=True).order_by("pk"))
        prefetch_related_objects(locked, "customer")
        found = {order.pk: order for order in locked}
        whole = (self._match(row, found) for row in self.rows if "consignments" in row.given)
        prefetch_related_objects([each for each in whole if each], "consignments__goods")
        for order in locked:
            order.platform = self.integration.platform
        return found

    def _match(self, row: Checked, orders: dict[UUID, TransportOrder]) -> TransportOrder | None:
        """The order that is known by the name of this row, else the one with its id."""
        entry = self.entries.get(row.name)
        known = orders.get(entry.entity_id) if entry else None
        return known or (orders.get(row.id) if row.id else None)


def _wrong(row: Checked, order: TransportOrder | None) -> Problem | None:
    """What is wrong with a row about this order, or about a new one."""
    if order is None and not row.given:
        text = f"Nothing in this row is a field of a transport order; there are: {row.fields}."
        return Problem("", "empty", text)
    if order is not None and row.id not in (None, order.pk):
        text = f"This external id is that of the order {order.pk}, and the row names another `id`."
        return Problem("externalId", "other_record", text)
    return None
