"""A mapping is tried on test data before anything depends on it."""

from typing import Any

import pytest

from otms import documents
from tests.conftest import Api

pytestmark = pytest.mark.django_db
PATH = "integration/dataSource/mapping:test"

# The guide's own body.
GUIDE = b"""{
  "mapping": {
    "erp_order_id": "$.transportOrder.id",
    "customer_name": "$.transportOrder.customer.name",
    "status": "$.transportOrder.status",
    "created_date": "$.transportOrder.createdAt"
  },
  "testData": {
    "transportOrder": {
      "id": "123e4567-e89b-12d3-a456-426614174000",
      "customer": { "name": "Acme Corp" },
      "status": "requested",
      "createdAt": "2026-03-20T10:30:00Z"
    }
  }
}"""
ORDER = documents.loads(GUIDE)["testData"]
MANY = {"a": [1] * 10_001}  # more than a path may find
FILTERS = [{"field": "$.a[*]", "operator": "eq", "value": 2}]


def tried(api: Api, mapping: Any, data: Any = ORDER, **fields: Any) -> Any:
    return api.ok("POST", PATH, {"mapping": mapping, "testData": data, **fields})


def test_the_guides_mapping_gives_its_four_fields(api: Api) -> None:
    assert api("POST", PATH, GUIDE).content == (
        b'{"success":true,"message":"OK","result":'
        b'{"erp_order_id":"123e4567-e89b-12d3-a456-426614174000","customer_name":"Acme Corp",'
        b'"status":"requested","created_date":"2026-03-20T10:30:00Z"},"warnings":[]}'
    )


def test_what_is_missing_is_a_warning(api: Api) -> None:
    answer = tried(api, {"a": "$.transportOrder.status", "b": "$.transportOrder.vat"})
    assert answer["result"] == {"a": "requested"}
    (warning,) = answer["warnings"]
    assert (warning["target"], warning["path"]) == ("b", "$.transportOrder.vat")
    assert warning["message"]


def test_what_is_missing_moves_the_rest_of_a_list_unless_it_has_a_default(api: Api) -> None:
    kept = {"$path": "$.a", "$default": None}
    made = tried(api, {"moved": ["$.a", "$.b"], "kept": [kept, "$.b"]}, {"b": 2})["result"]
    assert made == {"moved": [2], "kept": [None, 2]}


def test_a_text_that_is_not_set_is_not_missing(api: Api) -> None:
    order = api.ok("POST", "transportOrder", {})["transportOrder"]
    name = {"$path": "transportOrder.name", "$default": "-"}
    literal = "transportOrder.name"
    made = tried(api, {"name": name, "literal": literal}, {"transportOrder": order})["result"]
    assert made == {"name": "", "literal": literal}


def test_digits_stay(api: Api) -> None:
    body = b'{"mapping": {"w": "$.w", "n": "$.n"}, "testData": {"w": 12.50, "n": 1e2}}'
    assert b'"result":{"w":12.50,"n":1E+2}' in api("POST", PATH, body).content


def test_filters_say_whether_they_match_and_why(api: Api) -> None:
    status = "$.transportOrder.status"
    filters = [
        {"field": status, "operator": "eq", "value": "requested"},
        {"any": [{"field": status, "operator": "changed"}]},
    ]
    answer = tried(api, {}, filters=filters)
    assert answer["matched"] is True
    assert answer["trace"][0] == {
        "field": status,
        "operator": "eq",
        "value": "requested",
        "seen": "requested",
        "matched": True,
    }
    before = {**ORDER, "before": ORDER}
    answer = tried(api, {}, before, filters=filters)
    assert answer["matched"] is False
    assert [entry["matched"] for entry in answer["trace"]] == [True, False]
    assert tried(api, {}, filters=[])["matched"] is True
    assert "matched" not in tried(api, {})


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"testData": {}}, "mapping", "required"),
        ({"mapping": {}}, "testData", "required"),
        ({"mapping": None, "testData": {}}, "mapping", "null"),
        ({"mapping": {}, "testData": {}, "testdata": {}}, "testdata", "unknown_field"),
        ({"mapping": {"a": "$["}, "testData": {}}, "mapping.a", "invalid_path"),
        ({"mapping": {"a": {"$nope": 1}}, "testData": {}}, "mapping.a", None),
        ({"mapping": {}, "testData": {}, "filters": [5]}, "filters[0]", "invalid_filter"),
        ({"mapping": {"a": "$.a[*]"}, "testData": MANY}, "mapping.a", "mapping_error"),
        ({"mapping": {}, "testData": MANY, "filters": FILTERS}, "filters[0]", "filters_error"),
    ],
)
def test_an_error_names_its_field(api: Api, body: Any, field: str, code: str | None) -> None:
    error = api.refused("POST", PATH, body)["errors"][0]
    assert error["field"].startswith(field)
    assert code is None or error["code"] == code


def test_a_number_of_very_many_digits_is_no_crash(api: Api) -> None:
    data, path = {"t": {"n": 10**3000}}, "$.t.n"
    for operator, value in (("exists", {}), ("eq", {"value": 1}), ("in", {"value": []})):
        tested = [{"field": path, "operator": operator, **value}]
        body = {"mapping": {}, "filters": tested, "testData": data}
        assert api.ok("POST", PATH, body)["matched"] is (operator == "exists")
    product = {"mapping": {"a": "$.t.n*$.t.n"}, "testData": data}
    assert "calculate" in api.refused("POST", PATH, product)["errors"][0]["message"]
    assert tried(api, {"a": "$.t.n"}, data)["result"] == {"a": 10**3000}
