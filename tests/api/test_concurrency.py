"""Callers of one integration at the same moment, on PostgreSQL."""

import uuid
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection

from integrations.models import Integration
from otms.accounts.models import Platform
from tests import make
from tests.api.conftest import GUIDE_BODY, webhook
from tests.conftest import Api
from tests.orders.test_concurrency import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]


@pytest.fixture(autouse=True)
def postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")


def codes(call: Any) -> list[int]:
    return sorted(answer.status_code for answer in at_once(4, call))


def test_one_of_many_deletes_it(api: Api, integration: Integration) -> None:
    assert codes(lambda: api("DELETE", f"integration/{integration.pk}")) == [200, 404, 404, 404]


def test_a_switch_and_an_update_both_hold(api: Api, integration: Integration) -> None:
    def read() -> Any:
        return Integration.objects.of(integration.platform).get(pk=integration.pk)

    stale = read()
    names = iter("abcd")

    def both() -> Any:
        if (name := next(names)) == "a":
            return stale.switch(False)
        return api("PUT", "integration", {"id": str(integration.pk), "description": name})

    at_once(4, both)
    assert read().description in ("b", "c", "d")
    assert not read().enabled


def test_one_id_makes_one_integration_and_one_data_source(api: Api) -> None:
    for _ in range(3):
        body = {**GUIDE_BODY, "id": str(uuid.uuid4())}
        assert codes(lambda body=body: api("POST", "integration", body)) == [200, 400, 400, 400]
        source = webhook(id=str(uuid.uuid4()))
        body = {**GUIDE_BODY, "dataSources": [source]}
        answers = at_once(4, lambda body=body: api("POST", "integration", body))
        assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
        for answer in answers:
            if answer.status_code == 400:
                (error,) = answer.json()["errors"]
                assert (error["field"], error["code"]) == ("dataSources[0].id", "taken")


def test_one_of_many_renews_a_session_and_none_ends_it(platform: Platform) -> None:
    make.UserFactory(platform=platform, username="anna", password="secret")
    body = {"username": "anna", "password": "secret"}
    token = Api().ok("POST", "user/login", body)["session"]["refresh_token"]
    for _ in range(5):
        spending = {"refresh_token": token}
        answers = at_once(4, lambda body=spending: Api()("POST", "user/refresh", body))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
        (renewed,) = (answer for answer in answers if answer.status_code == 200)
        token = renewed.json()["session"]["refresh_token"]
        cache.clear()
    Api(renewed.json()["session"]["access_token"]).ok("GET", "transportOrders/0/1")
