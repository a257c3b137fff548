"""The one door out: what both engines send to a real receiver."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from integrations import http
from integrations.http import Exchange, Request
from tests.http.conftest import Door, facts, post
from tests.sink import Sink


def test_what_was_signed_is_what_arrives(door: Door, sink: Sink) -> None:
    body = '{"name": "Zoë", "n": 1.10}'.encode()
    exchange = door(post(sink.url(), body, webhook_id="1", Content_Type="application/json"))
    assert facts(exchange) == (200, "", True)
    assert (exchange.body, exchange.error, exchange.truncated) == (b'{"ok":true}', "", False)
    assert exchange.headers["content-type"] == "application/json"
    assert 0 < exchange.duration_ms < 2000
    (received,) = sink.requests
    assert received.body == body
    received.headers.pop("host")
    assert received.headers.pop("user-agent").startswith("otms/")
    assert received.headers == {
        "accept-encoding": "identity",
        "content-length": str(len(body)),
        "content-type": "application/json",
        "webhook-id": "1",
    }


def test_the_caller_may_name_itself(door: Door, sink: Sink) -> None:
    door(post(sink.url(), User_Agent="acme/2"))
    assert sink.requests[0].headers["user-agent"] == "acme/2"


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("/ok", "/ok?q=a%2Bb%20c%26d"),
        ("/ok?", "/ok?q=a%2Bb%20c%26d"),
        ("/ok?x=1&", "/ok?x=1&q=a%2Bb%20c%26d"),
        ("/ok?x=1#part", "/ok?x=1&q=a%2Bb%20c%26d"),
    ],
)
def test_what_is_asked_is_in_the_query_and_is_no_secret(
    door: Door, sink: Sink, url: str, called: str
) -> None:
    exchange = door(Request("GET", sink.url(url), query="q=a%2Bb%20c%26d"))
    assert facts(exchange) == (200, "", True)
    (received,) = sink.requests
    assert (received.method, received.path, received.body) == ("GET", called, b"")
    assert "content-length" not in received.headers
    sink.reset()
    asked = Request("GET", sink.url("/parrot/200/x?key=key-of-ours-1"), query="q=SO-12345678")
    said = door(asked).body
    assert b"q=SO-12345678" in said
    assert b"key-of-ours-1" not in said
    assert "SO-12345678" not in repr(asked) + asked.where


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD"])
def test_every_method_goes_out(door: Door, sink: Sink, method: str) -> None:
    assert facts(door(Request(method, sink.url()))) == (200, "", True)
    assert sink.requests[0].method == method


def test_an_empty_post_says_so(door: Door, sink: Sink) -> None:
    assert door(post(sink.url(), b"")).status == 200
    assert sink.requests[0].headers["content-length"] == "0"


def test_a_large_document_arrives_whole(door: Door, sink: Sink) -> None:
    body = b"0123456789" * 300_000
    assert door(post(sink.url(), body)).status == 200
    assert sink.requests[0].body == body


def test_path_and_query_are_spelled_once_for_both_engines(door: Door, sink: Sink) -> None:
    door(post(sink.url("/ok/größe/a%2Fb?q=a b&r=%C3%BC#top")))
    assert sink.requests[0].path == "/ok/gr%C3%B6%C3%9Fe/a%2Fb?q=a+b&r=%C3%BC"


def test_the_environment_has_no_say(
    door: Door, sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    assert door(post(sink.url())).status == 200
    assert "authorization" not in sink.requests[0].headers


@pytest.mark.parametrize(
    "broken",
    [
        {"headers": {"X-Note": "a\r\nX-Admin: yes"}},
        {"headers": {"X-Note": "a\nb"}},
        {"headers": {"X-Note": "a\x00b"}},
        {"headers": {"X-Note": "Łódź"}},
        {"headers": {"X Note": "a"}},
        {"headers": {"X-Note\r\nX-Admin": "a"}},
        {"headers": {"": "a"}},
        {"headers": {"Content-Length": "5"}},
        {"headers": {"transfer-encoding": "chunked"}},
        {"headers": {"Host": "inside"}},
        {"method": "GET / HTTP/1.1\r\nX: y"},
        {"method": ""},
        {"url": "ftp://127.0.0.1/"},
        {"url": "http://user:secret@127.0.0.1/"},
        {"url": "/relative"},
        {"url": "http://127.0.0.1:x/"},
        {"url": ""},
    ],
)
def test_what_cannot_be_framed_is_not_sent(door: Door, sink: Sink, broken: dict[str, Any]) -> None:
    exchange = door(dataclasses.replace(post(sink.url()), **broken))
    assert facts(exchange) == (None, "protocol", False)
    assert exchange.error
    assert "secret" not in exchange.error
    assert sink.stats()["attempts"] == 0


def test_a_log_shows_no_secrets() -> None:
    request = Request(
        "POST",
        "https://me:pw@partner.example:8443/hook?token=s3cret&flag#frag",
        {"Authorization": "Bearer s3cret", "X-Api-Key": "s3cret", "webhook-id": "42"},
        b"s3cret",
    )
    shown = repr(request) + repr(Exchange(request, 200, {"set-cookie": "s3cret"}, b"s3cret"))
    for secret in ("s3cret", "me:pw", "flag", "frag"):
        assert secret not in shown
    assert http.redact_url(request.url) == "https://partner.example:8443/hook?token=***&***"
    assert http.redact_url("http://[::1") == "***"
    assert http.redact_headers(
        {
            "Authorization": "s3cret",
            "X-OTMS-Attempt": "2",
            "Retry-After": "5",
            "Location": "https://me:s3cret@partner.example/login?session=s3cret#s3cret",
        }
    ) == {
        "Authorization": "***",
        "X-OTMS-Attempt": "2",
        "Retry-After": "5",
        "Location": "https://partner.example/login",
    }
