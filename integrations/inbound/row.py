"""One row: mapped, checked; all that needs no transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ValidationError

from integrations.core.errors import MappingError, Problem, shown
from integrations.core.mapping import Mapping
from integrations.inbound import parts
from integrations.models.imports import Outcome
from otms.api.errors import flatten
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

    @property
    def received(self) -> "Received":
        """What became of the row, as it is told."""
        return Received(Outcome.REJECTED, None, self.external_id, self.problems, self.warnings)


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


@dataclass(frozen=True)
class Checked:
    """A row in which nothing is wrong by itself: which order it names, and what it says of it."""

    name: str  # what the partner calls it
    id: UUID | None
    given: dict[str, Any]
    warnings: list[Problem]
    fields: str  # that a row may have
    size: int  # in records


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


class Checker:
    """Reads rows that are transport orders in our own form; one for all rows of a call."""

    def __init__(self) -> None:
        self._reader: Any = TransportOrderSerializer(partial=True)
        writable = [name for name, each in self._reader.fields.items() if not each.read_only]
        self._fields = ", ".join(writable)

    def check(self, mapped: Mapped) -> Checked:
        """What can be said of a row without the database; Rejected says what is wrong with it."""
        row, name = dict(mapped.fields), ""
        try:
            name = _external_id(row)
            given = self._reader.run_validation(row)
        except Rejected as error:
            error.warnings = mapped.warnings[:MOST_TOLD]
            raise
        except ValidationError as error:
            raise rejected(error, name, mapped.warnings) from None
        self._reader.initial_data = row
        ignored = [Problem(w["field"], w["code"], w["message"]) for w in self._reader.warnings()]
        given = {key: value for key, value in given.items() if key != "nonce"}
        consignments = given.get("consignments", ())
        return Checked(
            name=name,
            id=given.pop("id", None),
            given=given,
            warnings=mapped.warnings + ignored,
            fields=self._fields,
            size=1 + sum(1 + len(each.get("goods") or ()) for each in consignments),
        )


def rejected(error: ValidationError, name: str, warnings: Sequence[Problem]) -> Rejected:
    """The row that this is wrong with, and what else is to be told of it."""
    details = flatten(error.get_full_details())
    problems = [Problem(each["field"], each["code"], each["message"]) for each in details]
    found = Rejected(problems, name)
    found.warnings = list(warnings)[:MOST_TOLD]
    return found


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
