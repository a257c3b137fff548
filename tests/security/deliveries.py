"""Data sources and apps that deliver, with a secret at every place that there is for one."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from integrations import connectors, store
from tests import make
from tests.conftest import Api
from tests.security.day import Day
from tests.security.planted import Planted
from tests.sink import Sink

# A parrot says everything again: as success, refused in several ways, redirected, and broken.
SAID_AGAIN = (200, 401, 302, 400, 404, 410, 429, 500, 503)
FEW = SAID_AGAIN[:2]
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
