"""The schema and the written reference say what the routes say."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from integrations.api.object_serializers import (
    LogSerializer,
    ObjectSerializer,
    RequestLogSerializer,
    TaskSerializer,
)
from integrations.api.rows import log_row, object_row, request_log_row, task_row
from integrations.core import backoff, delivery
from integrations.core.comparisons import OPERATORS as COMPARISONS
from integrations.core.operators import OPERATORS
from integrations.models import IntegrationObject, Log, RequestLog, Task
from integrations.models.change import EntityChange
from otms import documents
from otms.accounts.access import access_token
from otms.accounts.models import Platform
from otms.api.router import Route
from otms.api.schema import REFUSALS
from otms.orders.serializers import (
    BusinessSerializer,
    ConsignmentSerializer,
    EventSerializer,
    GoodsSerializer,
    RecordSerializer,
    TransportOrderSerializer,
)
from otms.urls import router  # where every viewset is registered
from tests import make
from tests.conftest import Api

DEFAULT_RETRY = delivery.DEFAULTS["retry"]
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
        assert set(operation["responses"]) <= {"200", *map(str, REFUSALS)}
        assert {"200", "400", "401", "500", "503"} <= set(operation["responses"])
        for status in operation["responses"].keys() - {"200"}:
            refusal = operation["responses"][status]["$ref"].rpartition("/")[2]
            content = schema["components"]["responses"][refusal]["content"]
            error = content["application/json"]["schema"]
            assert error == {"$ref": "#/components/schemas/Error"}
        types = {each["name"]: each["schema"] for each in operation.get("parameters", [])}
        assert set(re.findall(r"<\w+:(\w+)>", route.path)) <= set(types)
        assert types.get("id", {"format": "uuid"})["format"] == "uuid"
        assert types.get("amount", {"type": "integer"})["type"] == "integer"
        assert (operation["security"] == [{}]) is route.public


def test_only_what_creates_needs_everything(schema: Any) -> None:
    found = operations(schema)
    for route in ROUTES:
        makes = route.name.startswith("receive:")  # a PUT of the vendor's
        if makes or not (route.method == "PUT" or route.name.startswith("search:")):
            continue
        body = found[in_schema(route)]["requestBody"]["content"]["application/json"]["schema"]
        if "$ref" in body:
            body = schema["components"]["schemas"][body["$ref"].rpartition("/")[2]]
        wanted = ["id"] if route.method == "PUT" else None
        assert body.get("required") == wanted, route.name


def test_a_search_says_what_can_be_searched(schema: Any) -> None:
    found = operations(schema)["POST", "/api/transportOrders/{offset}/{amount}"]
    body = found["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == {
        *("nonce", "id", "orderId", "name", "type", "status", "customer")
    }
    assert set(body["properties"]["customer"]["properties"]) == {"id", "name"}
    assert body["additionalProperties"] is False


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


def section(heading: str) -> str:
    """What stands under a heading of the written reference."""
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    _, _, rest = text.partition(f"\n{heading}\n")
    assert rest, heading
    level = heading.split()[0]
    return re.split(rf"^#{{2,{len(level)}}} ", rest, flags=re.MULTILINE)[0]


def examples(heading: str) -> list[Any]:
    found = re.findall(r"```json\n(.*?)```", section(heading), re.DOTALL)
    return [documents.loads(each) for each in found]


def cells(heading: str, *, table: str = "", column: int = 0) -> set[str]:
    """The words in code letters in a column of the tables, or of one of them."""
    found = set()
    for block in re.findall(r"(?:^\|.*\n)+", section(heading), re.MULTILINE):
        if block.startswith(f"| {table}"):
            for line in block.splitlines()[2:]:
                found |= set(re.findall(r"`([^`]+)`", re.split(r"(?<!\\)\|", line)[column + 1]))
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("heading", ["### Mapping", "### Filters"])
def test_the_examples_of_the_language_answer_what_is_written(heading: str, api: Api) -> None:
    asked, answered = examples(heading)
    found = api("POST", "integration/dataSource/mapping:test", asked)
    assert documents.loads(found.content) == answered


@pytest.mark.django_db
def test_the_example_of_a_suggested_mapping_is_answered_as_written(api: Api) -> None:
    asked, answered = examples("### A suggested mapping")
    found = api("POST", "integration/mapping:suggest", asked)
    assert documents.loads(found.content) == answered


@pytest.mark.django_db
def test_the_example_of_an_order_is_kept_as_it_is_written(api: Api) -> None:
    (order,) = examples("## Fields of orders and businesses")
    answer = api.ok("POST", "transportOrder", order)
    assert "warnings" not in answer
    assert holds(answer["transportOrder"], order)


@pytest.mark.django_db
def test_the_example_of_an_event_is_kept_as_it_is_written(api: Api) -> None:
    (event,) = examples("## Events")
    answer = api.ok("POST", "event", event)
    assert "warnings" not in answer
    assert holds(answer["event"], event)


@pytest.mark.django_db
def test_the_example_of_an_integration_is_kept_as_it_is_written(api: Api) -> None:
    given = examples("## Integrations")[0]
    answer = api.ok("POST", "integration", given)
    assert "warnings" not in answer
    given["dataSources"][0]["settings"]["secret"] = "***"
    assert holds(answer["integration"], given)


@pytest.mark.django_db
def test_the_examples_of_a_search_and_of_credentials_are_answered(
    api: Api, platform: Platform
) -> None:
    acme = make.BusinessFactory(platform=platform, name="Acme Corp")
    make.OrderFactory(platform=platform, customer=acme, status="planned")
    make.OrderFactory(platform=platform, status="planned")
    example, extended, _ = examples("## Lists and searches")
    assert api.ok("POST", "transportOrders/0/20", example)["totalResults"] == 1
    assert api.ok("POST", "transportOrders:extended/0/20", extended)["totalResults"] == 1
    refresh, otp, token, example = examples("## Who may call")
    api.refused("POST", "user/refresh", refresh, code=401)
    api.refused("POST", "user/login:otp", otp, code=401)
    person = Api(access_token(make.session(platform)))
    assert person.ok("POST", "user/token", token)["token"]["permissions"] == token["permissions"]
    example["integrationId"] = str(make.integration(platform=platform).pk)
    shown = api.ok("POST", "integration/generate/credentials", example)["credentials"]
    assert shown.keys() <= set(re.findall(r"`(\w+)`", section("## Who may call")))


def holds(shown: Any, given: Any) -> bool:
    if isinstance(given, dict):
        return all(holds(shown[key], given[key]) for key in given)
    if isinstance(given, list):
        return all(holds(*pair) for pair in zip(shown, given, strict=True))
    return bool(shown == given)


def test_the_language_is_written_whole() -> None:
    assert cells("### Filters") == set(COMPARISONS)
    keys = {*delivery.DEFAULTS, *(f"retry.{key}" for key in backoff.KEYS)} - {"retry"}
    assert cells("### Delivery") == keys
    defaults = {**delivery.DEFAULTS, **{f"retry.{k}": v for k, v in DEFAULT_RETRY.items()}}
    written = cells("### Delivery", column=1)
    assert {json.dumps(v) for k, v in defaults.items() if k != "retry"} == written
    assert set(OPERATORS) <= set(re.findall(r"\$\w+", section("### Mapping")))


@pytest.mark.parametrize(
    ("table", "serializer"),
    [
        ("Transport order", TransportOrderSerializer),
        ("Consignment", ConsignmentSerializer),
        ("Goods", GoodsSerializer),
        ("Business", BusinessSerializer),
        ("Event", EventSerializer),
    ],
)
def test_every_field_and_its_values_are_in_the_written_reference(
    table: str, serializer: Any
) -> None:
    heading = "## Events" if table == "Event" else "## Fields of orders and businesses"
    fields = serializer().fields
    own = fields.keys() - RecordSerializer().fields.keys()
    assert cells(heading, table=table) == own
    values = {value for name in own for value in getattr(fields[name], "choices", ())}
    assert values <= cells(heading, table=table, column=1)


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
