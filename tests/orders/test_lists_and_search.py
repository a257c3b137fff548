"""Lists are paged newest first; a search is a partial record of which every key must match."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from otms.accounts.models import Platform
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db


def names(api: Api, path: str, body: Any = None) -> list[str]:
    found = api.ok("GET" if body is None else "POST", path, body)
    return [each["name"] for each in found["transportOrders"]]


def test_a_page_is_rows_from_an_offset_newest_first(api: Api, platform: Platform) -> None:
    for number in range(5):
        make.OrderFactory(platform=platform, name=str(number))
    make.OrderFactory()
    assert names(api, "transportOrders/0/2") == ["4", "3"]
    assert names(api, "transportOrders/3/500") == ["1", "0"]
    assert names(api, "transportOrders/9/1") == []
    assert names(api, "transportOrders/999999999999999/1") == []
    assert api.ok("GET", "transportOrders/4/1")["totalResults"] == 5


@pytest.mark.parametrize(
    ("page", "fields"),
    [
        ("0/0", ["amount"]),
        ("0/501", ["amount"]),
        ("-1/-1", ["offset", "amount"]),
        ("abc/10", ["offset"]),
        ("0/1.5", ["amount"]),
        ("%D9%A3/10", ["offset"]),
        ("0/%00", ["amount"]),
        ("9999999999999999999999/1", ["offset"]),
    ],
)
def test_a_page_that_makes_no_sense_is_refused(api: Api, page: str, fields: list[str]) -> None:
    for method, body in (("GET", None), ("POST", {})):
        found = api.refused(method, f"transportOrders/{page}", body)
        assert [error["field"] for error in found["errors"]] == fields


@pytest.mark.parametrize(
    ("example", "found"),
    [
        ({}, ["b", "a"]),
        ({"name": "a"}, ["a"]),
        ({"status": "planned"}, ["b"]),
        ({"customer": {"name": "Acme"}}, ["a"]),
        ({"customer": {"name": "Acme"}, "status": "planned"}, []),
        ({"customer": {}}, ["b", "a"]),
        ({"nonce": "x", "name": "b"}, ["b"]),
        ({"name": "o' OR 1=1 --"}, []),
    ],
)
def test_a_search_is_by_example(
    api: Api, platform: Platform, example: Any, found: list[str]
) -> None:
    acme = make.BusinessFactory(platform=platform, name="Acme")
    make.OrderFactory(platform=platform, name="a", customer=acme)
    make.OrderFactory(platform=platform, name="b", status="planned")
    make.OrderFactory(name="a")
    assert names(api, "transportOrders/0/10", example) == found


def test_a_search_by_id(api: Api, platform: Platform) -> None:
    order = make.OrderFactory(platform=platform)
    for example in ({"id": str(order.pk)}, {"customer": {"id": str(order.customer_id)}}):
        assert names(api, "transportOrders/0/10", example) == [order.name]


@pytest.mark.parametrize(
    ("example", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"customer": {"age": 1}}, "customer.age"),
        ({"customer.age": 1}, "customer.age"),
        ({"customer": {"customer.name": "Acme"}}, "customer.customer.name"),
        ({"customer": "Acme"}, "customer"),
        ({"consignments": []}, "consignments"),
        ({"id": "x"}, "id"),
        ({"id": 5}, "id"),
        ({"customer": {"id": "x"}}, "customer.id"),
        ({"status": "done"}, "status"),
        ({"name": {"like": "a"}}, "name"),
        ({"name": None}, "name"),
    ],
)
def test_an_example_that_makes_no_sense_is_refused(api: Api, example: Any, field: str) -> None:
    (error,) = api.refused("POST", "transportOrders/0/10", example)["errors"]
    assert error["field"] == field


@pytest.mark.parametrize(
    ("path", "example", "field", "form"),
    [
        ("transportOrders", {"customer.name": "x"}, "customer.name", '{"customer": {"name": "x"}}'),
        ("transportOrders", {"customer.id": "x"}, "customer.id", '{"customer": {"id": "x"}}'),
        ("transportOrders", {"customer": "Acme"}, "customer", '{"customer": {"name": "Acme"}}'),
        ("transportOrders", {"customer": None}, "customer", '{"customer": {"name": "..."}}'),
        ("businesses", {"partOf.id": 5}, "partOf.id", '{"partOf": {"id": "..."}}'),
    ],
)
def test_an_example_that_is_flat_is_told_how_to_nest(
    api: Api, path: str, example: Any, field: str, form: str
) -> None:
    (error,) = api.refused("POST", f"{path}/0/5", example)["errors"]
    assert error["field"] == field
    assert error["message"].endswith(f"write {form}.")


def test_a_longer_list_takes_no_more_queries(api: Api, platform: Platform) -> None:
    def fill(count: int) -> None:
        for _ in range(count):
            order = make.OrderFactory(platform=platform)
            for _ in range(2):
                make.GoodsFactory(consignment=make.ConsignmentFactory(transport_order=order))

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            api.ok("GET", "transportOrders/0/100")
        return len(seen)

    fill(1)
    few = queries()
    fill(5)
    assert queries() == few
