"""The one door out: both engines keep the same contract against a real receiver."""

import asyncio
import dataclasses
import socket
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from ssl import SSLContext, create_default_context
from typing import Any

import pytest

from integrations import egress, http
from integrations.http import Exchange, Request, trust
from tests.http.conftest import DEADLINE, LATE, Door, facts, post
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


@pytest.mark.parametrize("code", [204, 400, 401, 410, 429, 500, 503])
def test_a_refusal_is_an_answer(door: Door, sink: Sink, code: int) -> None:
    assert facts(door(post(sink.url(f"/status/{code}")))) == (code, "", True)


def test_the_receiver_says_when_to_come_back(door: Door, sink: Sink) -> None:
    assert door(post(sink.url("/retry/429/7"))).headers["retry-after"] == "7"


@pytest.mark.parametrize(
    "path", ["/hang", "/slow/20000", "/slowhead/400", "/drip/1000", "/drip/1000/eof"]
)
def test_the_deadline_covers_the_whole_answer(door: Door, sink: Sink, path: str) -> None:
    started = time.monotonic()
    exchange = door(post(sink.url(path)), timeout=DEADLINE)
    assert DEADLINE - 0.05 < time.monotonic() - started < DEADLINE + LATE
    assert exchange.error_kind == "timeout"
    assert exchange.error == "No complete answer within 0.5 s."
    assert exchange.sent
    assert exchange.status == (200 if path.startswith("/drip") else None)


def test_a_slow_answer_in_time_is_fine(door: Door, sink: Sink) -> None:
    assert facts(door(post(sink.url("/drip/5")))) == (200, "", True)
    exchange = door(post(sink.url("/drip/5/eof")))
    assert (exchange.body, exchange.error) == (b"x" * 20, "")


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/close", None, "lost"),
        ("/reset", None, "lost"),
        ("/truncate", 200, "lost"),
        ("/garbage", None, "protocol"),
        ("/badgzip", 200, "protocol"),
    ],
)
def test_a_broken_answer_is_told_apart(
    door: Door, sink: Sink, path: str, status: int | None, kind: str
) -> None:
    exchange = door(post(sink.url(path)))
    assert facts(exchange) == (status, kind, True)
    assert exchange.error.endswith(".")
    assert sink.stats()["attempts"] == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
def test_nothing_is_sent_twice_in_one_call(door: Door, sink: Sink, method: str) -> None:
    for _ in range(2):
        door(Request(method, sink.url("/stale")))
    assert sink.stats()["attempts"] == 2


def test_a_connection_closed_while_idle_is_an_honest_error(sink: Sink) -> None:
    async def two() -> list[Exchange]:
        window = http.Window(limit=1)
        request = post(sink.url("/stale"))
        answers = [await window.send(request, timeout=5) for _ in range(2)]
        await window.close()
        return answers

    first, second = asyncio.run(two())
    assert facts(first) == (200, "", True)
    assert facts(second) == (None, "lost", True)


def test_a_large_answer_ends_at_the_cap(door: Door, sink: Sink) -> None:
    tracemalloc.start()
    exchange = door(post(sink.url("/big/10000000")))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert facts(exchange) == (200, "", True)
    assert (len(exchange.body), exchange.truncated) == (http.BODY_CAP, True)
    assert peak < 2_000_000
    assert door(post(sink.url())).status == 200


def test_an_answer_as_large_as_the_cap_is_whole(door: Door, sink: Sink) -> None:
    for size, truncated in ((http.BODY_CAP, False), (http.BODY_CAP + 1, True)):
        exchange = door(post(sink.url(f"/big/{size}")))
        assert (len(exchange.body), exchange.truncated) == (http.BODY_CAP, truncated)


def test_a_compressed_answer_is_read(door: Door, sink: Sink) -> None:
    assert door(post(sink.url("/gzip/hello"))).body == b"hello"
    assert door(post(sink.url("/chunked/3"))).body == b"chunkchunkchunk"


def test_a_bomb_fills_the_cap_and_no_more(door: Door, sink: Sink) -> None:
    door(post(sink.url("/gzipbomb/200")))
    tracemalloc.start()
    exchange = door(post(sink.url("/gzipbomb/200")))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert facts(exchange) == (200, "", True)
    assert (exchange.body, exchange.truncated) == (bytes(http.BODY_CAP), True)
    assert peak < 2_000_000


@pytest.mark.parametrize("path", ["/redirect/301/ok", "/redirect/307/ok", "/loop"])
def test_a_redirect_is_not_followed(door: Door, sink: Sink, path: str) -> None:
    exchange = door(post(sink.url(path)))
    assert exchange.status in (301, 302, 307)
    assert exchange.headers["location"]
    assert sink.stats()["attempts"] == 1


def test_odd_headers_of_an_answer_can_be_stored(door: Door, sink: Sink) -> None:
    headers = door(post(sink.url("/oddheaders"))).headers
    assert headers["x-latin"] == "café"
    assert headers["x-twice"] == "one, two"
    assert headers["x-bell"] == "a\\x07b"


def test_cookies_are_not_kept(door: Door, sink: Sink) -> None:
    door(post(sink.url("/oddheaders")))
    door(post(sink.url()))
    assert "cookie" not in sink.requests[1].headers


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


def test_nobody_listening_is_an_error_to_retry(door: Door) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    exchange = door(post(f"http://127.0.0.1:{port}/"))
    assert facts(exchange) == (None, "connect", False)
    assert exchange.error == "Could not connect to 127.0.0.1: Connection refused."


