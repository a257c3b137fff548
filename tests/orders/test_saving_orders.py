"""An order with its consignments and goods is made and changed in one call."""

import uuid
from typing import Any

import pytest

from integrations.models import EntityChange
from otms.accounts.models import Platform
from otms.orders import models
from otms.orders.models import Business, Consignment, Goods, TransportOrder
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


def test_an_item_of_another_order_can_not_be_drawn_in(api: Api) -> None:
    order, other = create(api), create(api)
    stolen = {"id": order["id"], "consignments": [{"id": other["consignments"][0]["id"]}]}
    (error,) = api.refused("PUT", "transportOrder", stolen)["errors"]
    assert (error["field"], error["code"]) == ("consignments[0].id", "taken")
    assert read(api, order) == order


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


@pytest.mark.parametrize("weight", ["12.50", "0.001", "1000000000000000000000.10", "12", "0"])
def test_a_number_keeps_its_digits(api: Api, weight: str) -> None:
    raw = f'{{"consignments": [{{"goods": [{{"weight": {{"value": {weight}}}}}]}}]}}'.encode()
    answer = api("POST", "transportOrder", raw)
    id = answer.json()["transportOrder"]["id"]
    assert f'"value":{weight}}}'.encode() in answer.content
    assert f'"value":{weight}}}'.encode() in api("GET", f"transportOrder/{id}").content


def test_numbers_may_come_as_text(api: Api) -> None:
    goods = [{"quantity": "20", "loadMeters": "0.40", "weight": {"value": "12.50", "unit": "kg"}}]
    answer = api("POST", "transportOrder", {"consignments": [{"goods": goods}]})
    assert b'"quantity":20,' in answer.content
    assert b'"loadMeters":0.4,' in answer.content
    assert b'"weight":{"value":12.50,"unit":"kg"}' in answer.content


def test_one_and_true_are_not_the_same(api: Api) -> None:
    order = create(api, {"externalAttributes": {"urgent": 1}})
    changed = change(api, order, externalAttributes={"urgent": True})
    assert changed["externalAttributes"] == {"urgent": True}
    assert read(api, order)["externalAttributes"]["urgent"] is True


@pytest.mark.parametrize(
    ("goods", "field"),
    [
        ({"quantity": "many"}, ".quantity"),
        ({"quantity": True}, ".quantity"),
        ({"quantity": [1]}, ".quantity"),
        ({"quantity": 10**18}, ".quantity"),
        ({"quantity": "1e30"}, ".quantity"),
        ({"weight": {"value": "heavy"}}, ".weight.value"),
        ({"weight": {"value": True}}, ".weight.value"),
        ({"weight": {"value": "1e999999"}}, ".weight.value"),
        ({"weight": {"value": "9" * 5000}}, ".weight.value"),
        ({"weight": {"value": "NaN"}}, ".weight.value"),
        ({"weight": 5}, ".weight"),
        ({"type": "pallet"}, ".type"),
        ({"type": ["items"]}, ".type"),
        ({"description": {"en": "x"}}, ".description"),
        ({"licensePlate": "x" * 31}, ".licensePlate"),
        ({"externalAttributes": [1]}, ".externalAttributes"),
        ({"id": 5}, ".id"),
        ("a pallet", ""),
        (None, ""),
    ],
)
def test_a_wrong_value_is_named_by_its_path(api: Api, goods: Any, field: str) -> None:
    body = {"consignments": [{"goods": [{}, goods]}]}
    (error,) = api.refused("POST", "transportOrder", body)["errors"]
    assert error["field"] == f"consignments[0].goods[1]{field}"
    assert error["message"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"status": "done"}, "status"),
        ({"status": None}, "status"),
        ({"name": "x" * 256}, "name"),
        ({"name": ["x"]}, "name"),
        ({"description": "x" * 10_001}, "description"),
        ({"consignments": {}}, "consignments"),
        ({"consignments": [{"status": "in transit"}]}, "consignments[0].status"),
        ({"consignments": [{"goods": "x"}]}, "consignments[0].goods"),
        ({"customer": "Acme"}, "customer"),
        ({"customer": {"name": "x" * 256}}, "customer.name"),
        ({"customer": {"id": "x"}}, "customer.id"),
        ({"id": "4711"}, "id"),
        ({"nonce": "x" * 256}, "nonce"),
    ],
)
def test_a_wrong_value_of_an_order_is_named(api: Api, body: Any, field: str) -> None:
    order = create(api, {})
    for method, sent in (("POST", body), ("PUT", {"id": order["id"], **body})):
        found = api.refused(method, "transportOrder", sent)
        assert [error["field"] for error in found["errors"]] == [field]


