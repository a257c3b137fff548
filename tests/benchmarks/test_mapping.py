"""What it costs to map an order: beside jsonpath-ng alone, and beside the same written by hand."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
from jsonpath_ng.ext import parse

from integrations.core import mapping
from otms import documents

pytestmark = pytest.mark.bench

PLAIN = {
    "id": "$.transportOrder.id",
    "number": "$.transportOrder.orderId",
    "name": "$.transportOrder.name",
    "status": "$.transportOrder.status",
    "created": "$.transportOrder.createdAt",
    "reference": "$.transportOrder.referenceDescription",
    "customer": "$.transportOrder.customer.name",
    "street": "$.transportOrder.customer.address.street",
    "city": "$.transportOrder.customer.address.city",
    "country": "$.transportOrder.customer.address.countryCode",
    "from": "$.transportOrder.consignments[0].pickup.location.name",
    "from_postcode": "$.transportOrder.consignments[0].pickup.location.postalCode",
    "pickup_at": "$.transportOrder.consignments[0].pickup.window.start",
    "to": "$.transportOrder.consignments[-1].delivery.location.name",
    "to_postcode": "$.transportOrder.consignments[-1].delivery.location['postalCode']",
    "weight": "$.transportOrder.consignments[0].goods[0].weight.value",
}
SEARCHED = {
    "consignments": "$.transportOrder.consignments[*].name",
    "weights": "$.transportOrder.consignments[*].goods[*].weight.value",
    "planned": "$.transportOrder.consignments[?(@.status == 'planned')].name",
    "postcodes": "$..postalCode",
}
ALL = PLAIN | SEARCHED
ROUNDS, SECONDS = 9, 0.1


def order() -> dict[str, Any]:
    """An order of five kilobytes: four consignments of three goods."""

    def stop(name: str, postcode: str) -> dict[str, Any]:
        return {
            "location": {
                "name": name,
                "street": "Havenstraat",
                "number": "12",
                "postalCode": postcode,
                "city": "Rotterdam",
                "countryCode": "NL",
                "geo": {"latitude": 51.9244, "longitude": 4.4777},
            },
            "window": {"start": "2026-03-20T08:00:00Z", "end": "2026-03-20T12:00:00Z"},
            "contact": {"name": "J. de Vries", "phone": "+31101234567"},
        }

    def goods(n: int) -> dict[str, Any]:
        return {
            "description": f"Pallet of parts {n}",
            "quantity": n,
            "packaging": "EUR pallet",
            "weight": {"value": 480.5, "unit": "kg"},
            "size": {"length": 120, "width": 80, "height": 145, "unit": "cm"},
        }

    consignments = [
        {
            "id": f"00000000-0000-4000-8000-{n:012}",
            "name": f"Consignment {n}",
            "status": status,
            "pickup": stop("Warehouse", f"30{n}1 AA"),
            "delivery": stop("Shop", f"10{n}1 BB"),
            "goods": [goods(each) for each in range(1, 4)],
        }
        for n, status in enumerate(("planned", "requested", "planned", "active"))
    ]
    return {
        "transportOrder": {
            "id": "0b0e4f0c-9b43-4d5c-a0f2-3f4cf6a1a111",
            "orderId": "TO-2026-000123",
            "name": "Rotterdam to Amsterdam",
            "status": "requested",
            "createdAt": "2026-03-19T16:30:00Z",
            "referenceDescription": "PO 4500012345",
            "customer": {
                "id": "5a5d7d6c-1111-4222-8333-944455556666",
                "name": "Acme Corp",
                "address": {"street": "Kade 1", "city": "Rotterdam", "countryCode": "NL"},
            },
            "consignments": consignments,
        }
    }


def by_hand(document: dict[str, Any]) -> dict[str, Any]:
    """What somebody writes who may count on every field."""
    order = document["transportOrder"]
    customer, consignments = order["customer"], order["consignments"]
    first, last = consignments[0], consignments[-1]
    pickup, delivery = first["pickup"], last["delivery"]
    return {
        "id": order["id"],
        "number": order["orderId"],
        "name": order["name"],
        "status": order["status"],
        "created": order["createdAt"],
        "reference": order["referenceDescription"],
        "customer": customer["name"],
        "street": customer["address"]["street"],
        "city": customer["address"]["city"],
        "country": customer["address"]["countryCode"],
        "from": pickup["location"]["name"],
        "from_postcode": pickup["location"]["postalCode"],
        "pickup_at": pickup["window"]["start"],
        "to": delivery["location"]["name"],
        "to_postcode": delivery["location"]["postalCode"],
        "weight": first["goods"][0]["weight"]["value"],
        "consignments": [each["name"] for each in consignments],
        "weights": [goods["weight"]["value"] for each in consignments for goods in each["goods"]],
        "planned": [each["name"] for each in consignments if each["status"] == "planned"],
        "postcodes": [
            each[stop]["location"]["postalCode"]
            for each in consignments
            for stop in ("pickup", "delivery")
        ],
    }


def with_library(trees: dict[str, Any], document: Any) -> dict[str, Any]:
    made = {}
    for target, tree in trees.items():
        found = [match.value for match in tree.find(document)]
        made[target] = found if target in SEARCHED else found[0]
    return made


def seconds(function: Callable[[], Any]) -> float:
    """Of one call, as the mean of a tenth of a second of them."""
    calls, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < SECONDS:
        function()
        calls += 1
    return spent / calls


def timed(ways: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The median for each, taken in turns."""
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, function in ways.items():
            taken[way].append(seconds(function))
    return {way: statistics.median(each) for way, each in taken.items()}


def test_the_ways_to_map_find_the_same() -> None:
    document = order()
    made = mapping.compile(ALL).apply(document)
    assert made.value == by_hand(document)
    assert made.value == with_library({t: parse(path) for t, path in ALL.items()}, document)
    assert made.warnings == []


@pytest.mark.parametrize(("paths", "times"), [(PLAIN, 10), (ALL, 6)], ids=["plain", "all"])
def test_a_mapping_is_faster_than_the_library(
    paths: dict[str, str], times: float, figure: Callable[[str], None]
) -> None:
    document = order()
    ours, trees = mapping.compile(paths), {t: parse(path) for t, path in paths.items()}
    ways: dict[str, Callable[[], Any]] = {
        "a mapping": lambda: ours.apply(document),
        "jsonpath-ng, cached": lambda: with_library(trees, document),
        "jsonpath-ng": lambda: with_library({t: parse(p) for t, p in paths.items()}, document),
        "by hand, all 20": lambda: by_hand(document),
    }
    taken = timed(ways)
    own = taken["a mapping"]
    size = len(documents.dumps(document))
    figure(f"{len(paths)} paths of an order of {size:,} bytes: a mapping {own * 1e6:.1f} µs")
    for way, each in list(taken.items())[1:]:
        figure(f"  {way}: {each * 1e6:,.1f} µs, x {each / own:.2f}")
    assert taken["jsonpath-ng, cached"] >= times * own
