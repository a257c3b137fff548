"""A secret is typed at every place that there is for one, and found nowhere in clear afterwards.

The places are found, not listed: the write-only fields of every connector, the secret settings of
every app, the write-only fields of every call. A new one is in this test by itself.
"""

import base64
import json
import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from integrations import connectors, store
from integrations.models import IntegrationObject, RequestLog
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
SAID_AGAIN = (200, 302, 400, 401, 404, 410, 429, 500, 503)
SHOWN_ONCE = ("token", "apiSecret", "access_token", "refresh_token", "secret")


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
        """An answer that shows something this once: that is kept in mind, and blanked in it."""
        for name, value in _leaves(answer.json()):
            if name in SHOWN_ONCE and isinstance(value, str) and value != "***":
                self.planted.keep(f"{where} {name}", value)
                answer.content = answer.content.replace(value.encode(), b"(shown)")
        return self.note(where, answer)


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


def ways(url: str) -> dict[str, list[dict[str, Any]]]:
    """For each connector, settings that between them have a use for every secret of it."""
    parts = urlsplit(url)
    database = {"host": parts.hostname, "port": parts.port}
    return {
        "webhook": [{"url": url}],
        "slack": [{}],
        "postgresql": [{**database, "database": "d", "user": "u", "table": "t"}],
        "email": [{}],
    }


def typed_in(settings: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The settings with these secrets in their places: `auth.token` stands in `auth`."""
    made = json.loads(json.dumps(settings))
    for name, value in values.items():
        *parts, last = name.split(".")
        at = made
        for part in parts:
            at = at.setdefault(part, {})
        at[last] = value
    return made


def secret_for(planted: Planted, place: str, name: str, url: str) -> str:
    if name.endswith("rl"):  # a URL that is a secret: who knows it may call it
        return f"{url}?key={planted.text(place)}"
    return planted.mixed(place)


def test_every_connector_has_its_place_here() -> None:
    missing = set(connectors.known()) - ways("http://127.0.0.1:1/").keys()
    assert missing == set(), "say in ways() what a data source with it is like"


def everything_that_delivers(
    planted: Planted, day: Day, sink: Sink, api: Api, order: Callable[[], Any]
) -> None:
    """A data source for each connector and answer, with every secret that it has a field for."""
    for status in SAID_AGAIN:
        for key in connectors.known():
            url = sink.url(f"/parrot/{status}/{key}-{status}")
            for number, settings in enumerate(ways(url)[key]):
                values = {
                    name: secret_for(planted, f"{key} {name} {number} {status}", name, url)
                    for name in connectors.load(key).secret_names()
                }
                sink.teach(f"{key}-{status}", *values.values())
                source = {
                    "connector": key,
                    "settings": typed_in(settings, values),
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
                wrong = typed_in(
                    {**settings, "moon": 1}, dict.fromkeys(values, planted.text("wrong"))
                )
                bad = {"id": id, "dataSources": [{"connector": key, "settings": wrong}]}
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
                    settings[name] = secret_for(planted, place, name, url)
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
                    body = typed_in({"username": "ann"}, {name: sent})
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
    if opened.status_code == 200:
        refresh = opened.json()["session"]["refresh_token"]
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
    day.note("listed", api("GET", f"integration/{integration.pk}"))


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


def everything_that_is_read(day: Day, api: Api, browser: Browser, own: Any) -> None:
    """Every list and record over the API, every page of the admin."""
    for path, methods in SCHEMA["paths"].items():
        if "get" in methods and "{id}" not in path and "{app}" not in path:
            where = path.removeprefix("/api/").replace("{offset}/{amount}", "0/200")
            day.note(path, api("GET", where))
    for integration in api("GET", "integrations/0/200").json()["integrations"]:
        for part in ("objects", "logs", "requestLogs"):
            day.note(part, api("GET", f"integration/{integration['id']}/{part}/0/200"))
        for name in ("integrations_integration_change", "integrations_integration_history"):
            page = reverse(f"admin:{name}", args=[integration["id"]])
            day.note(name, browser.client.get(page, follow=True))
    for row in IntegrationObject.objects.of(own.platform):
        day.note("object", api("GET", f"integration/object/{row.uuid}"))
        page = reverse("admin:integrations_integrationobject_change", args=[row.pk])
        day.note("object page", browser.client.get(page, follow=True))
    for row in RequestLog.objects.of(own.platform):
        page = reverse("admin:integrations_requestlog_change", args=[row.pk])
        day.note("request page", browser.client.get(page, follow=True))
    for address in every_page(own, RECORDS):
        day.note(address, browser.client.get(address, follow=True))


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
        (where, sorted(places), planted.around(text))
        for where, text in texts
        if (places := planted.found_in(text))
    ]
    assert found == []
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


ENVIRONMENT: dict[str, str] = {
    "DATABASE_URL": "postgres://otms:{}@127.0.0.1:1/otms",
    "CELERY_BROKER_URL": "redis://:{}@127.0.0.1:1/0",
    "EMAIL_URL": "smtp://otms:{}@127.0.0.1:1",
    "SECRET_KEY": "{}",
    "SECRET_KEY_FALLBACKS": "{}",
}
BROKEN = {
    "DATABASE_URL": ["{}", "postgres://otms:a/{}@127.0.0.1/otms", "mysql://otms:{}@127.0.0.1/otms"],
    "EMAIL_URL": ["{}", "smtp://otms:a/{}@127.0.0.1", "smtp://otms:{}@127.0.0.1?starttls=false"],
    "OTMS_ENCRYPTION_KEYS": ["{}", "{},{}"],
}
CONNECT = "from otms.celery import app; app.connection().ensure_connection(max_retries=1)"


def said_with(*command: str, **environment: str) -> tuple[int, str]:
    """What a process of ours says that is started with this environment."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    keys = {"SECRET_KEY": "k" * 60, "OTMS_ENCRYPTION_KEYS": Fernet.generate_key().decode()}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**inherited, "OTMS_LOG_LEVEL": "DEBUG", **keys, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_what_stands_in_the_environment_is_said_by_no_process(planted: Planted) -> None:
    given = {name: planted.text(name, value) for name, value in ENVIRONMENT.items()}
    given["OTMS_PUBLIC_URL"] = "http://127.0.0.1"
    for command in (
        ("manage.py", "migrate"),
        ("manage.py", "check", "--deploy"),
        ("manage.py", "healthy", "web"),
        ("manage.py", "diffsettings"),
        ("-c", f"import django; django.setup(); {CONNECT}"),
    ):
        _, said = said_with(*command, DJANGO_SETTINGS_MODULE="otms.settings", **given)
        assert said, command
        assert planted.found_in(said) == set(), command


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BROKEN.items() for value in values]
)
def test_a_broken_setting_is_refused_without_being_repeated(
    name: str, value: str, planted: Planted
) -> None:
    place = {"DATABASE_URL": "postgres://otms@127.0.0.1:1/otms"}
    code, said = said_with(
        "-c", "import otms.settings", **{**place, name: planted.text(name, value)}
    )
    assert code != 0
    assert f"ImproperlyConfigured: {name}" in said
    assert planted.found_in(said) == set()
