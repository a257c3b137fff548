"""Through the operator's proxy: to the address that was checked, and to no other."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from integrations.http import Exchange, Request, Tls, trust
from otms import env
from tests.http.conftest import Door
from tests.http.test_tls import AUTHORITY, issued
from tests.sink import Sink
from tests.sink.proxy import ProxyServer


@pytest.fixture(autouse=True)
def targets_are_allowed_by_name(loopback_is_allowed: None, settings: Any) -> None:
    """The address of the proxy is not: it is the operator's word."""
    settings.OTMS_EGRESS_ALLOW = ["partner.example"]
    settings.OTMS_EGRESS_DIRECT = []


@pytest.fixture
def partner(names: dict[str, list[str]]) -> None:
    names["partner.example"] = ["127.0.0.1"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the proxy, and of the target called partner.example."""
    made = issued("sink", AUTHORITY)
    path = tmp_path_factory.mktemp("proxy") / "server.pem"
    path.write_text(made.key + made.certificate)
    return path


@pytest.fixture
def proxy(settings: Any) -> Iterator[ProxyServer]:
    with ProxyServer() as server:
        settings.OTMS_EGRESS_PROXY = env.proxy(f"http://127.0.0.1:{server.port}")
        yield server


@pytest.fixture
def tls_proxy(
    settings: Any, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ProxyServer]:
    known = tmp_path / "ca.pem"
    known.write_text(AUTHORITY.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(known))
    trust._common.cache_clear()
    with ProxyServer(certificate) as server:
        settings.OTMS_EGRESS_PROXY = env.proxy(f"https://me:s%40crt@127.0.0.1:{server.port}")
        yield server
    trust._common.cache_clear()


def post(port: int, path: str = "/ok", host: str = "partner.example", **more: Any) -> Request:
    scheme = "https" if "tls" in more else "http"
    return Request("POST", f"{scheme}://{host}:{port}{path}", {}, b"{}", **more)


def facts(exchange: Exchange) -> tuple[Any, ...]:
    return exchange.status, exchange.error_kind, exchange.sent


def test_a_plain_target_is_reached_through_a_tunnel_to_its_address(
    door: Door, sink: Sink, proxy: ProxyServer, partner: None
) -> None:
    assert facts(door(post(sink.port))) == (200, "", True)
    assert proxy.asked == [f"127.0.0.1:{sink.port}"]
    (received,) = sink.requests
    assert received.path == "/ok"
    assert received.headers["host"] == f"partner.example:{sink.port}"
    assert "proxy-authorization" not in received.headers


def test_the_name_of_the_target_is_what_its_certificate_must_be_for(
    door: Door, certificate: Path, proxy: ProxyServer, names: dict[str, list[str]], settings: Any
) -> None:
    settings.OTMS_EGRESS_ALLOW = ["partner.example", "127.0.0.1"]
    names["partner.example"] = ["127.0.0.1"]
    target = Sink(cert=certificate)
    try:
        tls = Tls(ca=AUTHORITY.certificate)
        assert facts(door(post(target.port, host="127.0.0.1", tls=tls))) == (200, "", True)
        exchange = door(post(target.port, tls=tls))
        assert facts(exchange) == (None, "tls", False)
        assert "partner.example" in exchange.error
        assert set(proxy.asked) == {f"127.0.0.1:{target.port}"}
        assert len(proxy.heads) == 2
        assert facts(door(post(target.port, host="127.0.0.1", tls=Tls()))) == (None, "tls", False)
    finally:
        target.stop()


def test_a_proxy_may_speak_tls_itself(
    door: Door, certificate: Path, sink: Sink, tls_proxy: ProxyServer, partner: None, settings: Any
) -> None:
    """TLS to the target is then inside TLS to the proxy."""
    assert facts(door(post(sink.port))) == (200, "", True)
    assert "Proxy-Authorization: Basic bWU6c0BjcnQ=" in tls_proxy.heads[0]
    settings.OTMS_EGRESS_ALLOW = ["127.0.0.1"]
    target = Sink(cert=certificate)
    try:
        for path, truncated in (("/ok", False), ("/big/100000", True)):
            exchange = door(post(target.port, path, host="127.0.0.1", tls=Tls()))
            assert (*facts(exchange), exchange.truncated) == (200, "", True, truncated)
        exchange = door(post(target.port, "/hang", host="127.0.0.1", tls=Tls()), timeout=1)
        assert exchange.error_kind == "timeout"
    finally:
        target.stop()


@pytest.mark.parametrize("host", ["10.0.0.5", "169.254.169.254", "[::1]", "inside.example"])
def test_what_may_not_be_dialled_is_not_asked_of_the_proxy(
    door: Door, proxy: ProxyServer, names: dict[str, list[str]], host: str
) -> None:
    names["inside.example"] = ["10.0.0.5", "127.0.0.1"]
    exchange = door(post(80, host=host))
    assert facts(exchange) == (None, "egress", False)
    assert proxy.heads == []
    assert facts(door(post(6379, host="8.8.8.8"))) == (None, "egress", False)
    assert proxy.heads == []


def test_of_mixed_addresses_the_proxy_is_asked_for_a_permitted_one(
    door: Door, sink: Sink, proxy: ProxyServer, names: dict[str, list[str]], settings: Any
) -> None:
    settings.OTMS_EGRESS_ALLOW = ["127.0.0.1"]
    names["mixed.example"] = ["10.0.0.5", "fd00::5", "127.0.0.1"]
    assert door(post(sink.port, host="mixed.example")).status == 200
    assert proxy.asked == [f"127.0.0.1:{sink.port}"]


def test_what_is_named_as_direct_goes_past_the_proxy(
    door: Door, sink: Sink, proxy: ProxyServer, partner: None, settings: Any
) -> None:
    for direct in (["partner.example"], ["127.0.0.0/8"]):
        settings.OTMS_EGRESS_DIRECT = direct
        assert door(post(sink.port)).status == 200
    assert proxy.heads == []
    exchange = door(post(sink.port, host="127.0.0.1"))  # direct says nothing about allowed
    assert exchange.error_kind == "egress"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "does not connect us: 403 Forbidden."),
        (b"HTTP/1.1 407 Who are you\r\nX: y\r\n\r\n", "does not connect us: 407 Who are you."),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "no answer that is HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "more than it was asked"),
    ],
)
def test_a_proxy_that_does_not_connect_us_is_told(
    door: Door, proxy: ProxyServer, partner: None, answer: bytes, words: str
) -> None:
    proxy.answer = answer
    exchange = door(post(80))
    assert facts(exchange) == (None, "connect", False)
    assert words in exchange.error
    assert "OTMS_EGRESS_PROXY" in exchange.error


def test_a_proxy_that_is_not_there_is_told(door: Door, partner: None, settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    settings.OTMS_EGRESS_PROXY = env.proxy(f"http://me:secret@127.0.0.1:{port}")
    exchange = door(post(80))
    assert facts(exchange) == (None, "connect", False)
    assert (
        f"egress proxy at 127.0.0.1:{port} (OTMS_EGRESS_PROXY) can't be reached" in exchange.error
    )
    assert "secret" not in exchange.error


def test_a_proxy_that_never_answers_is_given_up_at_the_deadline(
    door: Door, partner: None, settings: Any, listener: socket.socket
) -> None:
    port = listener.getsockname()[1]
    for scheme in ("http", "https"):
        settings.OTMS_EGRESS_PROXY = env.proxy(f"{scheme}://127.0.0.1:{port}")
        exchange = door(post(80), timeout=0.5)
        assert facts(exchange) == (None, "timeout", False)
        assert exchange.duration_ms < 5000


def test_the_environment_names_no_proxy(
    door: Door,
    sink: Sink,
    partner: None,
    settings: Any,
    listener: socket.socket,
    nobody_came: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.OTMS_EGRESS_PROXY = None
    for name in (
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.getsockname()[1]}")
    assert door(post(sink.port)).status == 200
    assert door(post(sink.port, tls=Tls()), timeout=1).error_kind in ("tls", "timeout")
    nobody_came()


def test_the_proxy_is_one_url_and_shows_no_password() -> None:
    found = env.proxy("http://me:s%40crt@[fd00::1]:3128/")
    assert found == ("fd00::1", 3128, False, "Basic bWU6c0BjcnQ=")
    assert repr(found) == "Proxy(http://fd00::1:3128)"
    assert env.proxy("https://proxy.example") == ("proxy.example", 443, True, "")
    assert env.proxy("") is None


@pytest.mark.parametrize(
    "url", ["proxy:3128", "socks5://proxy", "http://", "http://proxy:x", "http://proxy/path"]
)
def test_another_proxy_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="OTMS_EGRESS_PROXY can't be read; write http"):
        env.proxy(url)
