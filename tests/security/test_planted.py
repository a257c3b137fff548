"""A secret is typed at every place that there is for one, and found nowhere in clear afterwards.

The places are found, not listed: the write-only fields of every connector, the secret settings of
every app, the write-only fields of every call. A new one is in this test by itself.
"""

import base64
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pyotp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from integrations import connectors, store
from integrations.models import IntegrationObject, RequestLog
from otms.accounts.models import User
from otms.api.request_id import RequestIdMiddleware
from otms.log import LineFormatter
from tests import make
from tests.admin.conftest import Browser, furnish
from tests.admin.pages import every_page
from tests.admin.test_every_page import RECORDS
from tests.conftest import Api
from tests.security.planted import Planted, dump_of_the_database, dump_of_the_records
from tests.sink import Sink

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/reference/openapi.json").read_text(encoding="utf-8"))
# A parrot says everything again: as success, refused in several ways, redirected, and broken.
SAID_AGAIN = (200, 401, 302, 400, 404, 410, 429, 500, 503)
FEW = SAID_AGAIN[:2]
SHOWN_ONCE = {
    *("token", "apiSecret", "access_token", "refresh_token", "secret", "recoveryCodes"),
}


class Day:
    """What was answered, shown and logged on one day."""

    def __init__(self, planted: Planted) -> None:
        self.planted = planted
        self.seen: list[tuple[str, str]] = []
        self.calls: Counter[int] = Counter()

    def note(self, where: str, answer: Any) -> Any:
        self.calls[answer.status_code] += 1
        headers = " ".join(f"{name}: {value}" for name, value in answer.items())
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        self.seen.append((where, f"{headers}\n{content.decode(errors='replace')}"))
        return answer

    def made(self, where: str, answer: Any) -> Any:
        """An answer that shows something this once; what it says is given back."""
        said = answer.json()
        for name, value in _leaves(said):
            if name in SHOWN_ONCE and isinstance(value, str) and value != "***":
                self.planted.keep(f"{where} {name} {value[-4:]}", value)
                answer.content = answer.content.replace(value.encode(), b"(shown)")
        self.note(where, answer)
        return said


def _leaves(document: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(document, dict):
        for key, value in document.items():
            yield from _leaves(value, key)
    elif isinstance(document, list):
        for value in document:
            yield from _leaves(value, name)
    else:
        yield name, document


class Lines(logging.Handler):
    """Everything that is logged, at any level, as our own formatter writes it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(LineFormatter())
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, root = Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture
def planted() -> Planted:
    return Planted()


@pytest.fixture
def day(planted: Planted) -> Day:
    return Day(planted)


ORDER = {"$text": "{{transportOrder.name}}"}
ROW = {"id": "$.transportOrder.id", "text": ORDER}
MAPPINGS = {
    "slack": {"text": ORDER},
    "email": {"to": {"$text": "ann@example.com"}, "subject": ORDER, "body": ORDER},
}


PLANT = "here a secret is typed"


def ways(url: str) -> dict[str, list[dict[str, Any]]]:
    """For each connector, settings that between them have a place for every secret of it."""
    parts = urlsplit(url)
    place = {"host": parts.hostname, "port": parts.port, "user": "u"}
    webhook = {"url": url, "secret": PLANT}
    safe = {**webhook, "url": url.replace("http:", "https:")}
    previous = {"previousSecret": PLANT, "previousSecretUntil": "2999-01-01T00:00:00Z"}
    client = {"tokenUrl": url, "clientId": "otms", "clientSecret": PLANT}
    return {
        "webhook": [
            webhook,
            {**webhook, **previous},
            {**webhook, "auth": {"type": "header", "name": "X-Api-Key", "value": PLANT}},
            {**webhook, "auth": {"type": "query", "name": "api_key", "value": PLANT}},
            {**webhook, "auth": {"type": "basic", "username": "otms", "password": PLANT}},
            {**webhook, "auth": {"type": "bearer", "token": PLANT}},
            {**webhook, "auth": {"type": "oauth2", **client}},
            {**webhook, "auth": {"type": "oauth2", **client, "clientAuth": "body"}},
            {**safe, "tls": {"certificate": CERTIFICATE, "key": PLANT}},
        ],
        "slack": [{"webhookUrl": PLANT}],
        "postgresql": [{**place, "database": "d", "table": "t", "password": PLANT}],
        "email": [{}],
    }


def own_certificate() -> tuple[str, str]:
    """A certificate that we made ourselves, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "otms")])
    begins, ends = datetime(2026, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, begins, ends)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    written = key.private_bytes(pem, form, serialization.NoEncryption())
    return made.sign(key, hashes.SHA256()).public_bytes(pem).decode(), written.decode()


