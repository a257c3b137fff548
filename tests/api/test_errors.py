"""Whatever goes wrong under /api is told in one shape, and never as HTML."""

import gzip
import json
import logging
import uuid
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import InterfaceError, OperationalError
from django.test import Client

from integrations.models import Integration
from otms.accounts.models import Platform
from otms.api import errors
from otms.api.errors import flatten
from otms.orders import wire
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db


def shape(answer: Any, code: int) -> Any:
    """The documented shape, and nothing beside it."""
    assert answer.status_code == code, answer.content
    assert answer["Content-Type"] == "application/json"
    assert answer["X-Request-Id"]
    found = answer.json()
    extra = {"requestId"} if code == 500 else set()
    assert found.keys() == {"success", "message", "code", "errors"} | extra
    assert (found["success"], found["code"]) == (False, code)
    assert isinstance(found["message"], str)
    assert found["message"]
    for error in found["errors"]:
        assert error.keys() == {"field", "code", "message"}
        assert all(isinstance(value, str) for value in error.values())
    return found


def post(api: Api, body: bytes, path: str = "transportOrder", **extra: Any) -> Any:
    return api("POST", path, body, **extra)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"not json", "line 1, column 1"),
        (b'{"name": "a", "name": "b"}', '"name" stands twice'),
        (b'{"a": {"x": 1, "x": 2}}', '"x" stands twice'),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": 1e999}', "out of range"),
        (b'{"a": [{"b": 1e999999}]}', "a[0].b: The number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a: The number"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b"[" * 70 + b"]" * 70, "deeper"),
        (b"[" * 100_000, "deeper"),
        (b"[]", "JSON object"),
        (b'"text"', "JSON object"),
        (b"null", "JSON object"),
        (b" ", "not JSON"),
        (b"", "empty"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(api: Api, body: bytes, words: str) -> None:
    message = shape(post(api, body), 400)["message"]
    assert words in message
    assert message.count(". ") == 0, "one sentence"


@pytest.mark.parametrize("path", ["transportOrder", "business", "integration", "integrations/0/1"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_no_body_at_all_is_refused(api: Api, method: str, path: str) -> None:
    answer = api(method, path, content_type="application/json")
    shape(answer, 405 if (method, path) == ("PUT", "integrations/0/1") else 400)


@pytest.mark.parametrize(
    "type", ["text/plain", "application/xml", "multipart/form-data", "", "application/jsonx"]
)
def test_another_content_type_is_refused(api: Api, type: str) -> None:
    found = shape(post(api, b'{"name": "x"}', content_type=type), 415)
    assert '"Content-Type: application/json"' in found["message"]
    assert (repr(type) if type else "missing") in found["message"]


def test_a_packed_body_is_refused(api: Api) -> None:
    packed = gzip.compress(b'{"name": "x"}')
    answer = post(api, packed, headers={"Content-Encoding": "gzip"})
    assert "Content-Encoding 'gzip'" in shape(answer, 415)["message"]
    plain = post(api, b'{"name": "x"}', headers={"Content-Encoding": "Identity"})
    assert plain.status_code == 200


@pytest.mark.parametrize("type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_spelled_otherwise(api: Api, type: str) -> None:
    assert post(api, b'{"name": "x"}', content_type=type).status_code == 200


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*", "nonsense"])
def test_what_the_caller_would_like_to_read_changes_nothing(api: Api, accept: str) -> None:
    answer = api("GET", "transportOrders/0/1", headers={"Accept": accept})
    assert answer["Content-Type"] == "application/json"
    assert answer.status_code == 200


def test_a_body_that_is_too_large_is_refused(api: Api, settings: LazySettings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    body = b'{"description": "%s"}'
    assert post(api, body % (b"x" * 900)).status_code == 200
    assert "smaller parts" in shape(post(api, body % (b"x" * 1000)), 413)["message"]


def test_an_unknown_field_of_our_own_is_named(api: Api) -> None:
    body = b'{"name": "x", "type": "manual", "trigger": {"entitty": "transportOrder"}}'
    found = shape(post(api, body, "integration"), 400)
    assert "Did you mean `entity`?" in found["errors"][0]["message"]


def test_a_wrong_choice_is_told_the_right_ones(api: Api) -> None:
    found = shape(post(api, b'{"status": "Requested"}'), 400)
    assert found["message"].startswith("status: Choose one of concept, requested, accepted, ")


@pytest.mark.parametrize("noun", ["transportOrder", "business", "integration"])
def test_an_id_that_is_not_here_is_not_found(api: Api, noun: str) -> None:
    theirs = {
        "transportOrder": make.OrderFactory,
        "business": make.BusinessFactory,
        "integration": make.IntegrationFactory,
    }[noun]().pk
    for id in (uuid.uuid4(), theirs, "4711", "x" * 3000, theirs.hex, "%00", "%0d%0aX: y", "%ff"):
        for method in ("GET", "DELETE"):
            shape(api(method, f"{noun}/{id}"), 404)
    assert str(theirs) in shape(api("GET", f"{noun}/{theirs}"), 404)["message"]


def test_an_id_may_be_written_in_upper_case(api: Api, integration: Integration) -> None:
    order = make.OrderFactory(platform=integration.platform)
    api.ok("GET", f"transportOrder/{str(order.pk).upper()}")
    api.ok("GET", f"integration/{str(integration.pk).upper()}/objects/0/1")
    api.ok("PUT", "transportOrder", {"id": str(order.pk).upper(), "name": "x"})


@pytest.mark.parametrize(
    "path",
    [
        "",
        "nothing",
        "transportOrder/",
        "transportOrders/0",
        "transportOrders/0/1/",
        "../admin/",
        "%2e%2e/admin",
        "transportOrder%2f1",
        "%00",
        "%ff%fe",
        "%0d%0aSet-Cookie:x=1",
        "<script>alert(1)</script>",
        "%E2%80%A8",
        "%F0%9F%9A%9A",
        "x" * 5000,
    ],
)
def test_an_unknown_url_is_told_in_json(api: Api, stranger: Api, path: str) -> None:
    for caller in (api, stranger):
        for method in ("GET", "POST"):
            answer = caller(method, path)
            found = shape(answer, 404)
            assert len(found["message"]) < 400
            assert "Set-Cookie" not in answer.headers


def test_a_slash_too_many_is_told(api: Api) -> None:
    for path, words in (("transportOrder/", "without the slash"), ("nothing/", "/api/schema")):
        assert words in shape(api("POST", path), 404)["message"]


@pytest.mark.parametrize(
    "path", ["transportOrder/4711", "integration/4711/objects/0/20", "transportOrder/4711%2F"]
)
def test_what_is_no_id_is_told(api: Api, path: str) -> None:
    message = shape(api("GET", path), 404)["message"]
    assert ("'4711' is no id: an id is a UUID" in message) is not path.endswith("F")


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/apiary"])
def test_the_api_begins_where_its_path_begins(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("application/json") is (path != "/apiary")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "transportOrder", "POST, PUT"),
        ("PATCH", "transportOrder", "POST, PUT"),
        ("DELETE", "transportOrders/0/1", "GET, POST"),
        ("PUT", f"transportOrder/{uuid.UUID(int=7)}", "DELETE, GET"),
        ("OPTIONS", "transportOrder", "POST, PUT"),
        ("TRACE", "user/login", "POST"),
        ("BREW", "user/login", "POST"),
        ("GET", "integration/generate/credentials", "POST"),
    ],
)
def test_another_method_is_not_allowed(api: Api, method: str, path: str, allowed: str) -> None:
    answer = api(method, path)
    shape(answer, 405)
    found = {each for each in answer["Allow"].split(", ") if each not in ("HEAD", "OPTIONS")}
    assert found == set(allowed.split(", "))


@pytest.mark.parametrize(
    ("method", "path", "meant"),
    [
        ("PUT", f"transportOrder/{uuid.UUID(int=7)}", "PUT /api/transportOrder, with the id in"),
        ("PATCH", f"integration/{uuid.UUID(int=7)}", "PUT /api/integration, with the id in"),
        ("PATCH", "business", "PUT changes what is sent"),
        ("GET", "transportOrder", "answers to POST, PUT."),
        ("PUT", "transportOrders/0/1", "answers to GET, POST."),
        ("PUT", "user/login", "answers to POST."),
    ],
)
def test_another_method_is_told_the_right_one(api: Api, method: str, path: str, meant: str) -> None:
    assert meant in shape(api(method, path), 405)["message"]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "transportOrder/mail/receiver"), ("PUT", "integration/email")]
)
def test_what_makes_a_record_is_no_change_of_one(api: Api, method: str, path: str) -> None:
    message = shape(api(method, path), 405)["message"]
    assert message.endswith(("it answers to PUT.", "it answers to POST."))


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, 'send "Authorization: Bearer <token>"'),
        ({"Authorization": "Bearer"}, 'does not begin with "Bearer "'),
        ({"Authorization": "Bearer nonsense"}, "generate a new one"),
        ({"Authorization": "otms_pat_x"}, 'does not begin with "Bearer "'),
        ({"Authorization": "Basic eDp5"}, 'does not begin with "Bearer "'),
        ({"X-API-Key": "x"}, "X-API-Secret is missing"),
        ({"X-API-Secret": "x"}, "X-API-Key is missing"),
    ],
)
def test_who_shows_nothing_is_asked_for_a_token(headers: Any, words: str) -> None:
    answer = Api(**headers)("GET", "transportOrders/0/1")
    assert words in shape(answer, 401)["message"]
    assert answer["WWW-Authenticate"] == 'Bearer realm="otms"'


