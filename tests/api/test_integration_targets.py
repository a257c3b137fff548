"""The addresses of an integration: which are refused when it is saved, and in which words."""

import socket
from typing import Any

import pytest
from django.db import connection

from integrations import egress
from tests.api.conftest import GUIDE_BODY, webhook
from tests.api.test_integrations import change, create, no_address_is_allowed, refused
from tests.conftest import Api

__all__ = ["no_address_is_allowed"]

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://127.0.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "http://[::1]/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://\uff11\uff10.0.0.1/",
        "http://127.0.0.1%2f@8.8.8.8/",
        "http://user:password@8.8.8.8/",
        "http://8.8.8.8:22/",
        "ftp://8.8.8.8/",
        "file:///etc/passwd",
        "//8.8.8.8/",
        "http://[::1",
        "http://[fe80::1%25eth0]/",
        "http://8.8.8.8:99999/",
        "http:///orders",
        "http://8.8.8.8\\@127.0.0.1/",
        "8.8.8.8",
        "",
    ],
)
def test_an_address_that_may_not_be_dialled_is_refused_on_save(api: Api, url: str) -> None:
    assert list(refused(api, dataSources=[webhook(url)])) == ["dataSources[0].settings.url"]


def test_a_name_that_leads_inside_is_refused_on_save(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(host: str, port: int, **_: Any) -> Any:
        address = {"inside.example": "192.168.1.7"}.get(host, "93.184.216.34")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    found = refused(api, dataSources=[webhook("https://inside.example/")])
    assert found == {"dataSources[0].settings.url": "address_refused"}
    assert create(api, dataSources=[webhook("https://outside.example/")])


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("example.com/orders", "Write the whole URL: https://example.com/orders"),
        ("//8.8.8.8/", "Write the whole URL: https://8.8.8.8/"),
        ("localhost:8000", "Write the whole URL: https://localhost:8000"),
        ("http://user:hush@8.8.8.8/", "Take the user name and the password out"),
        ("user:hush@erp.example/?a=b", 'write them as {"auth": {"type": "basic"'),
    ],
)
def test_a_refused_address_says_what_to_write(api: Api, url: str, words: str) -> None:
    body = {**GUIDE_BODY, "dataSources": [webhook(url)]}
    message = api.refused("POST", "integration", body)["message"]
    assert words in message
    assert "hush" not in message


def test_an_at_sign_behind_the_host_is_no_login(api: Api) -> None:
    assert create(api, dataSources=[webhook("https://8.8.8.8?to=a@b.example")])


def test_a_name_that_leads_nowhere_is_kept_and_told(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def resolve(host: str, port: int, **_: Any) -> Any:
        asked.append(host)
        if host == "nowhere.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    sources = [webhook("https://erp.example/x"), webhook("https://nowhere.example/x")]
    answer = api.ok("POST", "integration", {**GUIDE_BODY, "dataSources": sources})
    (warning,) = answer["warnings"]
    assert (warning["field"], warning["code"]) == ("dataSources[1].settings.url", "unresolved_host")
    assert "nowhere.example" in warning["message"]
    assert answer["integration"]["dataSources"][1]["settings"]["url"] == "https://nowhere.example/x"
    asked.clear()
    change(api, answer["integration"], name="x")
    assert asked == [], "a change of something else waits for no name server"


@pytest.mark.django_db(transaction=True)
def test_host_names_are_resolved_outside_the_transaction(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow resolver must hold no lock: on SQLite it would hold everybody's."""
    seen = []

    def noted(url: str) -> None:
        seen.append(connection.in_atomic_block)

    monkeypatch.setattr(egress, "check_url", noted)
    source = {"settings": {"url": "http://erp.example/"}}
    body = {"name": "x", "type": "configured", "dataSources": [source]}
    made = api.ok("POST", "integration", body)["integration"]
    api.ok("PUT", "integration", {"id": made["id"], "dataSources": [source]})
    assert seen == [False, False]
