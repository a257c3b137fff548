"""Who calls too often is told when to call again; each caller is counted by itself."""

import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.core.files.uploadedfile import SimpleUploadedFile

from integrations.models import AppAccessToken, Credential, Integration
from otms import env
from otms.accounts.access import access_token
from otms.accounts.models import Session, User
from otms.address import home
from otms.api.router import HEAVY, Route
from otms.env import Rate
from otms.urls import router
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db
LIST = "transportOrders/0/1"
MAPPING_TEST = "integration/dataSource/mapping:test"
TRIED = {"mapping": {"a": "$.b"}, "testData": {"b": 1}}


@pytest.fixture(autouse=True)
def strict(settings: LazySettings) -> None:
    settings.OTMS_CALLER_RATE = Rate(4, 60)
    settings.OTMS_HEAVY_RATE = Rate(2, 60)
    settings.OTMS_NOBODY_RATE = Rate(3, 60)
    cache.clear()


def used_up(
    api: Api, method: str = "GET", path: str = LIST, body: Any = None, most: int = 10
) -> int:
    """How many calls are answered before one is too many."""
    for number in range(most):
        if api(method, path, body).status_code == 429:
            return number
    return most


def test_the_call_that_is_one_too_many_is_told_when_to_come_again(api: Api) -> None:
    for left in (3, 2, 1, 0):
        answer = api("GET", LIST)
        assert answer.status_code == 200
        assert answer["RateLimit-Policy"] == '"caller";q=4;w=60'
        assert re.fullmatch(f'"caller";r={left};t=[0-9]+', answer["RateLimit"])
    answer = api("GET", LIST)
    found = answer.json()
    assert (answer.status_code, found["code"], found["success"]) == (429, 429, False)
    assert 13 <= int(answer["Retry-After"]) <= 15
    seconds = answer["Retry-After"]
    assert found["message"] == (
        f"This caller may make 4 calls a minute; wait {seconds} seconds, then call again."
    )
    assert answer["RateLimit"].startswith('"caller";r=0;t=')


def test_every_call_is_counted_whatever_becomes_of_it(api: Api) -> None:
    api.refused("GET", "transportOrder/00000000-0000-4000-8000-000000000000", code=404)
    api.refused("POST", "transportOrder", b"{", code=400)
    api.refused("DELETE", "transportOrder", code=405)
    assert api("POST", "transportOrder", b"x", content_type="text/plain").status_code == 415
    api.refused("GET", LIST, code=429)


def test_no_call_is_left_out(api: Api, settings: LazySettings) -> None:
    settings.OTMS_CALLER_RATE = settings.OTMS_NOBODY_RATE = Rate(1, 86400)
    assert used_up(api) == 1
    stranger = Api()
    id = "00000000-0000-4000-8000-000000000000"
    for route in router.routes():
        path = route.path.replace("<id:id>", id).replace("<str:app>", "slack")
        path = path.replace("<str:offset>", "0").replace("<str:amount>", "1")
        cache.clear()
        for caller in (api, stranger):
            caller(route.method, path)
            caller.refused(route.method, path, code=429)


def test_each_kind_of_caller_is_counted_by_itself(
    user: User, integration: Integration, settings: LazySettings
) -> None:
    settings.OTMS_CALLER_RATE = Rate(2, 60)
    _, first = Credential.generate(integration)
    opened = Session.start(user, ip=None, device="")
    assert opened
    installation = make.InstallationFactory(platform=user.platform)
    permissions = ["get:transportOrders"]
    _, app = AppAccessToken.generate(installation, permissions)
    callers = [Api(make.token(user)), Api(app["token"])]
    assert [used_up(each) for each in callers] == [2, 2]
    # More tokens are no more calls: whoever needs more is given more by the operator.
    assert [used_up(Api(each)) for each in (make.token(user), access_token(opened[0]))] == [0, 0]
    where = f"integration/{integration.pk}"
    assert used_up(Api(first["token"]), path=where) == 2
    pair = {"X-API-Key": first["apiKey"], "X-API-Secret": first["apiSecret"]}
    assert used_up(Api(**pair), path=where) == 0  # the same credential, shown otherwise
    stranger = Api(make.token(make.UserFactory()))
    assert used_up(stranger) == 2


def test_the_sessions_of_a_person_are_one_caller(user: User) -> None:
    sessions = [Session.start(user, ip=None, device="") for _ in range(3)]
    assert sum(used_up(Api(access_token(each[0]))) for each in sessions if each) == 4


def test_what_takes_much_is_counted_twice(api: Api, integration: Integration) -> None:
    assert used_up(api, "POST", MAPPING_TEST, TRIED) == 2
    found = api.refused("POST", MAPPING_TEST, TRIED, code=429)
    assert found["message"].startswith("Of uploads, mails, imports, tests and the like this caller")
    assert used_up(api) == 0  # 4 calls were made, of which 2 were refused
    file = SimpleUploadedFile("a.csv", b"a;b\n1;2\n")
    answer = api.client.post("/api/integration/file/upload", {"file": file}, headers=api.headers)
    assert answer.status_code == 429


