"""The catalogue says what there is, and each of its examples works."""

from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from jsonschema import Draft202012Validator
from rest_framework import serializers
from rest_framework.serializers import ListSerializer, Serializer

from integrations import connectors, entities
from integrations.api import catalogue as module
from integrations.api import shapes
from integrations.api.catalogue_serializers import CatalogueSerializer
from integrations.core import paths
from integrations.core.comparisons import OPERATORS as COMPARISONS
from integrations.core.operators import OPERATORS
from otms.accounts.models import Platform
from otms.api.examples import filled
from otms.documents import dumps, loads
from otms.orders.models import Business
from otms.orders.serializers import RecordSerializer
from otms.urls import router  # where every viewset is registered, which fields are told by
from tests import make
from tests.conftest import Api

__all__ = ["router"]

TEST = "integration/dataSource/mapping:test"
SERVERS_OWN = {"primaryPlatformId", "createdAt", "updatedAt"}
ENTITIES = entities.known()


def made() -> dict[str, Any]:
    """It as it is sent."""
    return loads(dumps(module.catalogue()))


def entity(key: str) -> dict[str, Any]:
    return next(each for each in made()["entities"] if each["key"] == key)


def without(value: Any, names: set[str]) -> Any:
    if isinstance(value, list):
        return [without(each, names) for each in value]
    if isinstance(value, dict):
        return {name: without(each, names) for name, each in value.items() if name not in names}
    return value


def leaves(shape: Any, path: str) -> set[str]:
    """Every path of what shapes.py knows of a document."""
    if isinstance(shape, list):
        return {path} | leaves(shape[0], f"{path}[*]") - {f"{path}[*]"}
    members = shape if isinstance(shape, dict) else {}
    inside = (leaves(each, f"{path}.{name}") for name, each in members.items())
    return {path}.union(*inside)


def test_it_is_made_without_the_database() -> None:
    assert module.catalogue.__wrapped__() == module.catalogue()  # where nobody may ask it


@pytest.mark.django_db
def test_it_costs_no_more_than_to_know_who_asks(platform: Platform, credential: Api) -> None:
    for api in (Api(make.token(make.UserFactory(platform=platform, role="read-only"))), credential):
        answer = api("GET", "integration/catalogue")
        assert loads(answer.content)["catalogue"] == made()
        with CaptureQueriesContext(connection) as captured:
            api.ok("GET", "integration/catalogue")
        told = [each["sql"] for each in captured if "accounts_" not in each["sql"]]
        assert all("integrations_credential" in each for each in told), told
    Api(make.token(make.UserFactory(role=""))).refused("GET", "integration/catalogue", code=403)


def test_it_has_everything_there_is() -> None:
    found = made()
    assert [each["key"] for each in found["entities"]] == ENTITIES
    assert [each["key"] for each in found["connectors"]] == connectors.known()
    operators = found["operators"]
    assert [each["name"] for each in operators["mapping"]] == list(OPERATORS)
    assert [each["name"] for each in operators["filters"]] == list(COMPARISONS)
    assert {"csv", "json"} == {each["key"] for each in found["formats"] if each["written"]}
    assert {"edifact", "xlsx"} < {each["key"] for each in found["formats"]}


def test_it_has_the_shape_that_the_schema_says() -> None:
    _conforms(made(), CatalogueSerializer())


def _conforms(value: Any, serializer: Any) -> None:
    if isinstance(serializer, ListSerializer):
        for each in value:
            _conforms(each, serializer.child)
    elif isinstance(serializer, Serializer):
        fields = serializer.fields
        wanted = {name for name, each in fields.items() if each.required}
        assert wanted <= set(value) <= set(fields), (value, type(serializer))
        for name, each in value.items():
            _conforms(each, fields[name])


@pytest.mark.parametrize("key", ENTITIES)
def test_every_field_of_a_document_is_a_path_that_finds_something_in_the_example(key: str) -> None:
    found = entity(key)
    known = [each["path"] for each in found["fields"]]
    assert len(known) == len(set(known))
    assert set(known) | {f"$.{key}"} == leaves(shapes.document(key)[key], f"$.{key}")
    for field in found["fields"]:
        path = field["path"]
        for document in (found["example"], found["example"]["before"]):
            values = paths.compile(path).find(document)
            assert values, path
            assert not [each for each in values if each in (None, "", [], {})], path
        kind = {} if field["type"] == "any" else {"type": field["type"]}
        limits = {name: field[name] for name in ("enum", "maxLength", "minimum") if name in field}
        for value in values:
            Draft202012Validator({**kind, **limits}).validate(value)


@pytest.mark.parametrize("key", ENTITIES)
def test_something_of_the_example_has_changed(key: str) -> None:
    example = entity(key)["example"]
    before, now = example["before"][key], example[key]
    assert before["id"] == now["id"]
    changed = {name for name in now if now[name] != before[name]}
    assert "updatedAt" in changed
    assert len(changed) > 1


