"""One row: mapped, checked, matched with the record it is about, saved."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from rest_framework.exceptions import ValidationError

from integrations.core.errors import MappingError, Problem, shown
from integrations.core.mapping import Mapping
from integrations.inbound import parts
from integrations.models import ExternalId, Integration
from integrations.models.imports import Outcome
from otms.api.errors import flatten
from otms.orders import saving
from otms.orders.models import TransportOrder
from otms.orders.serializers import TransportOrderSerializer

ENTITY = "transportOrder"
# Of one row; nobody reads more, and ten thousand rows have to fit into one answer.
MOST_TOLD = 20
LONGEST_NAME = 255


class Rejected(Exception):
    """This row can't be brought in; every problem with its field inside the row."""

    def __init__(self, problems: list[Problem], external_id: str = "") -> None:
        super().__init__(problems[0].message)
        self.problems = problems[:MOST_TOLD]
        self.external_id = external_id
        self.warnings: list[Problem] = []


@dataclass(frozen=True)
class Received:
    """What became of a row."""

    outcome: Outcome
    record_id: UUID | None = None
    external_id: str = ""
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class Mapped:
    """A row as a transport order in our own form, and what the mapping did not find."""

    fields: dict[str, Any]
    warnings: list[Problem]


def receive(integration: Integration, mapped: Mapped) -> Received:
    """Bring one row in, inside a transaction; Rejected says why it can't be."""
    # Copied, for it may be tried again.
    fields, warnings = dict(mapped.fields), list(mapped.warnings)
    try:
        return _checked(integration, fields, warnings)
    except Rejected as error:
        error.warnings = warnings[:MOST_TOLD]
        raise


def _checked(integration: Integration, row: dict[str, Any], warnings: list[Problem]) -> Received:
    name = _external_id(row)
    try:
        return _saved(integration, row, name, warnings)
    except ValidationError as error:
        details = flatten(error.get_full_details())
        problems = [Problem(each["field"], each["code"], each["message"]) for each in details]
        raise Rejected(problems, name) from None


def mapped(mapping: Mapping | None, sent: Any) -> Mapped:
    """The row as a transport order; it may take its time, so no transaction is open."""
    warnings: list[Problem] = []
    if not isinstance(sent, dict | list):
        text = f"A row is an object such as {{...}}, not {shown(sent)}."
        raise Rejected([Problem("", "not_an_object", text)])
    if mapping is not None:
        try:
            made = mapping.apply(sent)
        except MappingError as error:
            raise Rejected([Problem(error.target, "mapping_error", error.message)]) from None
        sent = made.value
        warnings = [Problem(w.target, "left_out", w.message) for w in made.warnings]
    if not isinstance(sent, dict):
        text = f"A row is an object, a transport order such as {{...}}, not {shown(sent)}."
        raise Rejected([Problem("", "not_an_object", text)])
    return Mapped(dict(sent), warnings)


def _external_id(row: dict[str, Any]) -> str:
    """What the partner calls the record, taken out of the row; "" when it says nothing."""
    given = row.pop("externalId", None)
    if given is None:
        name = parts.external_id(row.get("externalAttributes")) or ""
    elif isinstance(given, bool) or not isinstance(given, str | int):
        text = f"Write the external id as a text or a whole number, not {shown(given)}."
        raise Rejected([Problem("externalId", "invalid", text)])
    else:
        name = str(given).strip()
    if len(name) > LONGEST_NAME:
        where = "externalId" if given is not None else "externalAttributes.id"
        text = f"An external id has at most {LONGEST_NAME} characters."
        raise Rejected([Problem(where, "max_length", text)])
    return name


def _saved(
    integration: Integration, row: dict[str, Any], name: str, warnings: list[Problem]
) -> Received:
    reader = TransportOrderSerializer(data=row, partial=True)
    reader.is_valid(raise_exception=True)
    given = {key: value for key, value in reader.validated_data.items() if key != "nonce"}
    warnings += [Problem(w["field"], w["code"], w["message"]) for w in reader.warnings()]
    id = given.pop("id", None)
    new = id or uuid4()
    entry = ExternalId.held(integration, ENTITY, name, new) if name else None
    order = _match(integration, id, entry)
    if order is not None:
        before = order.updated_at
        saving.update_order(order, parts.recognised(order, given))
        outcome = Outcome.UNCHANGED if order.updated_at == before else Outcome.UPDATED
    elif not given:
        known = ", ".join(name for name, each in reader.fields.items() if not each.read_only)
        text = f"Nothing in this row is a field of a transport order; there are: {known}."
        raise Rejected([Problem("", "empty", text)], name)
    else:
        # Also when its name is that of a deleted order: that one keeps its id.
        given["id"] = new
        order = saving.create_order(integration.platform, given)
        outcome = Outcome.CREATED
        if entry is None and id is None:
            text = "This row has neither `id` nor `externalId`: sent again, it makes another order."
            warnings.append(Problem("", "no_id", text))
    if entry is not None:
        entry.name(order.pk)
    about = saving.about_customer(order, given)
    warnings += [Problem(each["field"], each["code"], each["message"]) for each in about]
    return Received(outcome, order.pk, name, warnings=warnings[:MOST_TOLD])


def _match(
    integration: Integration, id: UUID | None, entry: ExternalId | None
) -> TransportOrder | None:
    """The order with this id, else the one with this external id, locked."""
    orders = TransportOrder.objects.of(integration.platform).select_for_update(no_key=True)
    found = orders.filter(pk=id).first() if id else None
    if entry is None or (id and entry.entity_id == id):
        return found
    known = orders.filter(pk=entry.entity_id).first()
    if known is not None and id is not None:
        text = f"This external id is that of the order {known.pk}, and the row names another `id`."
        raise Rejected([Problem("externalId", "other_record", text)], entry.external_id)
    return known or found
