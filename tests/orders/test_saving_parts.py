"""The consignments and goods of an order: a list that is sent replaces the list."""

from typing import Any

import pytest

from otms.orders import models
from otms.orders.models import Consignment, Goods
from tests.conftest import Api
from tests.orders.test_saving_orders import change, create, read

pytestmark = pytest.mark.django_db


def test_a_list_replaces_the_list_and_known_items_keep_their_id(api: Api) -> None:
    order = create(api)
    first, second = order["consignments"]
    changed = change(
        api,
        order,
        consignments=[
            {"id": second["id"], "name": "now first"},
            {"name": "new", "goods": [{"description": "a box"}]},
        ],
    )
    now_first, new = changed["consignments"]
    assert now_first["id"] == second["id"]
    assert now_first["name"] == "now first"
    assert now_first["currentLocation"] == second["currentLocation"]
    assert new["goods"][0]["description"] == "a box"
    assert not Consignment.objects.across_platforms().filter(pk=first["id"]).exists()
    assert Goods.objects.across_platforms().count() == 1
    assert read(api, order) == changed


def test_goods_are_changed_in_place_added_and_removed(api: Api) -> None:
    order = create(api)
    first, second = order["consignments"]
    kept, removed = first["goods"]
    goods = [{"description": "new"}, {"id": kept["id"], "quantity": "5"}]
    changed = change(
        api, order, consignments=[{"id": first["id"], "goods": goods}, {"id": second["id"]}]
    )
    new, same = changed["consignments"][0]["goods"]
    assert (new["description"], new["quantity"]) == ("new", None)
    assert (same["id"], same["quantity"], same["description"]) == (kept["id"], 5, "pallets")
    assert not Goods.objects.across_platforms().filter(pk=removed["id"]).exists()


@pytest.mark.parametrize("left", ["kept", "left out"])
@pytest.mark.parametrize("backwards", [False, True])
def test_goods_may_move_to_another_consignment(api: Api, left: str, backwards: bool) -> None:
    order = create(api)
    first, second = order["consignments"]
    moved = first["goods"][0]
    consignments: list[Any] = [{"id": second["id"], "goods": [{"id": moved["id"]}]}]
    if left == "kept":
        consignments.append({"id": first["id"], "goods": []})
    changed = change(api, order, consignments=consignments[:: -1 if backwards else 1])
    found = {each["id"]: each for each in changed["consignments"]}
    assert [each["id"] for each in found[second["id"]]["goods"]] == [moved["id"]]
    assert found[second["id"]]["goods"][0]["quantity"] == 4
    assert Goods.objects.across_platforms().count() == 1


def test_a_consignment_without_its_goods_keeps_them(api: Api) -> None:
    order = create(api)
    consignments = [{"id": each["id"], "description": "x"} for each in order["consignments"]]
    changed = change(api, order, consignments=consignments)
    assert len(changed["consignments"][0]["goods"]) == 2


def test_an_empty_list_removes_all(api: Api) -> None:
    assert change(api, create(api), consignments=[])["consignments"] == []
    assert not Goods.objects.across_platforms().exists()


def test_an_item_of_another_order_can_not_be_drawn_in(api: Api) -> None:
    order, other = create(api), create(api)
    stolen = {"id": order["id"], "consignments": [{"id": other["consignments"][0]["id"]}]}
    (error,) = api.refused("PUT", "transportOrder", stolen)["errors"]
    assert (error["field"], error["code"]) == ("consignments[0].id", "taken")
    assert read(api, order) == order


@pytest.mark.parametrize(
    ("consignments", "field"),
    [
        ([{}] * 1001, "consignments"),
        ([{}, {"goods": [{}] * 1001}], "consignments[1].goods"),
        ([{"goods": [{}] * 1000}] * 5 + [{"goods": [{}]}], "consignments"),
        (["x"] * 20_000, "consignments"),
    ],
)
def test_an_order_has_a_bounded_number_of_parts(api: Api, consignments: Any, field: str) -> None:
    id = create(api)["id"]
    for method, body in (("POST", {}), ("PUT", {"id": id})):
        body = {**body, "consignments": consignments}
        (error,) = api.refused(method, "transportOrder", body)["errors"]
        assert (error["field"], error["code"]) == (field, "too_many")


def test_goods_that_stay_are_counted_with_those_that_come(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "MOST_GOODS_IN_ALL", 4)
    body = {"consignments": [{"goods": [{}, {}]}, {"goods": [{}, {}]}]}
    order = api.ok("POST", "transportOrder", body)["transportOrder"]
    first, second = order["consignments"]

    def given(*consignments: Any) -> Any:
        return {"id": order["id"], "consignments": consignments}

    kept = {"id": first["id"]}
    moved = {"goods": [{"id": first["goods"][0]["id"]}, {}, {}]}
    refused = given(kept, {"id": second["id"]}, {"goods": [{}]})
    assert api.refused("PUT", "transportOrder", refused)["errors"][0]["code"] == "too_many"
    assert api.refused("PUT", "transportOrder", given(kept, {"goods": [{}] * 3}))["errors"]
    changed = api.ok("PUT", "transportOrder", given(kept, moved))["transportOrder"]
    assert [len(each["goods"]) for each in changed["consignments"]] == [1, 3]