def test_a_name_nobody_knows_is_told(door: Door, names: dict[str, list[str]]) -> None:
    exchange = door(post("http://nowhere.example/"))
    assert facts(exchange) == (None, "dns", False)
    assert exchange.error.startswith("The name nowhere.example could not be resolved: ")


def test_a_slow_resolver_counts_against_the_deadline(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(8))
    exchange = door(post("http://slow.example/"), timeout=0.2)
    assert facts(exchange) == (None, "timeout", False)
    assert exchange.duration_ms < LATE * 1000


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1", "127.0.0.1.", "localhost"],
)
def test_an_inside_address_is_never_dialled(
    door: Door,
    host: str,
    listener: socket.socket,
    nobody_came: Callable[[], None],
    settings: Any,
) -> None:
    settings.OTMS_EGRESS_ALLOW = []
    exchange = door(post(f"http://{host}:{listener.getsockname()[1]}/"))
    assert facts(exchange) == (None, "egress", False)
    assert "is a loopback address" in exchange.error
    nobody_came()


@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.5", "[fd00:ec2::254]", "[::]"])
def test_no_packet_leaves_for_a_forbidden_network(door: Door, host: str) -> None:
    exchange = door(post(f"http://{host}/latest/meta-data/"))
    assert facts(exchange) == (None, "egress", False)
    assert "OTMS_EGRESS_ALLOW" in exchange.error


def test_a_port_of_another_service_is_never_dialled(door: Door, settings: Any) -> None:
    exchange = door(post("http://8.8.8.8:6379/"))
    assert facts(exchange) == (None, "egress", False)
    assert "port 6379 belongs to Redis" in exchange.error


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.5"],
        ["10.0.0.5", "10.0.0.6"],
        ["10.0.0.5", "fd00::5"],
        ["10.0.0.5", "fd00::5", "192.168.0.1", "::1"],
    ],
)
def test_a_name_with_nothing_but_inside_addresses_is_refused(
    door: Door, names: dict[str, list[str]], addresses: list[str]
) -> None:
    names["partner.example"] = addresses
    exchange = door(post("http://partner.example/"))
    assert facts(exchange) == (None, "egress", False)
    assert "OTMS_EGRESS_ALLOW" in exchange.error


def test_a_permitted_address_beside_a_forbidden_one_is_used(
    door: Door, sink: Sink, names: dict[str, list[str]]
) -> None:
    names["partner.example"] = ["10.0.0.5", "fd00::5", "127.0.0.1"]
    assert door(post(f"http://partner.example:{sink.port}/ok")).status == 200


def test_a_permitted_address_that_does_not_answer_is_no_refusal(
    door: Door, names: dict[str, list[str]]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    names["partner.example"] = ["127.0.0.1", "10.0.0.5"]
    assert facts(door(post(f"http://partner.example:{port}/"))) == (None, "connect", False)


def test_a_name_that_moves_inside_after_saving_is_not_dialled(
    door: Door,
    listener: socket.socket,
    nobody_came: Callable[[], None],
    names: dict[str, list[str]],
    settings: Any,
) -> None:
    settings.OTMS_EGRESS_ALLOW = []
    url = f"http://rebound.example:{listener.getsockname()[1]}/"
    names["rebound.example"] = ["8.8.8.8"]
    egress.check_url(url)
    names["rebound.example"] = ["127.0.0.1"]
    assert facts(door(post(url))) == (None, "egress", False)
    nobody_came()


def test_an_allowed_name_reaches_the_inside(
    door: Door, sink: Sink, names: dict[str, list[str]], settings: Any
) -> None:
    settings.OTMS_EGRESS_ALLOW = ["erp.internal"]
    names["erp.internal"] = names["other.internal"] = ["127.0.0.1"]
    assert door(post(f"http://erp.internal:{sink.port}/ok")).status == 200
    assert door(post(f"http://other.internal:{sink.port}/ok")).error_kind == "egress"


def test_a_certificate_nobody_vouches_for_is_refused(door: Door, tls_sink: Sink) -> None:
    tls_sink.reset()
    exchange = door(post(tls_sink.url()))
    assert facts(exchange) == (None, "tls", False)
    text = "No trusted TLS connection to 127.0.0.1: self-signed certificate. If "
    assert exchange.error.startswith(text)
    assert tls_sink.stats()["attempts"] == 0


@pytest.fixture
def trusting(self_signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def context(tls: trust.Tls | None = None) -> SSLContext:
        return create_default_context(cafile=str(self_signed))

    monkeypatch.setattr(trust, "tls_context", context)


def test_a_trusted_certificate_is_enough(trusting: None, door: Door, tls_sink: Sink) -> None:
    assert facts(door(post(tls_sink.url()))) == (200, "", True)


@pytest.mark.parametrize("path", ["/drip/1000", "/drip/1000/eof", "/slowhead/400"])
def test_the_deadline_holds_inside_tls(
    trusting: None, door: Door, tls_sink: Sink, path: str
) -> None:
    exchange = door(post(tls_sink.url(path)), timeout=DEADLINE)
    assert exchange.error_kind == "timeout"
    assert exchange.duration_ms < LATE * 1000


def test_the_deadline_covers_a_handshake_that_never_ends(
    door: Door, listener: socket.socket
) -> None:
    exchange = door(post(f"https://127.0.0.1:{listener.getsockname()[1]}/"), timeout=0.3)
    assert facts(exchange) == (None, "timeout", False)
    assert exchange.duration_ms < LATE * 1000


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
