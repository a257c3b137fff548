"""Both engines behind one fixture, a receiver on loopback, and no way out of this machine."""

import asyncio
import datetime
import ipaddress
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from integrations import http
from tests.sink import Sink

DEADLINE = 0.5
LATE = 5.0  # a busy machine is late; what the receivers do here takes longer still


def post(url: str, body: bytes = b'{"id": 1}', **headers: str) -> http.Request:
    return http.Request(
        "POST", url, {name.replace("_", "-"): v for name, v in headers.items()}, body
    )


def facts(exchange: http.Exchange) -> tuple[Any, ...]:
    return exchange.status, exchange.error_kind, exchange.sent


class Door(Protocol):
    def __call__(self, request: http.Request, /, *, timeout: float = ...) -> http.Exchange: ...


@pytest.fixture(params=["call", "window", "window on uvloop"])
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    """The door out, through each engine."""
    if request.param == "call":

        def single(outgoing: http.Request, *, timeout: float = 5) -> http.Exchange:
            return http.call(outgoing, timeout=timeout)

        yield single
        return

    factory = uvloop.new_event_loop if "uvloop" in request.param else None
    with asyncio.Runner(loop_factory=factory) as runner:

        async def opened() -> http.Window:
            return http.Window(limit=10)

        window = runner.run(opened())

        def sent(outgoing: http.Request, *, timeout: float = 5) -> http.Exchange:
            return runner.run(window.send(outgoing, timeout=timeout))

        yield sent
        runner.run(window.close())


@pytest.fixture(autouse=True)
def loopback_is_allowed(settings: Any) -> None:
    """The receiver listens on loopback; tests of the guard take this back."""
    settings.OTMS_EGRESS_ALLOW = ["127.0.0.0/8"]


@pytest.fixture(autouse=True)
def nothing_leaves_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every engine connects through this method: a packet to elsewhere fails the test."""
    connect = socket.socket.connect

    def loopback_only(sock: socket.socket, address: Any) -> None:
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            ip = ipaddress.ip_address(address[0])
            assert ip.is_loopback, f"connected to {ip}"
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", loopback_only)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """The DNS of the test: a name's addresses, in the order they are answered."""
    known: dict[str, list[str]] = {}
    getaddrinfo = socket.getaddrinfo

    def resolve(
        host: Any,
        port: Any,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        if host not in known:
            # Only literal addresses: the test machine's own DNS is none of our business.
            return getaddrinfo(host, port, family, type, proto, flags | socket.AI_NUMERICHOST)
        return [
            info
            for address in known[host]
            for info in getaddrinfo(address, port, type=socket.SOCK_STREAM)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket on loopback that would notice anyone who comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture
def nobody_came(listener: socket.socket) -> Callable[[], None]:
    """A check that nothing has connected to the listener."""

    def check() -> None:
        with pytest.raises(BlockingIOError):
            listener.accept()

    return check


@pytest.fixture(scope="session")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 that only itself vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sink")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "sink.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.fixture(scope="session")
def tls_sink(self_signed: Path) -> Iterator[Sink]:
    """The other system over TLS."""
    sink = Sink(cert=self_signed)
    yield sink
    sink.stop()