CERTIFICATE, KEY = own_certificate()


def typed_in(settings: Any, secret_for: Callable[[str], str], path: str = "") -> Any:
    """The settings with a secret wherever there is a place for one."""
    if isinstance(settings, dict):
        found = settings.items()
        return {k: typed_in(v, secret_for, f"{path}.{k}".lstrip(".")) for k, v in found}
    return secret_for(path) if settings == PLANT else settings


def secret_at(planted: Planted, place: str, name: str, url: str) -> str:
    """Of the kind that this place takes."""
    if name.endswith("rl"):  # a URL that is a secret: who knows it may call it
        return f"{url}?key={planted.text(place)}"
    if name == "tls.key":
        return planted.keep(place, KEY.splitlines()[1]) and KEY
    return planted.mixed(place)


def test_every_secret_of_every_connector_has_its_place_here() -> None:
    there = ways("http://127.0.0.1:1/")
    for key in connectors.known():
        typed: set[str] = set()
        for settings in there.get(key, []):
            typed_in(settings, lambda path: typed.add(path) or "")  # noqa: B023
        assert typed == set(connectors.load(key).secret_names()), f"say in ways() where of {key}"


def everything_that_delivers(
    planted: Planted, day: Day, sink: Sink, api: Api, order: Callable[[], Any]
) -> None:
    """A data source for each connector and answer, with every secret that it has a field for."""
    for status in SAID_AGAIN:
        for key in connectors.known():
            for number in range(len(ways("http://127.0.0.1:1")[key])):
                if number and status not in FEW:
                    continue
                name = f"{key}-{number}-{status}"
                url, typed = sink.url(f"/parrot/{status}/{name}"), []

                def secret_for(
                    path: str, name: str = name, url: str = url, kept: Any = typed
                ) -> str:
                    kept.append(secret_at(planted, f"{name} {path}", path, url))
                    return str(kept[-1])

                settings = typed_in(ways(url)[key][number], secret_for)
                sink.teach(name, *typed)
                source = {
                    "connector": key,
                    "settings": settings,
                    "mapping": MAPPINGS.get(key, ROW),
                }
                body = {
                    "name": f"{key} {number} {status}",
                    "type": "configured",
                    "trigger": make.ALL_ACTIONS,
                    "delivery": {"timeout": 5},
                    "dataSources": [source],
                }
                made = day.note(body["name"], api("POST", "integration", body))
                assert made.status_code == 200, made.content
                id = made.json()["integration"]["id"]
                day.note("again", api("PUT", "integration", {"id": id, "name": f"{key} again"}))
                bad = {"id": id, "dataSources": [{**source, "settings": {**settings, "moon": 1}}]}
                day.note("refused", api("PUT", "integration", {**bad, "trigger": {}}))
    order()


def every_app(planted: Planted, day: Day, sink: Sink, api: Api) -> None:
    """Each app of the store is installed with secrets, whether its target takes them or not."""
    for app in store.apps():
        for status in (200, 401):
            settings: dict[str, Any] = {}
            url = sink.url(f"/parrot/{status}/app-{app.key}-{status}")
            for name, setting in app.settings.items():
                if setting.secret:
                    place = f"app {app.key} {name} {status}"
                    settings[name] = secret_at(planted, place, name, url)
                elif name == "url":
                    settings[name] = url
                elif setting.required and setting.default is None:
                    settings[name] = "127.0.0.1" if name == "host" else "x"
            sink.teach(f"app-{app.key}-{status}", *settings.values())
            path = f"app/{app.key}/install"
            body = {"settings": settings, "name": f"{app.key} {status}"}
            day.made(f"app {app.key}", api("POST", path, body))


