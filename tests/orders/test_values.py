"""The values of an order: each as it was sent, or refused by its path."""

from typing import Any

import pytest

from tests.conftest import Api
from tests.orders.test_saving_orders import change, create, read

pytestmark = pytest.mark.django_db


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


def test_free_text_is_kept_as_it_was_sent(api: Api) -> None:
    text = "  first line\n  second\n"
    body = {"name": " 4711 ", "description": text, "referenceDescription": text}
    order = api.ok("POST", "transportOrder", body)["transportOrder"]
    assert (order["name"], order["description"]) == ("4711", text)
    assert order["referenceDescription"] == text
    api.ok("PUT", "transportOrder", {"id": order["id"], "description": text})


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