def test_another_host_is_refused(api: Api) -> None:
    for host in ("evil.example", "localhost\\@evil", "a b", ""):
        shape(api("GET", "transportOrders/0/1", SERVER_NAME=host, HTTP_HOST=host), 400)


def test_a_crash_is_told_without_its_reason(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(_: Any) -> Any:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(wire, "transport_orders", crash)
    with caplog.at_level(logging.ERROR, "otms.api.errors"):
        answer = api("GET", "transportOrders/0/1", headers={"X-Request-Id": "my-request-1"})
    found = shape(answer, 500)
    assert found["requestId"] == answer["X-Request-Id"] == "my-request-1"
    for secret in (b"hunter2", b"RuntimeError", b"Traceback", b".py"):
        assert secret not in answer.content
    (record,) = [each for each in caplog.records if each.name == "otms.api.errors"]
    assert record.__dict__["request"] == "my-request-1"
    assert "hunter2" in str(record.exc_info)


@pytest.mark.parametrize(
    "error", [OperationalError("database is locked\nDETAIL: x"), InterfaceError("closed")]
)
def test_a_database_that_is_away_is_no_crash(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def away(_: Any) -> Any:
        raise error

    monkeypatch.setattr(wire, "transport_orders", away)
    answer = api("GET", "transportOrders/0/1")
    assert "try again" in shape(answer, 503)["message"]
    assert answer["Retry-After"] == "5"
    (record,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert record.getMessage() == f"the database did not answer: {str(error).replace(chr(10), ' ')}"
    assert record.exc_info is None


def test_a_crash_after_the_view_is_told_the_same_way(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "transport_orders", lambda _: [object()])
    found = shape(api("GET", "transportOrders/0/1"), 500)
    assert found["requestId"]


@pytest.mark.parametrize("given", ["my-request-1", "a" * 128, "00-4bf9.2f35:77b_34"])
def test_a_sane_request_id_is_kept(api: Api, given: str) -> None:
    answer = api("GET", "transportOrders/0/1", headers={"X-Request-Id": given})
    assert answer["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "short", "a" * 129, "a b c d e f", "id\r\nX: y", "é" * 10])
def test_another_request_id_is_replaced(api: Api, given: str) -> None:
    answer = api("GET", "nothing", headers={"X-Request-Id": given})
    assert uuid.UUID(answer["X-Request-Id"])


def test_every_answer_has_a_request_id(stranger: Api) -> None:
    for path in ("transportOrders/0/1", "nothing", "schema"):
        assert stranger("GET", path)["X-Request-Id"]


def test_the_schema_answers_in_json_too(stranger: Api) -> None:
    assert json.loads(stranger("GET", "schema").content)["openapi"] == "3.1.0"
    assert stranger("POST", "schema").json()["code"] == 405


@pytest.mark.parametrize(
    ("details", "fields"),
    [
        ({"a": [{"message": "m", "code": "c"}]}, ["a"]),
        ({"": [{"message": "m", "code": "c"}]}, [""]),
        ({"a": {"": [{"message": "m", "code": "c"}]}}, ["a"]),
        ({"a": [{}, {"b": [{"message": "m", "code": "c"}] * 2}]}, ["a[1].b", "a[1].b"]),
        ({"a": {2: [{"message": "m", "code": "c"}]}}, ["a[2]"]),
        ({"message": [{"message": "m", "code": "c"}], "code": []}, ["message"]),
        ({"message": "m", "code": "c"}, [""]),
        ([{"message": "m", "code": "c"}], [""]),
    ],
)
def test_nested_details_become_one_list(details: Any, fields: list[str]) -> None:
    assert [error["field"] for error in flatten(details)] == fields


def test_pages_outside_the_api_stay_pages(client: Client) -> None:
    assert b"<html" in client.get("/nothing").content
    assert client.get("/nothing")["Content-Type"].startswith("text/html")
    assert errors.body(400, "x")["errors"] == []


def test_too_many_parameters_are_a_400(api: Api, platform: Platform) -> None:
    integration = make.integration(platform=platform)
    query = "&".join(f"a{n}=1" for n in range(1500))
    api.refused("GET", f"integration/{integration.pk}/objects/0/5?{query}")


def test_a_refusal_is_one_line_of_the_log_with_its_reason(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    answer = api("POST", "transportOrder", {"status": "wrong"})
    (record,) = caplog.records
    assert record.getMessage() == f"refused: {answer.json()['message']}"
    assert vars(record)["request"] == answer["X-Request-Id"]
    assert (vars(record)["path"], vars(record)["status"]) == ("/api/transportOrder", 400)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("transportOrders/0/1?status=planned", "POST an example to the same path"),
        ("integrations/0/1?enabled=false", "POST an example to the same path"),
        ("apps/installed?status=ACTIVE", "takes no parameters"),
    ],
)
def test_a_parameter_that_would_not_be_heard_is_refused(api: Api, path: str, hint: str) -> None:
    told = api.refused("GET", path)
    assert told["errors"][0]["field"] == path.partition("?")[2].partition("=")[0]
    assert told["errors"][0]["code"] == "unknown_field"
    assert hint in told["message"]
