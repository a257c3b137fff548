"""An order with its consignments and goods is made and changed in one call."""

import uuid
from typing import Any

import pytest

from integrations.models import EntityChange
from otms.accounts.models import Platform
from otms.orders.models import Business, Goods, TransportOrder
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db
ORDER: dict[str, Any] = {
    "name": "ORD-4711",
    "orderId": "4711",
    "customer": {"name": "Acme Corp"},
    "externalAttributes": {"id": "E-1", "snake_key": {"camelKey": [1, 2.50, None]}},
    "consignments": [
        {
            "name": "first",
            "goods": [
                {"description": "pallets", "quantity": 4, "weight": {"value": 12.5, "unit": "kg"}},
                {"type": "transportEquipment", "equipmentType": "pallet", "loadMeters": 0.4},
            ],
        },
        {"name": "second", "currentLocation": {"administrativeReference": {"city": "Zwolle"}}},
    ],
}


def create(api: Api, body: Any = None) -> Any:
    return api.ok("POST", "transportOrder", ORDER if body is None else body)["transportOrder"]


def change(api: Api, order: Any, **fields: Any) -> Any:
    body = {"id": order["id"], **fields}
    return api.ok("PUT", "transportOrder", body)["transportOrder"]


def read(api: Api, order: Any) -> Any:
    return api.ok("GET", f"transportOrder/{order['id']}")["transportOrder"]


def test_an_order_is_created_with_everything_in_it(api: Api, platform: Platform) -> None:
    order = create(api)
    assert order["status"] == "requested"
    assert order["type"] == "standard"
    assert order["customer"]["name"] == "Acme Corp"
    assert order["primaryPlatformId"] == str(platform.pk)
    assert order["uuid"] == order["id"]
    assert order["externalAttributes"] == ORDER["externalAttributes"]
    assert [each["name"] for each in order["consignments"]] == ["first", "second"]
    pallets, equipment = order["consignments"][0]["goods"]
    assert pallets["type"] == "items"
    assert pallets["quantity"] == 4
    assert equipment["loadMeters"] == 0.4
    assert order["consignments"][1]["goods"] == []
    assert read(api, order) == order


def test_an_empty_object_is_an_order_already(api: Api) -> None:
    order = create(api, {})
    assert (order["name"], order["customer"], order["consignments"]) == ("", None, [])


def test_a_customer_is_found_by_name_or_made(api: Api, platform: Platform) -> None:
    known = make.BusinessFactory(platform=platform, name="Acme Corp")
    make.BusinessFactory(name="Globex")  # another platform's
    assert create(api)["customer"]["id"] == str(known.pk)
    globex = create(api, {"customer": {"name": "Globex", "vat": "NL1"}})["customer"]
    assert globex["vat"] == "NL1"
    assert Business.objects.of(platform).get(name="Globex").vat == "NL1"
    assert Business.objects.of(platform).count() == 2


def test_a_customer_is_named_by_id(api: Api, platform: Platform) -> None:
    known = make.BusinessFactory(platform=platform)
    order = create(api, {"customer": {"id": str(known.pk)}})
    assert order["customer"]["name"] == known.name


@pytest.mark.parametrize("whose", ["nobody", "another platform"])
def test_a_customer_that_is_not_here_is_refused(api: Api, whose: str) -> None:
    id = uuid.uuid4() if whose == "nobody" else make.BusinessFactory().pk
    (error,) = api.refused("POST", "transportOrder", {"customer": {"id": str(id)}})["errors"]
    assert (error["field"], error["code"]) == ("customer.id", "not_found")
    assert str(id) in error["message"]


def test_a_customer_needs_a_name_or_an_id(api: Api) -> None:
    (error,) = api.refused("POST", "transportOrder", {"customer": {"coc": "1"}})["errors"]
    assert error["field"] == "customer"


def test_an_update_changes_what_is_sent_and_nothing_else(api: Api) -> None:
    order = create(api)
    changed = change(api, order, status="planned")
    assert changed.pop("status") == "planned"
    assert changed.pop("updatedAt") > order["updatedAt"]
    assert changed == {k: v for k, v in order.items() if k not in ("status", "updatedAt")}