def test_every_wrong_field_is_named_at_once(api: Api) -> None:
    body = {"status": "x", "consignments": [{"status": "y"}, {}, {"goods": [{"quantity": "z"}]}]}
    found = api.refused("POST", "transportOrder", body)
    assert [error["field"] for error in found["errors"]] == [
        "status",
        "consignments[0].status",
        "consignments[2].goods[0].quantity",
    ]
    assert "(2 more in errors)" in found["message"]


def test_what_no_database_stores_becomes_visible(api: Api) -> None:
    raw = rb'{"name": "a\u0000b\ud800", "externalAttributes": {"\u0000": "\udfff"}}'
    order = api("POST", "transportOrder", raw).json()["transportOrder"]
    assert order["name"] == r"a\u0000b\ud800"
    assert order["externalAttributes"] == {r"\u0000": r"\udfff"}
    assert read(api, order) == order


def test_a_deleted_order_is_shown_one_last_time(api: Api) -> None:
    order = create(api)
    assert api.ok("DELETE", f"transportOrder/{order['id']}")["transportOrder"] == order
    for method in ("GET", "DELETE"):
        api.refused(method, f"transportOrder/{order['id']}", code=404)
    assert not Goods.objects.across_platforms().exists()


# What is captured is written when a transaction commits.


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


def test_free_text_is_kept_as_it_was_sent(api: Api) -> None:
    text = "  first line\n  second\n"
    body = {"name": " 4711 ", "description": text, "referenceDescription": text}
    order = api.ok("POST", "transportOrder", body)["transportOrder"]
    assert (order["name"], order["description"]) == ("4711", text)
    assert order["referenceDescription"] == text
    api.ok("PUT", "transportOrder", {"id": order["id"], "description": text})


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


@pytest.mark.parametrize(
    ("body", "field", "form"),
    [
        ({"customer": "Acme"}, "customer", '{"name": "Acme"}'),
        ({"consignments": ["x"]}, "consignments[0]", '"goods": ['),
        ({"consignments": [{"goods": [5]}]}, "consignments[0].goods[0]", '"quantity": 4'),
        (
            {"consignments": [{"goods": [{"weight": 12}]}]},
            "consignments[0].goods[0].weight",
            '{"value": 12, "unit": "kg"}',
        ),
    ],
)
def test_who_sends_no_object_is_told_its_form(api: Api, body: Any, field: str, form: str) -> None:
    (error,) = api.refused("POST", "transportOrder", body)["errors"]
    assert (error["field"], error["code"]) == (field, "not_an_object")
    assert form in error["message"]


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


@pytest.mark.parametrize(
    ("goods", "field"),
    [
        ({"quantity": -5}, "quantity"),
        ({"weight": {"value": -3, "unit": "kg"}}, "weight.value"),
        ({"loadMeters": "-0.1"}, "loadMeters"),
    ],
)
def test_there_is_no_less_of_goods_than_nothing(api: Api, goods: Any, field: str) -> None:
    (wrong,) = api.refused("POST", "transportOrder", {"consignments": [{"goods": [goods]}]})[
        "errors"
    ]
    assert (wrong["field"], wrong["code"]) == (f"consignments[0].goods[0].{field}", "min_value")


def test_a_unit_is_a_text(api: Api) -> None:
    goods = [{"height": {"value": 1, "unit": 0.0}}, {"height": {"value": 1, "unit": None}}]
    (wrong,) = api.refused("POST", "transportOrder", {"consignments": [{"goods": goods}]})["errors"]
    assert (wrong["field"], wrong["code"]) == ("consignments[0].goods[0].height.unit", "invalid")
