"""The parts of a row that name no id find the stored parts they are.

Without that the same row again would remove every consignment and make new ones, and each import
would be a change.
"""

from typing import Any

from django.db.models import Model

from otms.orders.models import Consignment, Goods, TransportOrder

Given = dict[str, Any]
# What is not the sender's to say, or is said by where a part stands.
NOT_GIVEN = {"id", "position", "created_at", "updated_at"}


def recognised(order: TransportOrder, given: Given) -> Given:
    """The same order as it was given, with the ids of the stored parts in it.

    A part without an id is the stored one with the same `externalAttributes.id`, else the one in
    its place. It becomes what was sent: what was left out has its default.
    """
    if "consignments" not in given:
        return given
    stored = list(order.consignments.all())
    found = _paired(given["consignments"], stored)
    consignments = []
    for sent, consignment in found:
        goods = sent.get("goods", [] if "id" not in sent else None)
        whole = _whole(sent, consignment)
        if goods is not None and consignment is not None:
            kept = list(consignment.goods.all())
            whole["goods"] = [_whole(each, part) for each, part in _paired(goods, kept)]
        consignments.append(whole)
    return {**given, "consignments": consignments}


def external_id(attributes: Any) -> str | None:
    """The partner's own id among the external attributes, if there is one."""
    found = attributes.get("id") if isinstance(attributes, dict) else None
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return (found.strip() or None) if isinstance(found, str) else None


def _paired(given: list[Given], stored: list[Any]) -> list[tuple[Given, Any]]:
    """Each part as it was sent with the stored one it is, or None."""
    by_id = {part.pk: part for part in stored}
    named = {sent["id"] for sent in given if "id" in sent}
    free = {part.pk: part for part in stored if part.pk not in named}
    by_name: dict[str, Any] = {}
    for part in free.values():
        if name := external_id(part.external_attributes):
            by_name.setdefault(name, part)
    pairs = []
    for place, sent in enumerate(given):
        if "id" in sent:
            pairs.append((sent, by_id.get(sent["id"])))
            continue
        if name := external_id(sent.get("external_attributes")):
            part = by_name.pop(name, None)
        else:
            part = stored[place] if place < len(stored) else None
            if part is not None and external_id(part.external_attributes):
                part = None  # it has a name, and this is not it
        pairs.append((sent, free.pop(part.pk, None) if part is not None else None))
    return pairs


def _whole(sent: Given, stored: Consignment | Goods | None) -> Given:
    if stored is None or "id" in sent:
        return dict(sent)
    return {**_defaults(type(stored)), **sent, "id": stored.pk}


def _defaults(model: type[Model]) -> Given:
    return {
        field.name: field.get_default()
        for field in model._meta.concrete_fields
        if not field.is_relation and field.name not in NOT_GIVEN
    }