def test_null_takes_the_customer_away(api: Api) -> None:
    assert change(api, create(api), customer=None)["customer"] is None


def test_the_client_may_choose_the_ids(api: Api) -> None:
    ids = [str(uuid.uuid4()) for _ in range(3)]
    order = create(
        api, {"id": ids[0], "consignments": [{"id": ids[1], "goods": [{"id": ids[2].upper()}]}]}
    )
    consignment = order["consignments"][0]
    assert [order["id"], consignment["id"], consignment["goods"][0]["id"]] == ids


def test_a_taken_id_is_refused(api: Api, platform: Platform) -> None:
    mine, theirs = create(api), make.OrderFactory()
    for id in (mine["id"], str(theirs.pk)):
        (error,) = api.refused("POST", "transportOrder", {"id": id})["errors"]
        assert (error["field"], error["code"]) == ("id", "taken")
    goods = mine["consignments"][0]["goods"][1]["id"]
    for path, consignments in {
        "consignments[1].id": [{}, {"id": mine["consignments"][0]["id"]}],
        "consignments[0].goods[1].id": [{"goods": [{}, {"id": goods}]}],
        "consignments[2].id": [{}, *[{"id": str(uuid.uuid4())}] * 2],
    }.items():
        (error,) = api.refused("POST", "transportOrder", {"consignments": consignments})["errors"]
        assert (error["field"], error["code"]) == (path, "taken")
    assert TransportOrder.objects.of(platform).count() == 1


def test_each_nonce_is_echoed_and_not_kept(api: Api) -> None:
    body = {
        "nonce": " n-1 ",
        "consignments": [{"name": "a"}, {"nonce": "c-2", "goods": [{"nonce": "g"}]}],
    }
    order = create(api, body)
    assert order["nonce"] == " n-1 "
    assert "nonce" not in order["consignments"][0]
    assert order["consignments"][1]["nonce"] == "c-2"
    assert order["consignments"][1]["goods"][0]["nonce"] == "g"
    assert "nonce" not in str(read(api, order))
    assert change(api, order, nonce="n-2")["nonce"] == "n-2"


def test_unknown_keys_are_ignored_and_listed(api: Api) -> None:
    body = {
        "carrier": 1,
        "customer": {"name": "A", "age": 3},
        "consignments": [{"goods": [{}, {"colour": "red"}]}],
    }
    answer = api.ok("POST", "transportOrder", body)
    assert {(w["field"], w["code"]) for w in answer["warnings"]} == {
        ("carrier", "unknown_field"),
        ("customer.age", "unknown_field"),
        ("consignments[0].goods[1].colour", "unknown_field"),
    }
    assert "warnings" not in api.ok("POST", "transportOrder", {})


def test_a_thousand_unknown_keys_are_not_a_thousand_warnings(api: Api) -> None:
    answer = api.ok("POST", "transportOrder", {f"key{n}": n for n in range(1000)})
    assert len(answer["warnings"]) == 100


def test_a_stale_copy_is_not_written_over_a_newer_one(api: Api) -> None:
    order = create(api)
    change(api, order, status="planned", updatedAt=order["updatedAt"])
    stale = {"id": order["id"], "status": "accepted", "updatedAt": order["updatedAt"]}
    found = api.refused("PUT", "transportOrder", stale, code=409)
    assert "read it again" in found["message"]
    assert read(api, order)["status"] == "planned"
    assert change(api, order, status="accepted")["status"] == "accepted"


def test_a_moment_may_be_spelled_in_another_zone(api: Api) -> None:
    order = create(api)
    elsewhere = order["updatedAt"].replace("Z", "+00:00")
    assert change(api, order, name="x", updatedAt=elsewhere)["name"] == "x"
    wrong = {"id": order["id"], "updatedAt": "yesterday"}
    assert api.refused("PUT", "transportOrder", wrong)["errors"][0]["field"] == "updatedAt"


def test_an_update_names_its_record_by_id(api: Api) -> None:
    for body in ({"name": "x"}, {"id": None}, {"id": 5}, {"id": "x"}):
        assert api.refused("PUT", "transportOrder", body)["errors"][0]["field"] == "id"
    api.refused("PUT", "transportOrder", {"id": str(uuid.uuid4())}, code=404)


