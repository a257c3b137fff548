"""A mapping is suggested over the API, to whom may test one."""

from typing import Any

import pytest

from otms.accounts.models import Platform
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db
PATH = "integration/mapping:suggest"
EXAMPLE = {"order_no": "4711", "consignee": {"city": "Ulm"}, "city": "Ulm"}
CITY = "$.transportOrder.consignments[*].originalPhysicalAddressee.city"


def test_a_mapping_is_suggested_and_can_be_tested(api: Api) -> None:
    answer = api.ok("POST", PATH, {"example": EXAMPLE})
    order = "$.transportOrder."
    assert answer["mapping"] == {
        "order_no": order + "orderId",
        "consignee": {"city": order + "consignments[0].originalPhysicalAddressee.city"},
    }
    found = {each["target"]: each for each in answer["suggestions"]}
    assert list(found) == ["order_no", "consignee.city", "city"]
    assert found["consignee.city"] == {
        "target": "consignee.city",
        "path": CITY,
        "confidence": 0.95,
        "reason": '`city`; it stands in `consignee`, addressee; "Ulm" is a text.',
        "alternatives": found["consignee.city"]["alternatives"],
    }
    assert found["city"]["confidence"] < 0.8
    assert all(set(each) == {"path", "confidence"} for each in found["city"]["alternatives"])
    data = {"transportOrder": {"orderId": "4711"}}
    body = {"mapping": answer["mapping"], "testData": data}
    made = api.ok("POST", "integration/dataSource/mapping:test", body)
    assert made["result"] == {"order_no": "4711", "consignee": {}}


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({}, "example", "required"),
        ({"example": None}, "example", "null"),
        ({"example": 4}, "example", "Send an object"),
        ({"example": "<a>"}, "example", "not well-formed"),
        ({"example": {"a": 1}, "format": "yaml"}, "format", "Choose one of json, csv, xml"),
        ({"example": {"a": 1}, "format": "csv"}, "example", "as a text"),
        ({"example": {"a": 1}, "entity": "trip"}, "entity", "Choose one of business, event"),
        ({"example": {"a": 1}, "colour": "red"}, "colour", ""),
        ({"example": {f"a{each}": 1 for each in range(501)}}, "example", "more than 500"),
    ],
)
def test_what_is_wrong_is_named(api: Api, body: Any, field: str, words: str) -> None:
    (error,) = api.refused("POST", PATH, body)["errors"]
    assert error["field"] == field
    assert words in error["message"]


def test_events_and_tables_have_suggestions_too(api: Api) -> None:
    body = {"example": "event_type;timestamp\nx;2026-03-24T08:00:00Z", "entity": "event"}
    answer = api.ok("POST", PATH, {**body, "format": "csv"})
    assert answer["mapping"] == {"event_type": "$.event.type", "timestamp": "$.event.dateTime"}


@pytest.mark.parametrize(("role", "status"), [("support", 200), ("read-only", 403)])
def test_who_may_test_a_mapping_may_have_one_suggested(
    role: str, status: int, platform: Platform
) -> None:
    person = make.UserFactory(platform=platform, role=role)
    caller = Api(make.token(person))
    assert caller("POST", PATH, {"example": EXAMPLE}).status_code == status
