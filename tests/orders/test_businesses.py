"""Businesses: customers, shippers, carriers."""

import uuid
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.models import EntityChange
from otms.accounts.models import Platform
from otms.orders.models import Business
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db

BUSINESS = {
    "name": "Acme Corp",
    "coc": "12345678",
    "contactDetails": [{"type": "email", "value": "info@acme.example"}],
    "documents": [{"url": "https://acme.example/terms"}],
}


def create(api: Api, **fields: Any) -> Any:
    return api.ok("POST", "business", {**BUSINESS, **fields})["business"]


def test_a_business_is_made_read_changed_and_deleted(api: Api) -> None:
    business = create(api, nonce="n", verified=True)
    assert business.pop("nonce") == "n"
    assert business["contactDetails"] == BUSINESS["contactDetails"]
    where = f"business/{business['id']}"
    assert api.ok("GET", where)["business"] == business
    changed = api.ok("PUT", "business", {"id": business["id"], "vat": "NL1"})["business"]
    assert (changed["vat"], changed["coc"], changed["verified"]) == ("NL1", "12345678", True)
    assert api.ok("DELETE", where)["business"] == changed
    api.refused("GET", where, code=404)


def test_a_business_has_a_name(api: Api) -> None:
    for body in ({}, {"name": ""}, {"name": " "}, {"name": None}):
        (error,) = api.refused("POST", "business", body)["errors"]
        assert error["field"] == "name"


def test_a_business_may_be_part_of_another(api: Api) -> None:
    parent = create(api, name="Holding")
    child = create(api, partOf={"id": parent["id"]})
    assert child["partOf"] == {"id": parent["id"]}
    found = api.ok("POST", "businesses/0/10", {"partOf": {"id": parent["id"]}})
    assert [each["id"] for each in found["businesses"]] == [child["id"]]
    freed = api.ok("PUT", "business", {"id": child["id"], "partOf": None})["business"]
    assert freed["partOf"] is None


@pytest.mark.parametrize("part_of", [{}, {"id": "x"}, {"id": str(uuid.UUID(int=7))}])
def test_a_parent_that_is_none_is_refused(api: Api, part_of: Any) -> None:
    business = create(api)
    for method, body in (
        ("POST", {"name": "x", "partOf": part_of}),
        ("PUT", {"id": business["id"], "partOf": part_of}),
    ):
        (error,) = api.refused(method, "business", body)["errors"]
        assert error["field"] == "partOf.id"


def test_what_a_part_needs_it_needs_in_an_update_too(api: Api) -> None:
    body = {"id": create(api)["id"], "contactDetails": [{"type": "email"}]}
    (error,) = api.refused("PUT", "business", body)["errors"]
    assert error == {
        "field": "contactDetails[0].value",
        "code": "required",
        "message": "This field is required.",
    }


def test_a_business_in_use_is_not_deleted(api: Api, platform: Platform) -> None:
    order = make.OrderFactory(platform=platform)
    found = api.refused("DELETE", f"business/{order.customer_id}", code=409)
    assert "in use" in found["message"]


@pytest.mark.django_db(transaction=True)
def test_a_business_that_others_are_part_of_is_not_deleted(api: Api, platform: Platform) -> None:
    """Or they would change without a change that anybody hears of."""
    parent = create(api)
    child = create(api, partOf={"id": parent["id"]})
    api.refused("DELETE", f"business/{parent['id']}", code=409)
    assert api.ok("GET", f"business/{child['id']}")["business"] == child
    assert EntityChange.objects.of(platform).count() == 2
    api.ok("DELETE", f"business/{child['id']}")
    api.ok("DELETE", f"business/{parent['id']}")


def test_a_business_is_no_part_of_itself(api: Api) -> None:
    """Nobody could delete it."""
    business = create(api)
    body = {"id": business["id"], "partOf": {"id": business["id"]}}
    (error,) = api.refused("PUT", "business", body)["errors"]
    assert error["field"] == "partOf.id"
    found = Business.objects.across_platforms().get()
    found.part_of = found
    with pytest.raises(ValidationError, match="no part of itself"):
        found.full_clean()


def test_businesses_are_listed_and_searched(api: Api, platform: Platform) -> None:
    create(api, relationType="carrier", name="A")
    create(api, relationType="customer", name="B")
    make.BusinessFactory(relation_type="carrier")
    found = api.ok("POST", "businesses/0/10", {"relationType": "carrier"})
    assert [each["name"] for each in found["businesses"]] == ["A"]
    assert found["totalResults"] == 1
    with CaptureQueriesContext(connection) as few:
        assert len(api.ok("GET", "businesses/0/10")["businesses"]) == 2
    for _ in range(5):
        create(api)
    with CaptureQueriesContext(connection) as more:
        assert len(api.ok("GET", "businesses/0/10")["businesses"]) == 7
    assert len(more) == len(few)


@pytest.mark.django_db(transaction=True)
def test_a_business_sent_back_whole_changes_nothing(api: Api, platform: Platform) -> None:
    parent = create(api)
    business = create(api, partOf={"id": parent["id"]}, logo={"url": "x"})
    answer = api.ok("PUT", "business", business)
    assert answer["business"] == business
    assert "warnings" not in answer
    assert EntityChange.objects.of(platform).count() == 2


def test_no_business_is_a_part_of_its_own_parts(api: Api) -> None:
    made: list[str] = []
    for name in ("group", "company", "depot"):
        above = {"partOf": {"id": made[-1]}} if made else {}
        made.append(api.ok("POST", "business", {"name": name, **above})["business"]["id"])
    for part in made:
        told = api.refused("PUT", "business", {"id": made[0], "partOf": {"id": part}})
        assert told["errors"][0]["code"] == "itself"
    moved = {"id": made[2], "partOf": {"id": made[0]}}
    assert api.ok("PUT", "business", moved)["business"]["partOf"] == {"id": made[0]}
