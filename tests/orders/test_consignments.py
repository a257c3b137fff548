"""A consignment is read and changed by itself; to the world it is a change of its order."""

from typing import Any

import pytest

from integrations.models import EntityChange
from otms.accounts.models import Platform
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order(api: Api) -> Any:
    goods = [{"description": "pallets", "quantity": 4}, {"description": "boxes"}]
    body = {"name": "4711", "consignments": [{"name": "first", "goods": goods}, {"name": "second"}]}
    return api.ok("POST", "transportOrder", body)["transportOrder"]


def read(api: Api, order: Any) -> Any:
    return api.ok("GET", f"transportOrder/{order['id']}")["transportOrder"]


def test_it_is_read_as_its_order_shows_it(api: Api, order: Any) -> None:
    for each in order["consignments"]:
        assert api.ok("GET", f"consignment/{each['id']}")["consignment"] == each


def test_what_is_sent_changes_and_nothing_else(api: Api, order: Any, platform: Platform) -> None:
    first, second = order["consignments"]
    body = {"id": first["id"], "status": "in_transit", "nonce": "n-1"}
    answer = api.ok("PUT", "consignment", body)["consignment"]
    assert answer.pop("nonce") == "n-1"
    assert answer == {**first, "status": "in_transit", "updatedAt": answer["updatedAt"]}
    assert read(api, order)["consignments"] == [answer, second]
    change = EntityChange.objects.of(platform).get(action="updated")
    assert (change.entity, str(change.entity_id)) == ("transportOrder", order["id"])
    assert change.changed_fields == ["consignments[0].status"]


def test_its_goods_are_replaced_by_those_that_are_sent(api: Api, order: Any) -> None:
    first, second = order["consignments"]
    goods = [{"id": first["goods"][0]["id"], "quantity": 5}, {"description": "barrels"}]
    api.ok("PUT", "consignment", {"id": first["id"], "goods": goods})
    shown, other = read(api, order)["consignments"]
    assert [(each["description"], each["quantity"]) for each in shown["goods"]] == [
        ("pallets", 5),
        ("barrels", None),
    ]
    assert other == second


def test_sent_back_whole_it_is_unchanged(api: Api, order: Any, platform: Platform) -> None:
    first = order["consignments"][0]
    assert api.ok("PUT", "consignment", first)["consignment"] == first
    assert read(api, order) == order
    assert not EntityChange.objects.of(platform).filter(action="updated").exists()


def test_an_older_copy_is_refused(api: Api, order: Any) -> None:
    first = order["consignments"][0]
    api.ok("PUT", "consignment", {"id": first["id"], "name": "renamed"})
    api.refused("PUT", "consignment", {**first, "name": "mine"}, code=409)


def test_another_platforms_is_not_there(api: Api) -> None:
    other = make.ConsignmentFactory(transport_order=make.OrderFactory())
    api.refused("GET", f"consignment/{other.pk}", code=404)
    api.refused("PUT", "consignment", {"id": str(other.pk), "name": "mine"}, code=404)


def test_goods_that_change_come_or_go_are_a_change_of_their_consignment(
    api: Api, order: Any
) -> None:
    first, second = order["consignments"]
    (pallets, boxes), read_at = first["goods"], first["updatedAt"]
    for goods in ([{"id": pallets["id"], "quantity": 5}, boxes], [pallets], [pallets, {}]):
        changed = api.ok("PUT", "consignment", {"id": first["id"], "goods": goods})["consignment"]
        assert changed["updatedAt"] > read_at
        stale = {"id": first["id"], "updatedAt": read_at, "goods": []}
        api.refused("PUT", "consignment", stale, code=409)
        read_at = changed["updatedAt"]
    kept = read(api, order)["consignments"]
    assert kept[1] == second
    whole = api.ok("PUT", "transportOrder", {"id": order["id"], "consignments": kept})
    assert whole["transportOrder"]["consignments"] == kept


def test_goods_that_move_change_both_consignments(api: Api, order: Any) -> None:
    first, second = order["consignments"]
    moved = [
        {"id": first["id"], "goods": first["goods"][:1]},
        {"id": second["id"], "goods": first["goods"][1:]},
    ]
    api.ok("PUT", "transportOrder", {"id": order["id"], "consignments": moved})
    for before, after in zip((first, second), read(api, order)["consignments"], strict=True):
        assert after["updatedAt"] > before["updatedAt"]


def test_a_part_is_known_by_its_uuid_too(api: Api, order: Any) -> None:
    first, second = order["consignments"]
    by_uuid = [{"uuid": first["uuid"], "name": "renamed"}, {"uuid": second["uuid"]}]
    api.ok("PUT", "transportOrder", {"id": order["id"], "consignments": by_uuid})
    found = read(api, order)["consignments"]
    assert [each["id"] for each in found] == [first["id"], second["id"]]
    assert found[0] == {**first, "name": "renamed", "updatedAt": found[0]["updatedAt"]}
