"""Two callers at the same moment, on PostgreSQL."""

import uuid
from typing import Any

import pytest
from django.db import connection

from otms.accounts.models import Platform
from otms.orders.models import Business, TransportOrder
from tests.at_once import at_once
from tests.conftest import Api

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]


@pytest.fixture(autouse=True)
def postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")


def test_two_orders_of_a_new_customer_make_one_business(api: Api, platform: Platform) -> None:
    for name in ("Acme", "Globex", "Initech"):
        body = {"customer": {"name": name}}
        answers = at_once(4, lambda body=body: api("POST", "transportOrder", body))
        assert [answer.status_code for answer in answers] == [200] * 4
        assert Business.objects.of(platform).filter(name=name).count() == 1


def test_one_id_makes_one_order(api: Api, platform: Platform) -> None:
    for _ in range(3):
        body = {"id": str(uuid.uuid4())}
        answers = at_once(4, lambda body=body: api("POST", "transportOrder", body))
        codes = sorted(answer.status_code for answer in answers)
        assert codes == [200, 400, 400, 400]
    assert TransportOrder.objects.of(platform).count() == 3


def test_one_id_makes_one_consignment_and_one_piece_of_goods(api: Api) -> None:
    for _ in range(3):
        taken = str(uuid.uuid4())
        for parts, field in (
            ([{"id": taken}], "consignments[0].id"),
            ([{"goods": [{"description": "a"}, {"id": taken}]}], "consignments[0].goods[1].id"),
        ):
            body = {"consignments": parts}
            answers = at_once(4, lambda body=body: api("POST", "transportOrder", body))
            assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
            refused = [answer.json() for answer in answers if answer.status_code == 400]
            errors = [error for each in refused for error in each["errors"]]
            assert [(each["field"], each["code"]) for each in errors] == [(field, "taken")] * 3


@pytest.mark.parametrize("noun", ["transportOrder", "business"])
def test_one_of_many_deletes_it(api: Api, noun: str) -> None:
    for _ in range(3):
        made = api.ok("POST", noun, {"name": "x"})[noun]
        answers = at_once(4, lambda id=made["id"]: api("DELETE", f"{noun}/{id}"))
        assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]


def test_of_two_updates_of_the_same_copy_one_is_refused(api: Api) -> None:
    order = api.ok("POST", "transportOrder", {})["transportOrder"]
    for _ in range(3):
        body = {"id": order["id"], "updatedAt": order["updatedAt"]}

        def rename(body: Any = body) -> Any:
            return api("PUT", "transportOrder", {**body, "name": str(uuid.uuid4())})

        assert sorted(answer.status_code for answer in at_once(4, rename)) == [200, 409, 409, 409]
        order = api.ok("GET", f"transportOrder/{order['id']}")["transportOrder"]
