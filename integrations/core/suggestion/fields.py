"""Our side: the fields of an entity, what each may be called elsewhere, and what it holds.

The fields are those of the documents' shape. A field is known by its own name; the tables here add
what partners call it, and the keys that we write into objects which may hold anything, such as
the city of a sender.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from integrations.core.suggestion import words

# Never offered: the same as another, or nobody's business.
_HIDDEN = frozenset({"uuid", "primaryPlatformId", "before"})
_PLACE = {
    "name": "name",
    "street": "text",
    "houseNumber": "number",
    "postalCode": "postcode",
    "city": "text",
    "country": "country",
}
# What stands in objects of ours that may hold anything, as mails are read and the docs show it.
_INSIDE: dict[str, dict[str, str]] = {
    "originalPhysicalSender": _PLACE,
    "originalPhysicalAddressee": _PLACE,
    "location": _PLACE,
    "currentLocation": {f"administrativeReference.{name}": kind for name, kind in _PLACE.items()},
    "adr": {"dangerous": "boolean", "class": "code", "unNumbers[0]": "code"},
}
_OURS = {
    "goods[*]": {
        "volume.value": "number",
        "volume.unit": "unit",
        "temperature.min": "number",
        "temperature.max": "number",
    },
    "consignments[*]": {
        f"{end}.{name}": kind
        for end in ("pickup", "delivery")
        for name, kind in (("date", "date"), ("from", "time"), ("until", "time"))
    },
}
_KINDS = {
    "id": "id",
    "orderId": "code",
    "consignmentNr": "code",
    "referenceDescription": "code",
    "status": "status",
    "type": "status",
    "lifeCycle": "status",
    "quantity": "number",
    "loadMeters": "number",
    "value": "number",
    "unit": "unit",
    "createdAt": "moment",
    "updatedAt": "moment",
    "dateTime": "moment",
    "highValueGoods": "boolean",
    "verified": "boolean",
    "vat": "code",
    "coc": "code",
    "eori": "code",
    "scacCode": "code",
    "transportLicenseNumber": "code",
    "barCode": "code",
    "licensePlate": "code",
    "website": "url",
}
# Adding up makes sense of these, where a target wants one number of all goods.
_ADDED = ("quantity", "weight.value", "grossWeight.value", "loadMeters", "volume.value")


@dataclass(frozen=True)
class Reading:
    """What a name must say to mean a field: all of `must`; `may` be said too.

    `sure` is the confidence where the name says whom it is about, `alone` where nothing does. What
    is `own` to a field can be nothing else's: it may stand in an order as well as in a line.
    """

    must: frozenset[str]
    may: frozenset[str]
    sure: float
    alone: float
    own: bool = False


@dataclass(frozen=True)
class Field:
    """A field of our documents. `scope` is whom it is about, `kind` what it holds."""

    path: str
    name: str
    kind: str
    scope: str
    readings: tuple[Reading, ...]
    added: bool = False


def _reading(
    must: str, sure: float, alone: float | None = None, may: str = "", own: bool = False
) -> Reading:
    said = frozenset(must.split())
    return Reading(said, frozenset(may.split()), sure, sure if alone is None else alone, own)


_DAY = "date time"
# By the key: what must be said, how sure that is with a word for whom, and without.
_PARTY: dict[str, tuple[tuple[str, float, float], ...]] = {
    "name": (
        ("name", 0.95, 0.5),
        ("company", 0.93, 0.6),
        ("company name", 0.95, 0.6),
        ("", 0.88, 0),
    ),
    "street": (("street", 0.95, 0.5), ("address", 0.86, 0.4), ("street name", 0.95, 0.5)),
    "houseNumber": (("housenumber", 0.95, 0.5),),
    "postalCode": (("postcode", 0.95, 0.5),),
    "city": (("city", 0.95, 0.5), ("city name", 0.95, 0.5)),
    "country": (("country", 0.95, 0.5), ("country name", 0.9, 0.4)),
}
_GOODS = {
    "quantity": (
        _reading("quantity", 0.93, 0.85, "goods package piece total unit order"),
        _reading("quantity package", 0.95, 0.95, "goods total piece", own=True),
        _reading("quantity piece", 0.93, 0.93, "goods total", own=True),
        _reading("count package", 0.93, 0.93, "goods total", own=True),
        _reading("count piece", 0.93, 0.93, "goods total", own=True),
        _reading("total package", 0.9, 0.9, own=True),
        _reading("piece", 0.9, 0.85, "total"),
        _reading("package", 0.7, 0.6, "total"),
    ),
    "weight.value": (
        _reading("weight", 0.93, 0.93, "total kg goods value", own=True),
        _reading("weight net", 0.95, 0.95, "total kg goods value", own=True),
        _reading("kg", 0.75, 0.7, "total"),
    ),
    "grossWeight.value": (_reading("weight gross", 0.96, 0.96, "total kg goods value", own=True),),
    "weight.unit": (_reading("weight unit", 0.95, 0.95, "net code goods", own=True),),
    "grossWeight.unit": (_reading("weight unit gross", 0.95, 0.95, "code goods", own=True),),
    "width.value": (_reading("width", 0.93, 0.8, "cm value goods package size"),),
    "height.value": (_reading("height", 0.93, 0.8, "cm value goods package size"),),
    "length.value": (_reading("length", 0.93, 0.75, "cm value goods package size"),),
    "loadMeters": (_reading("ldm", 0.96, 0.96, "total quantity number value goods", own=True),),
    "volume.value": (_reading("volume", 0.9, 0.88, "total value goods gross net", own=True),),
    "volume.unit": (_reading("volume unit", 0.9, 0.88, "code goods gross net", own=True),),
    "temperature.min": (
        _reading("temperature lowest", 0.9, 0.88, "from value", own=True),
        _reading("temperature", 0.65, 0.65, "value unit"),
    ),
    "temperature.max": (_reading("temperature highest", 0.9, 0.88, "until value", own=True),),
    "description": (
        _reading("description", 0.94, 0.4, "goods"),
        _reading("name", 0.7, 0.3, "goods"),
    ),
    "name": (_reading("name", 0.75, 0.3, "goods"),),
    "barCode": (_reading("barcode", 0.95, 0.93, "number code goods", own=True),),
    "packagingMaterial": (
        _reading("package type", 0.95, 0.95, "goods code unit", own=True),
        _reading("package", 0.6, 0.5, "goods unit"),
        _reading("package code", 0.85, 0.8, "goods"),
        _reading("package unit", 0.85, 0.8, "goods"),
    ),
    "type": (_reading("type", 0.5, 0.2, "goods"),),
    "productType": (_reading("type", 0.75, 0.2, "goods"),),
    "licensePlate": (_reading("plate", 0.9, 0.88, "vehicle equipment number", own=True),),
    "equipmentType": (_reading("equipment type", 0.9, 0.88, "code vehicle", own=True),),
    "adr.dangerous": (_reading("dangerous", 0.92, 0.9, "goods", own=True),),
    "adr.class": (_reading("dangerous class", 0.92, 0.92, "goods code", own=True),),
    "adr.unNumbers[0]": (_reading("un", 0.9, 0.88, "number code dangerous goods", own=True),),
}
_ORDERS = {
    "orderId": (
        _reading("order number", 0.95, 0.95, own=True),
        _reading("order reference", 0.85, 0.85, "number", own=True),
        _reading("order id", 0.84, 0.84, own=True),
        _reading("order code", 0.84, 0.84, own=True),
        _reading("number", 0.9, 0.6),
        _reading("order", 0.75, 0.75),
        _reading("consignment number", 0.7, 0.7),
        _reading("consignment id", 0.7, 0.7),
    ),
    "id": (_reading("order id", 0.8, 0.8, own=True), _reading("id", 0.9, 0.7)),
    "name": (_reading("order name", 0.9, 0.9), _reading("name", 0.85, 0.5)),
    "type": (_reading("order type", 0.92, 0.92), _reading("type", 0.85, 0.6)),
    "status": (_reading("status", 0.93, 0.9, "code order"),),
    "referenceDescription": (
        _reading("customer reference", 0.93, 0.93, "number order your code", own=True),
        _reading("your reference", 0.93, 0.93, "number order code", own=True),
        _reading("purchase number", 0.93, 0.93, "order customer your", own=True),
        _reading("purchase reference", 0.93, 0.93, "order customer number", own=True),
        _reading("purchase", 0.85, 0.85, "order customer"),
        _reading("customer order number", 0.9, 0.9, "your", own=True),
        _reading("reference", 0.84, 0.82, "number"),
    ),
    "description": (
        _reading("remark", 0.88, 0.88, "order text", own=True),
        _reading("description", 0.9, 0.75, "order"),
    ),
    "createdAt": (
        _reading("order date", 0.93, 0.93, "create time", own=True),
        _reading("create", 0.93, 0.93, f"{_DAY} order", own=True),
    ),
    "updatedAt": (_reading("update", 0.92, 0.92, f"{_DAY} order", own=True),),
}
_CONSIGNMENTS = {
    "consignmentNr": (
        _reading("consignment number", 0.93, 0.93, own=True),
        _reading("consignment reference", 0.86, 0.86, "number", own=True),
        _reading("consignment id", 0.84, 0.84, own=True),
        _reading("number", 0.9, 0),
    ),
    "name": (_reading("consignment name", 0.9, 0.9), _reading("name", 0.85, 0)),
    "status": (_reading("status", 0.9, 0, "code"),),
    "description": (_reading("description", 0.88, 0), _reading("remark", 0.82, 0)),
}
_CUSTOMERS = {
    "name": (
        _reading("name", 0.95, 0.4, "company"),
        _reading("company", 0.93, 0.5),
        _reading("", 0.88, 0),
    ),
    "id": (_reading("id", 0.88, 0), _reading("number", 0.7, 0), _reading("code", 0.65, 0)),
    "vat": (_reading("vat", 0.95, 0.78, "number id code company"),),
    "coc": (_reading("coc", 0.95, 0.78, "number id code company"),),
    "contactDetails[*].value": (_reading("phone", 0.6, 0), _reading("mail", 0.6, 0)),
    "contactDetails[*].type": (),
}
_BUSINESSES = {
    "name": (_reading("name", 0.95, 0.85, "company"), _reading("company", 0.9, 0.88)),
    "vat": (_reading("vat", 0.95, 0.95, "number id code company", own=True),),
    "coc": (_reading("coc", 0.95, 0.95, "number id code company", own=True),),
    "eori": (_reading("eori", 0.95, 0.95, "number code", own=True),),
    "scacCode": (_reading("scac", 0.95, 0.95, "code carrier", own=True),),
    "website": (_reading("website", 0.95, 0.95, "company", own=True),),
    "alias": (_reading("alias", 0.9, 0.9, "name", own=True),),
    "industry": (_reading("industry", 0.9, 0.9, "name code", own=True),),
    "description": (_reading("description", 0.92, 0.85), _reading("remark", 0.85, 0.8)),
    "verified": (_reading("verified", 0.9, 0.9, own=True),),
    "relationType": (_reading("relation type", 0.9, 0.9), _reading("type", 0.7, 0.6)),
    "transportLicenseNumber": (_reading("license number", 0.85, 0.85),),
    "id": (_reading("id", 0.88, 0.75),),
    "createdAt": (_reading("create", 0.93, 0.93, _DAY, own=True),),
    "updatedAt": (_reading("update", 0.92, 0.92, _DAY, own=True),),
    "contactDetails[*].value": (_reading("phone", 0.6, 0.6), _reading("mail", 0.6, 0.6)),
    "contactDetails[*].type": (),
}
_EVENTS = {
    "type": (_reading("event type", 0.95, 0.95, "code"), _reading("type", 0.9, 0.8, "code")),
    "dateTime": (
        _reading("event time", 0.95, 0.95, _DAY),
        _reading("event date", 0.95, 0.95, _DAY),
        _reading("time", 0.92, 0.9, "date event"),
        _reading("date", 0.88, 0.84, "time event"),
    ),
    "lifeCycle": (_reading("lifecycle", 0.92, 0.92, "event", own=True),),
    "name": (_reading("event name", 0.9, 0.9), _reading("name", 0.85, 0.5)),
    "description": (
        _reading("description", 0.9, 0.85, "event"),
        _reading("remark", 0.88, 0.86, "event"),
    ),
    "id": (_reading("event id", 0.9, 0.9), _reading("id", 0.85, 0.7)),
    "createdAt": (_reading("create", 0.9, 0.9, _DAY, own=True),),
    "transportOrder.orderId": (
        _reading("order number", 0.95, 0.95, own=True),
        _reading("order reference", 0.85, 0.85, "number", own=True),
        _reading("number", 0.9, 0),
        _reading("order", 0.8, 0.8),
    ),
    "transportOrder.id": (_reading("order id", 0.84, 0.84, own=True), _reading("id", 0.9, 0)),
}
_CALLED = {
    "order": _ORDERS,
    "consignment": _CONSIGNMENTS,
    "goods": _GOODS,
    "customer": _CUSTOMERS,
    "business": _BUSINESSES,
    "event": _EVENTS,
}


def fields(shape: dict[str, Any], entity: str) -> list[Field]:
    """The fields of documents of this shape that a target may be filled from."""
    return list(_fields(shape.get(entity), f"$.{entity}", entity))


def _fields(shape: Any, path: str, entity: str) -> Iterator[Field]:
    if isinstance(shape, list):
        yield from _fields(shape[0], f"{path}[*]", entity)
    elif isinstance(shape, dict) and shape:
        for name, below in shape.items():
            if name not in _HIDDEN:
                yield from _fields(below, f"{path}.{name}", entity)
    elif isinstance(shape, dict):
        for name, kind in _inside(path).items():
            yield _field(f"{path}.{name}", entity, kind)
    else:
        name = path.rpartition(".")[2]
        kind = "contact" if "contactDetails" in path else _KINDS.get(name, "text")
        yield _field(path, entity, kind)


def _inside(path: str) -> dict[str, str]:
    owner, _, name = path.rpartition(".")
    if name == "externalAttributes":
        return _OURS.get(owner.rpartition(".")[2], {})
    return _INSIDE.get(name, {})


_SCOPES = (
    ("currentLocation", "current"),
    ("originalPhysicalSender", "sender"),
    ("originalPhysicalAddressee", "addressee"),
    ("externalAttributes.pickup", "sender"),
    ("externalAttributes.delivery", "addressee"),
    ("location", "event"),
    ("goods[*]", "goods"),
    ("consignments[*]", "consignment"),
    ("customer", "customer"),
    ("event.transportOrder", "order"),
)


def _field(path: str, entity: str, kind: str) -> Field:
    scope = next((s for part, s in _SCOPES if part in path), _own(entity))
    name = path.rpartition(".")[2]
    rest = path.removeprefix(f"$.{entity}.").removeprefix("consignments[*].")
    rest = rest.removeprefix("goods[*].").replace("externalAttributes.", "")
    return Field(path, name, kind, scope, _readings(scope, rest, entity), rest in _ADDED)


def _own(entity: str) -> str:
    return "order" if entity == "transportOrder" else entity


def _readings(scope: str, rest: str, entity: str) -> tuple[Reading, ...]:
    """What a field may be called: by the tables, else by the words of its own name."""
    last = rest.rpartition(".")[2]
    if rest.startswith(("pickup.", "delivery.")):
        return _of_moments(last)
    if scope in ("sender", "addressee", "current") or rest.startswith("location."):
        return tuple(
            # What happened happened somewhere, but a city may be any.
            _reading(must, sure, 0 if scope == "event" else alone, "address name location")
            for must, sure, alone in _PARTY.get(last, ())
        )
    table = _CALLED.get("event" if entity == "event" else scope, {})
    own = frozenset(meaning for _, meaning in words.meanings(last))
    if (known := table.get(rest.removeprefix("customer."))) is not None or words.UNKNOWN in own:
        return known or ()
    return (Reading(own, frozenset(), 0.85, 0.5 if len(own) == 1 else 0.8),)


def _of_moments(name: str) -> tuple[Reading, ...]:
    if name == "date":
        return (
            _reading("date", 0.93, 0.3, "time"),
            _reading("date from", 0.86, 0.3, "time"),
            _reading("date until", 0.7, 0.3, "time"),
            _reading("", 0.86, 0),
        )
    return (
        _reading(name, 0.85, 0.3, "time"),
        _reading(f"{name} time", 0.93, 0.3),
    )