def test_a_deleted_order_is_shown_one_last_time(api: Api) -> None:
    order = create(api)
    assert api.ok("DELETE", f"transportOrder/{order['id']}")["transportOrder"] == order
    for method in ("GET", "DELETE"):
        api.refused(method, f"transportOrder/{order['id']}", code=404)
    assert not Goods.objects.across_platforms().exists()


def changes(platform: Platform) -> list[tuple[str, list[str]]]:
    found = EntityChange.objects.of(platform).filter(entity="transportOrder").order_by("id")
    return [(each.action, each.changed_fields) for each in found]


@pytest.mark.django_db(transaction=True)
def test_an_order_sent_back_whole_changes_nothing(api: Api, platform: Platform) -> None:
    raw = api("POST", "transportOrder", {**ORDER, "customer": {"name": "Acme", "vat": "NL1"}})
    order = raw.json()["transportOrder"]
    answer = api.ok("PUT", "transportOrder", raw.content.split(b'"transportOrder":')[1][:-1])
    assert "warnings" not in answer
    assert answer["transportOrder"] == order
    assert read(api, order) == order
    assert changes(platform) == [("created", [])]


@pytest.mark.django_db(transaction=True)
def test_an_added_part_is_a_change_of_its_order(api: Api, platform: Platform) -> None:
    order = create(api, {})
    consignment = change(api, order, consignments=[{"name": "a"}])["consignments"][0]
    with_goods = {"id": consignment["id"], "goods": [{"quantity": 1}]}
    goods = change(api, order, consignments=[with_goods])["consignments"][0]["goods"][0]
    moved = {"id": consignment["id"], "goods": [{"id": goods["id"], "quantity": 2}]}
    change(api, order, consignments=[moved])
    change(api, order, consignments=[])
    assert changes(platform) == [
        ("created", []),
        ("updated", ["consignments[0]"]),
        ("updated", ["consignments[0].goods[0]"]),
        ("updated", ["consignments[0].goods[0].quantity"]),
        ("updated", ["consignments[0]"]),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_refused_order_leaves_nothing_behind(api: Api, platform: Platform) -> None:
    id = str(uuid.uuid4())
    body = {"customer": {"name": "New"}, "consignments": [{"id": id}, {"id": id}]}
    api.refused("POST", "transportOrder", body)
    assert not Business.objects.of(platform).exists()
    assert not TransportOrder.objects.of(platform).exists()
    assert changes(platform) == []


def test_an_ignored_key_that_is_near_a_field_is_told_of_it(api: Api) -> None:
    body = {"nmae": "x", "zzz": 1, "consignments": [{"NAME": "x"}]}
    answer = api.ok("POST", "transportOrder", body)
    assert {each["field"]: each["message"] for each in answer["warnings"]} == {
        "nmae": "nmae is not a field; it was ignored. Did you mean `name`?",
        "zzz": "zzz is not a field; it was ignored.",
        "consignments[0].NAME": (
            "consignments[0].NAME is not a field; it was ignored. Did you mean `name`?"
        ),
    }


def test_an_order_does_not_change_its_customer_and_says_so(api: Api, platform: Platform) -> None:
    acme = {"name": "Acme", "vat": "NL1", "contactDetails": [{"type": "email", "value": "a@b.c"}]}
    first = api.ok("POST", "transportOrder", {"customer": acme})
    assert "warnings" not in first
    other = {**acme, "vat": "NL2", "contactDetails": [{"type": "email", "value": "x@y.z"}]}
    second = api.ok("POST", "transportOrder", {"customer": other})
    assert [(each["field"], each["code"]) for each in second["warnings"]] == [
        ("customer.vat", "customer_kept"),
        ("customer.contactDetails", "customer_kept"),
    ]
    assert second["transportOrder"]["customer"] == first["transportOrder"]["customer"]
    whole = api.ok("PUT", "transportOrder", first["transportOrder"])
    assert "customer" not in str(whole.get("warnings"))
