"""The schemas of the language are there for everybody, and without the envelope."""

from typing import Any

import pytest
from django.conf import LazySettings
from jsonschema import Draft202012Validator

from integrations.core import schema
from otms.env import Rate
from tests.conftest import Api

SCHEMAS = {"mapping": schema.of_mapping, "filters": schema.of_filters}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_served_as_it_is_to_who_shows_nothing(name: str, stranger: Api) -> None:
    answer = stranger("GET", f"schema/{name}")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/schema+json"
    assert answer["X-Request-Id"]
    found = answer.json()
    assert found == SCHEMAS[name]()
    Draft202012Validator.check_schema(found)


def test_a_schema_is_only_read(stranger: Api) -> None:
    for method in ("POST", "PUT", "DELETE"):
        refused = stranger.refused(method, "schema/mapping", {}, code=405)
        assert refused["message"]


def test_who_shows_nothing_may_ask_for_schemas_as_often_as_for_anything(
    stranger: Api, settings: LazySettings
) -> None:
    settings.OTMS_NOBODY_RATE = Rate(1, 60)
    answers: list[Any] = [stranger("GET", "schema/filters") for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 429]
    assert answers[1].json()["success"] is False