@pytest.mark.django_db
@pytest.mark.parametrize("key", ENTITIES)
def test_the_example_is_what_get_shows_of_such_a_record(
    key: str, api: Api, platform: Platform
) -> None:
    """Sent as it is, the example makes that record: there is no other shape, and no other value."""
    wanted = loads(dumps(entity(key)["example"][key]))
    of = {"platform": platform}
    if key == "business":
        make.BusinessFactory(pk=wanted["partOf"]["id"], **of)
    if key == "event":
        about = wanted["transportOrder"]
        known = {"name": about["name"], "order_id": about["orderId"]}
        make.OrderFactory(
            pk=about["id"], external_attributes=about["externalAttributes"], **known, **of
        )
    if key == "transportOrder":
        known = wanted["customer"]
        Business.objects.create(
            pk=known["id"],
            contact_details=known["contactDetails"],
            external_attributes=known["externalAttributes"],
            **{name: known[name] for name in ("name", "coc", "vat")},
            **of,
        )
    answer = api.ok("POST", key, wanted)
    assert "warnings" not in answer
    shown = loads(api("GET", f"{key}/{wanted['id']}").content)[key]
    assert without(shown, SERVERS_OWN) == without(wanted, SERVERS_OWN)
    (snapshot,) = entities.load(key).snapshots([UUID(wanted["id"])], "default").values()
    snapshot = loads(dumps(snapshot))
    assert without(snapshot, SERVERS_OWN) == without(wanted, SERVERS_OWN)
    assert _keys(snapshot) == _keys(wanted)


def _keys(value: Any) -> Any:
    if isinstance(value, list):
        return [_keys(each) for each in value]
    return {n: _keys(each) for n, each in value.items()} if isinstance(value, dict) else None


@pytest.mark.django_db
def test_every_operator_works_on_the_example(api: Api) -> None:
    data = entity("transportOrder")["example"]
    for operator in made()["operators"]["mapping"]:
        answer = api.ok("POST", TEST, {"mapping": {"x": operator["example"]}, "testData": data})
        assert answer["warnings"] == []
        assert ("x" in answer["result"]) is (operator["name"] != "$omit")
        used = {operator["name"], *operator["companions"]}
        assert set(operator["required"]) <= used
    whole = api.ok("POST", TEST, {"mapping": "$.transportOrder", "testData": data})["result"]
    assert whole["status"] == "requested"
    changed = {"field": "$.transportOrder.status", "operator": "changedFrom", "value": "concept"}
    tried = {"mapping": {}, "testData": data, "filters": [changed]}
    assert api.ok("POST", TEST, tried)["matched"] is True


def test_a_filter_says_what_it_takes() -> None:
    by_name = {each["name"]: each for each in made()["operators"]["filters"]}
    assert (by_name["in"]["takes"], by_name["in"]["value"]) == ("a list", {"type": "array"})
    assert (by_name["exists"]["takes"], by_name["exists"]["value"]) == ("nothing", None)


@pytest.mark.parametrize("key", connectors.known())
def test_the_secrets_of_a_connector_are_write_only(key: str) -> None:
    (settings,) = [each["settings"] for each in made()["connectors"] if each["key"] == key]
    Draft202012Validator.check_schema(settings)
    secrets = [name for name, each in _inside(settings) if each.get("writeOnly")]
    assert secrets == connectors.load(key).secret_names()
    told = [name for name, each in _inside(settings) if each.get("readOnly")]
    assert told == connectors.load(key).told_names()


def _inside(schema: Any, before: str = "") -> Any:
    for name, each in schema["properties"].items():
        inner = list(_inside(each, f"{before}{name}.")) if each.get("properties") else []
        yield from inner or [(f"{before}{name}", each)]


BEARER = {"type": "bearer", "token": "hush-hush"}


@pytest.mark.parametrize(
    ("key", "given", "wrong"),
    [
        ("webhook", {"url": "https://93.184.216.34/"}, ""),
        ("webhook", {"url": "https://93.184.216.34/", "method": "GET", "auth": BEARER}, ""),
        ("webhook", {"url": "https://93.184.216.34/", "auth": None, "tls": {"ca": ""}}, ""),
        ("webhook", {"url": "https://93.184.216.34/", "previousSecretUntil": None}, ""),
        ("webhook", {"method": "POST"}, "url"),
        ("webhook", {"url": "https://93.184.216.34/", "method": "PUT"}, "method"),
        ("webhook", {"url": "https://93.184.216.34/", "colour": "red"}, "colour"),
        ("webhook", {"url": "https://93.184.216.34/", "auth": {"token": "x"}}, "auth.type"),
        (
            "webhook",
            {"url": "https://93.184.216.34/", "auth": {**BEARER, "name": "X-Key"}},
            "auth.name",
        ),
        ("slack", {}, "webhookUrl"),
        ("email", {}, ""),
        ("email", {"to": "a@b.example"}, "to"),
        ("postgresql", {"host": "93.184.216.34", "database": "d", "user": "u", "table": "t"}, ""),
        ("postgresql", {"host": "93.184.216.34", "database": "d", "user": "u"}, "table"),
        (
            "postgresql",
            {"host": "93.184.216.34", "database": "d", "user": "u", "table": "t", "port": 0},
            "port",
        ),
    ],
)
def test_settings_are_right_by_their_schema_when_they_are_right(
    key: str, given: Any, wrong: str
) -> None:
    (found,) = [each["settings"] for each in made()["connectors"] if each["key"] == key]
    assert Draft202012Validator(found).is_valid(given) is not bool(wrong)
    fields = [problem.field for problem in connectors.load(key).problems(given, {})]
    assert fields == ([wrong] if wrong else [])


class Coloured(RecordSerializer):
    colour = serializers.CharField()


def test_a_field_without_an_example_is_told() -> None:
    with pytest.raises(LookupError, match="Say in `examples` of Coloured what its colour may be"):
        filled(Coloured(), "coloured")
