"""The schema and the written reference say what the routes say."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from integrations.api.rows import log_row, object_row, request_log_row, task_row
from integrations.api.serializers import (
    LogSerializer,
    ObjectSerializer,
    RequestLogSerializer,
    TaskSerializer,
)
from integrations.models import IntegrationObject, Log, RequestLog, Task
from integrations.models.change import EntityChange
from otms.api.router import Route
from otms.urls import router  # where every viewset is registered

DOCS = Path(__file__).parents[2] / "docs" / "reference"
ROUTES = router.routes()


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Generated; a warning fails."""
    path = tmp_path_factory.mktemp("schema") / "openapi.json"
    call_command("spectacular", format="openapi-json", file=str(path), fail_on_warn=True)
    return json.loads(path.read_text(encoding="utf-8"))


def operations(schema: Any) -> dict[tuple[str, str], Any]:
    return {
        (method.upper(), path): operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }


def in_schema(route: Route) -> tuple[str, str]:
    return route.method, "/api/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route.path)


def test_the_committed_schema_is_the_generated_one(schema: Any) -> None:
    committed = json.loads((DOCS / "openapi.json").read_text(encoding="utf-8"))
    assert committed == schema, (
        "write it again: manage.py spectacular --format openapi-json --fail-on-warn "
        "--file docs/reference/openapi.json"
    )


def test_the_schema_has_every_route_under_its_name(schema: Any) -> None:
    assert schema["openapi"] == "3.1.0"
    found = {where: each["operationId"] for where, each in operations(schema).items()}
    assert found == {in_schema(route): route.name for route in ROUTES}
    assert len(set(found.values())) == len(found)


def test_each_operation_says_what_goes_in_and_out(schema: Any) -> None:
    found = operations(schema)
    for route in ROUTES:
        operation = found[in_schema(route)]
        assert ("requestBody" in operation) is (route.takes is not None), route.name
        answer = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        shape = schema["components"]["schemas"][answer.rpartition("/")[2]]
        assert set(shape["properties"]) == {"success", "message", *route.answers}, route.name
        error = operation["responses"]["default"]["content"]["application/json"]["schema"]
        assert error == {"$ref": "#/components/schemas/Error"}
        types = {each["name"]: each["schema"] for each in operation.get("parameters", [])}
        assert set(re.findall(r"<\w+:(\w+)>", route.path)) <= set(types)
        assert types.get("id", {"format": "uuid"})["format"] == "uuid"
        assert types.get("amount", {"type": "integer"})["type"] == "integer"
        assert (operation["security"] == [{}]) is route.public


def test_only_what_creates_needs_everything(schema: Any) -> None:
    found = operations(schema)
    for route in ROUTES:
        if route.method == "PUT" or route.name.startswith("search:"):
            body = found[in_schema(route)]["requestBody"]["content"]["application/json"]["schema"]
            shape = schema["components"]["schemas"][body["$ref"].rpartition("/")[2]]
            assert "required" not in shape, route.name


@pytest.mark.parametrize("route", ROUTES, ids=[route.name for route in ROUTES])
def test_every_route_is_in_the_written_reference(route: Route) -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    path = re.sub(r"<\w+:(\w+)>", r"{\1}", route.path)
    line = rf"^\| `{route.method} /api/{re.escape(path)}` \|.*`{re.escape(route.name)}`"
    assert re.search(line, text, re.MULTILINE), f"{route.method} {path} ({route.name})"


def test_the_written_reference_names_no_route_that_is_not_there() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    written = set(re.findall(r"^\| `([A-Z]+) (/api/\S+)` \|", text, re.MULTILINE))
    assert written == {in_schema(route) for route in ROUTES}


def test_ids_in_paths_are_of_any_case() -> None:
    assert not [route.path for route in ROUTES if "<uuid:" in route.path]


@pytest.mark.parametrize(
    ("serializer", "row"),
    [
        (ObjectSerializer, object_row(IntegrationObject(change=EntityChange()))),
        (LogSerializer, log_row(Log())),
        (RequestLogSerializer, request_log_row(RequestLog())),
        (TaskSerializer, task_row(Task())),
    ],
)
def test_a_row_of_a_list_looks_as_the_schema_says(serializer: Any, row: Any) -> None:
    assert list(serializer().fields) == list(row)
