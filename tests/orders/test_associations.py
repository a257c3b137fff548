"""The wrapper of the Open Trip Model around a part may be sent, and changes nothing."""

from typing import Any

import pytest

from otms.accounts.models import Platform
from otms.orders.models import Business
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db


def inline(entity: Any) -> Any:
    return {"associationType": "inline", "entity": entity}


def reference(kind: str, id: Any) -> Any:
    return {"associationType": "reference", "entityType": kind, "uuid": str(id)}


def test_parts_in_an_association_are_read_as_the_parts_themselves(
    api: Api, platform: Platform
) -> None:
    goods = inline({"description": "pallets", "quantity": 4})
    body = {
        "name": "4711",
        "customer": inline({"name": "Acme Corp"}),
        "consignments": [inline({"name": "first", "goods": [goods]}), {"name": "second"}],
    }
    answer = api.ok("POST", "transportOrder", body)
    assert "warnings" not in answer
    order = answer["transportOrder"]
    assert order["customer"]["name"] == "Acme Corp"
    first, second = order["consignments"]
    assert (first["name"], second["name"]) == ("first", "second")
    assert first["goods"][0]["quantity"] == 4


def test_a_reference_is_the_id_of_a_known_record(api: Api, platform: Platform) -> None:
    acme = make.BusinessFactory(platform=platform)
    body = {"customer": reference("business", acme.pk)}
    order = api.ok("POST", "transportOrder", body)["transportOrder"]
    assert order["customer"]["id"] == str(acme.pk)
    part = api.ok("POST", "business", {"name": "x", "partOf": reference("business", acme.pk)})
    assert part["business"]["partOf"] == {"id": str(acme.pk)}
    about = {"transportOrder": reference("transportOrder", order["id"])}
    event = {"type": "ArrivalEvent", "dateTime": "2026-03-22T10:00:00Z", **about}
    assert api.ok("POST", "event", event)["event"]["transportOrder"]["id"] == order["id"]


def test_what_is_wrong_inside_is_told_at_its_field(api: Api) -> None:
    wrong = {"consignments": [inline({"goods": [inline({"quantity": "four"})]})]}
    told = api.refused("POST", "transportOrder", wrong)["errors"]
    assert [each["field"] for each in told] == ["consignments[0].goods[0].quantity"]
    odd = {"consignments": [inline({"name": "first", "colour": "red"})]}
    told = api.ok("POST", "transportOrder", odd)["warnings"]
    assert [each["field"] for each in told] == ["consignments[0].colour"]
    many = {"consignments": [inline({"goods": [{}] * 1001})]}
    assert api.refused("POST", "transportOrder", many)["errors"][0]["code"] == "too_many"


def test_an_association_that_holds_nothing_is_no_part(api: Api, platform: Platform) -> None:
    for odd in ({"associationType": "inline"}, {"associationType": "attributeRestriction"}):
        told = api.refused("POST", "transportOrder", {"customer": odd})
        assert told["errors"][0]["field"] == "customer"
    assert not Business.objects.of(platform).exists()


def test_a_free_document_is_kept_with_whatever_is_in_it(api: Api) -> None:
    sender = inline({"name": "Warehouse 3"})
    body = {"consignments": [{"originalPhysicalSender": sender}]}
    order = api.ok("POST", "transportOrder", body)["transportOrder"]
    assert order["consignments"][0]["originalPhysicalSender"] == sender