def write_only(schema: Any, prefix: str = "") -> Iterator[str]:
    """The paths of the secrets in a body, as the API's own description tells them."""
    if ref := schema.get("$ref"):
        schema = SCHEMA["components"]["schemas"][ref.rpartition("/")[2]]
    for name, field in schema.get("properties", {}).items():
        if field.get("writeOnly"):
            yield f"{prefix}{name}"
        if field.get("properties") or field.get("$ref"):
            yield from write_only(field, f"{prefix}{name}.")


def nested(path: str, value: Any) -> dict[str, Any]:
    first, dot, rest = path.partition(".")
    return {first: nested(rest, value) if dot else value}


def every_call_that_takes_a_secret(planted: Planted, day: Day, api: Api) -> int:
    """With the secret right but for the rest, wrong, too long, of another type, and broken."""
    seen = 0
    for path, methods in SCHEMA["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            names = list(write_only(content.get("application/json", {}).get("schema", {})))
            for name in names:
                seen += 1
                place = f"{method} {path} {name}"
                where = path.removeprefix("/api/").replace("{id}", make.PlatformFactory().pk.hex)
                value = planted.mixed(place)
                for sent in (value, [value], {value: value}, value * 200):
                    body = {"username": "ann", **nested(name, sent)}
                    cache.clear()
                    key = {"Idempotency-Key": planted.text(f"{place} key")}
                    day.note(place, api(method.upper(), where, body, headers=key))
                broken = f'{{"{name}": "{planted.text(place + " broken")}"'.encode()
                day.note(place, api(method.upper(), where, broken))
    return seen


def every_header_and_query(planted: Planted, day: Day, browser: Browser) -> None:
    """Tokens that are unknown, of each kind, where tokens stand and where they should not."""
    for prefix in ("", "otms_pat_", "otms_int_", "otms_app_", "a.b."):
        token = planted.text(f"bearer {prefix}", prefix + "{}")
        for scheme in ("Bearer", "Basic", "Token"):
            caller = Api(Authorization=f"{scheme} {token}")
            day.note(f"{scheme} {prefix}", caller("GET", "transportOrders/0/1"))
    pair = {
        "X-API-Key": planted.text("X-API-Key"),
        "X-API-Secret": planted.text("X-API-Secret"),
        "Cookie": f"sessionid={planted.text('cookie')}",
    }
    day.note("pair", Api(**pair)("GET", "transportOrders/0/1"))
    for name in ("token", "access_token", "key", "password"):
        query = f"{name}={planted.text(f'query {name}')}"
        day.note(f"?{name}", Api()("GET", f"transportOrders/0/1?{query}"))
        day.note(f"?{name}", Api()("GET", f"nowhere?{query}"))
        day.note(f"?{name}", browser.client.get(f"/admin/nowhere/?{query}"))


def people(planted: Planted, day: Day, browser: Browser, api: Api) -> None:
    """They log in, at the API and in the admin, and set passwords."""
    password = planted.mixed("password")
    person = make.UserFactory(
        platform=api.platform,  # type: ignore[attr-defined]
        username="ann",
        email="ann@example.com",
        password=password,
        is_staff=True,
        is_superuser=True,
    )
    login = {"username": "ann", "password": password}
    opened = day.made("login", Api()("POST", "user/login", login))
    wrong = {**login, "password": planted.mixed("wrong password")}
    day.note("login", Api()("POST", "user/login", wrong))
    refresh = opened["session"]["refresh_token"]
    for _ in range(2):
        day.made("refresh", Api()("POST", "user/refresh", {"refresh_token": refresh}))
    client = Client()
    page = reverse("admin:login")
    for given in (wrong, login):
        day.note("admin login", client.post(page, given))
    if cookie := client.cookies.get("sessionid"):
        planted.keep("session cookie", cookie.value)
    add = reverse("admin:accounts_user_add")
    new = planted.mixed("new password")
    for second in (new, planted.mixed("repeated password")):
        given = {"username": "bob", "password1": new, "password2": second}
        day.note("user form", browser.client.post(add, given))
    change = reverse("admin:auth_user_password_change", args=[person.pk])
    day.note("password form", browser.client.post(change, {"password1": new, "password2": "x"}))


def credentials(planted: Planted, day: Day, api: Api, integration: Any) -> None:
    """What is shown once is shown once."""
    body = {"integrationId": str(integration.pk)}
    path = "integration/generate/credentials"
    day.made("credentials", api("POST", path, body))
    source = {**body, "dataSourceId": str(integration.data_sources.get().pk)}
    day.made("signing", api("POST", "integration/generate/signingSecret", source))
    day.note("listed", api("GET", f"integration/{integration.pk}"))


def second_factor(planted: Planted, day: Day, person: User) -> None:
    """One is turned on and used, and a token is made."""
    password = planted.mixed("password of who has a second factor")
    person.set_password(password)
    person.save()
    body = {"username": person.username, "password": password}
    opened = day.made("login", Api()("POST", "user/login", body))["session"]
    api = Api(opened["access_token"])
    begun = day.made("second factor", api("POST", "user/secondFactor", {"password": password}))
    secret = begun["secondFactor"]["secret"]
    code = pyotp.TOTP(secret).now()
    for otp in ("000000", code):
        day.made("confirm", api("POST", "user/secondFactor/confirm", {"otp": otp}))
    again = {"password": password, "otp": code}
    day.made("recovery codes", api("POST", "user/secondFactor/recoveryCodes", again))
    half = day.made("half a session", Api()("POST", "user/login", body))
    assert half["session"]["passedTwoFactorAuthentication"] is False
    day.made("otp", Api()("POST", "user/login:otp", {**body, "otp": "abcd-abcd-abcd-abcd"}))
    wanted = {"name": "export", "permissions": ["get:transportOrders"], "expiresIn": "P30D"}
    key = {"Idempotency-Key": "one-token-4711"}
    for _ in range(2):
        day.made("personal token", api("POST", "user/token", wanted, headers=key))


def a_fault_of_ours(
    planted: Planted, day: Day, api: Api, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view breaks with the secret in its hands."""
    secret = planted.mixed("in the hands of a view that breaks")

    def breaks(*args: Any, **kwargs: Any) -> Any:
        held = {"secret": secret}
        raise RuntimeError(f"it broke with {len(held)} in its hands")

    with monkeypatch.context() as broken:
        broken.setattr("otms.orders.views.TransportOrderViewSet.create", breaks)
        broken.setattr("integrations.definition.shown", breaks)
        browser.client.raise_request_exception = False
        body = {"name": "x", "password": secret}
        day.note("a fault", api("POST", "transportOrder", body))
        day.note("a fault", api("GET", "integrations/0/10"))
    with monkeypatch.context() as broken:
        broken.setattr(RequestIdMiddleware, "__call__", breaks)
        for where in ("/api/transportOrders/0/1", reverse("admin:login")):
            client = Client(raise_request_exception=False)
            day.note("a fault before the view", client.get(where))


def some(rows: Any) -> list[Any]:
    """Twenty of them, from everywhere: pages show what the tables hold, and those are read."""
    found = list(rows)
    return found[:: max(1, len(found) // 20)]


def everything_that_is_read(day: Day, api: Api, browser: Browser, own: Any) -> None:
    """Every list and record over the API, every page of the admin."""
    for path, methods in SCHEMA["paths"].items():
        if "get" in methods and "{id}" not in path and "{app}" not in path:
            where = path.removeprefix("/api/").replace("{offset}/{amount}", "0/200")
            day.note(path, api("GET", where))
    for integration in some(api("GET", "integrations/0/200").json()["integrations"]):
        for part in ("objects", "logs", "requestLogs"):
            day.note(part, api("GET", f"integration/{integration['id']}/{part}/0/200"))
        for name in ("integrations_integration_change", "integrations_integration_history"):
            page = reverse(f"admin:{name}", args=[integration["id"]])
            day.note(name, browser.client.get(page, follow=True))
    for row in some(IntegrationObject.objects.of(own.platform)):
        day.note("object", api("GET", f"integration/object/{row.uuid}"))
        page = reverse("admin:integrations_integrationobject_change", args=[row.pk])
        day.note("object page", browser.client.get(page, follow=True))
    for row in some(RequestLog.objects.of(own.platform)):
        page = reverse("admin:integrations_requestlog_change", args=[row.pk])
        day.note("request page", browser.client.get(page, follow=True))
    for address in every_page(own, RECORDS):
        day.note(address, browser.client.get(address, follow=True))


@pytest.mark.long
def test_a_secret_is_found_nowhere_in_clear(
    planted: Planted,
    day: Day,
    lines: Lines,
    sink: Sink,
    run_queue: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    figure: Callable[[str], None],
    settings: LazySettings,
) -> None:
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
    settings.EMAIL_HOST_USER = "otms"
    settings.EMAIL_HOST_PASSWORD = planted.text("the mail server's password")
    own = furnish(make.PlatformFactory(), "own")
    browser = Browser(own.user)
    api = Api(make.token(own.user))
    api.platform = own.platform  # type: ignore[attr-defined]

    def order() -> None:
        make.OrderFactory(platform=own.platform)
        run_queue()

    everything_that_delivers(planted, day, sink, api, order)
    every_app(planted, day, sink, api)
    order()
    assert every_call_that_takes_a_secret(planted, day, api) >= 2
    every_header_and_query(planted, day, browser)
    people(planted, day, browser, api)
    credentials(planted, day, api, own.integration)
    second_factor(planted, day, make.UserFactory(platform=own.platform, username="otto"))
    a_fault_of_ours(planted, day, api, browser, monkeypatch)
    everything_that_is_read(day, api, browser, own)
    # It was a day on which things happened: else nothing that is not found would mean a thing.
    delivered = RequestLog.objects.of(own.platform)
    assert {200, 302, 401, 404, 500} <= set(delivered.values_list("response_status", flat=True))
    assert {200, 400, 401, 404, 500} <= day.calls.keys()
    assert len(planted.places) > 40
    assert len(lines.texts) > 100
    assert any("***" in row.response_body for row in delivered)

    streams = capfd.readouterr()
    texts = [
        *day.seen,
        *(("a log line", text) for text in lines.texts),
        *((f"the table {table}", text) for table, text in dump_of_the_database().items()),
        ("dumpdata", dump_of_the_records()),
        ("standard output", streams.out),
        ("standard error", streams.err),
    ]
    found = [
        f"{where}: {sorted(places)[:3]}: {planted.around(text)!r}"
        for where, text in texts
        if (places := planted.found_in(text))
    ]
    assert not found, "\n".join(found[:20])
    figure(
        f"{len(planted.places)} secrets planted, {day.calls.total()} calls "
        f"({dict(sorted(day.calls.items()))}), {delivered.count()} exchanges, "
        f"{len(lines.texts)} log lines, {len(texts)} texts looked through: 0 found"
    )


def test_what_is_planted_would_be_found(planted: Planted) -> None:
    secret = planted.mixed("here")
    for spelled in (
        secret,
        quote(secret),
        json.dumps(secret),
        secret[::-1],
        base64.b64encode(f"user:{secret}".encode()).decode(),
        base64.b64encode(secret.encode()).decode(),
        secret[: len(secret) // 2 + 6],
        secret[len(secret) // 2 - 6 :],
        planted.keep("shown", "a.b.0123456789"),
    ):
        assert planted.found_in(f"so it is {spelled}.")
    assert planted.found_in("***") == set()