def test_what_takes_much_is_named() -> None:
    heavy = {route.name for route in router.routes() if route.heavy}
    assert heavy >= {
        *("import:data", "upload:integration:file", "receive:integration:email"),
        *("receive:transportOrder:mail", "test:mapping", "test:fileTemplate:mapping"),
        "suggest:mapping",
        *("install:app", "generate:integration:credentials", "get:integration:file"),
    }
    heavy.remove("get:integration:file")  # it says so itself
    assert {name.partition(":")[0] for name in heavy} <= HEAVY
    assert not Route("GET", "x", "get:x").heavy


@pytest.mark.parametrize("shown", ["", "otms_pat_wrong", "otms_int_wrong", "a.b.c", "otms_app_x"])
def test_who_is_nobody_is_counted_by_address(api: Api, shown: str) -> None:
    guessing = Api(shown)
    assert used_up(guessing) == 3
    assert (
        "an address may make 3 calls a minute" in guessing.refused("GET", LIST, code=429)["message"]
    )
    assert Api()("GET", LIST, REMOTE_ADDR="10.1.1.1").status_code == 401
    assert used_up(api) == 4  # who is somebody is not asked for the address


def test_a_script_with_an_old_token_keeps_nobody_from_logging_in(user: User) -> None:
    user.set_password("a long and quiet word")
    user.save()
    assert used_up(Api("otms_pat_old")) == 3
    body = {"username": user.username, "password": "a long and quiet word"}
    for _ in range(3):
        Api().ok("POST", "user/login", body)
    Api().refused("POST", "user/login", body, code=429)
    Api(make.token(user)).ok("GET", LIST)


def test_the_schema_is_counted_by_address() -> None:
    assert [Api()("GET", "schema").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_an_address_is_not_what_the_caller_says(settings: LazySettings) -> None:
    said = [{"X-Forwarded-For": f"8.8.8.{number}"} for number in range(4)]
    answers = [Api()("GET", LIST, headers=each).status_code for each in said]
    assert answers == [401, 401, 401, 429]
    cache.clear()
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    said = [{"X-Forwarded-For": f"8.8.8.{number}, 9.9.9.9"} for number in range(4)]
    answers = [Api()("GET", LIST, headers=each).status_code for each in said]
    assert answers == [401, 401, 401, 429]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("93.184.216.34", "93.184.216.34"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:93.184.216.34", "93.184.216.34"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("moon", "unknown"),
    ],
)
def test_a_network_of_ipv6_is_one_caller(address: str, network: str) -> None:
    assert home(address) == network


def test_a_limit_may_be_off(api: Api, settings: LazySettings) -> None:
    settings.OTMS_CALLER_RATE = settings.OTMS_HEAVY_RATE = settings.OTMS_NOBODY_RATE = None
    assert used_up(api) == used_up(api, "POST", MAPPING_TEST, TRIED) == used_up(Api()) == 10
    assert "RateLimit" not in api("GET", LIST).headers


def test_a_second_try_after_a_clash_is_no_second_call(api: Api, monkeypatch: Any) -> None:
    from django.db import IntegrityError

    from otms.orders import wire

    tries = iter([IntegrityError("taken"), None])
    whole = wire.transport_orders

    def clash(records: Any) -> Any:
        if error := next(tries):
            raise error
        return whole(records)

    monkeypatch.setattr(wire, "transport_orders", clash)
    answer = api("GET", LIST)
    assert (answer.status_code, answer["RateLimit"][:12]) == (200, '"caller";r=3')


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("600/min", Rate(600, 60)),
        ("10/s", Rate(10, 1)),
        ("1000/hour", Rate(1000, 3600)),
        ("5/day", Rate(5, 86400)),
        ("OFF", None),
    ],
)
def test_a_rate_is_read(text: str, rate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTMS_CALLER_RATE", text)
    assert env.rate("OTMS_CALLER_RATE", "1/min") == rate


@pytest.mark.parametrize(
    "text", ["", "0/min", "-1/min", "600", "600/", "600/year", "x/min", "1e3/s"]
)
def test_a_rate_that_makes_no_sense_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTMS_CALLER_RATE", text)
    with pytest.raises(ImproperlyConfigured, match="OTMS_CALLER_RATE"):
        env.rate("OTMS_CALLER_RATE", "1/min")


def test_a_credential_is_given_no_more_than_the_operator_allows(
    integration: Integration, settings: LazySettings
) -> None:
    settings.OTMS_CALLER_RATE = Rate(2, 60)
    _, shown = Credential.generate(integration, rate=100)
    assert used_up(Api(shown["token"]), path=f"integration/{integration.pk}") == 2
