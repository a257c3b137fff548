"""Through the operator's proxy (OTMS_EGRESS_PROXY), to an address that the guard has seen.

The proxy is told the address and not the name: it would look the name up again, and might find
another. TLS to the target begins inside the tunnel, with the target's name, so the proxy reads
nothing and is not trusted with anything. Plain HTTP goes through a tunnel as well.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from integrations import egress
from integrations.http import trust
from otms import __version__
from otms.env import Proxy

LONGEST_HEAD = 16 * 1024
ENOUGH = 200


class ProxyFailed(OSError):
    """The proxy can't be reached, or will not connect us; the message is a whole sentence."""


def dialled(proxy: Proxy, timeout: float, ring: Callable[[socket.socket], None]) -> socket.socket:
    """A connection to the proxy, over TLS if that is how it is spoken to."""
    deadline = time.monotonic() + timeout
    with _told(proxy):
        failure: OSError | None = None
        for info in egress.lookup(proxy.host, proxy.port, timeout=timeout):
            left = max(deadline - time.monotonic(), 0.001)  # zero would not wait at all
            try:
                sock = socket.create_connection(info[4][:2], timeout=left)
            except OSError as error:
                failure = error
                continue
            ring(sock)
            if not proxy.tls:
                return sock
            return trust.tls_context().wrap_socket(sock, server_hostname=proxy.host)
        raise failure or OSError("it has no address")


def opened(sock: socket.socket, proxy: Proxy, address: str, port: int) -> None:
    """Have the proxy connect this socket with an address."""
    sock.sendall(_question(proxy, address, port))
    head = b""
    while b"\r\n\r\n" not in head and len(head) < LONGEST_HEAD:
        if not (data := sock.recv(4096)):
            break
        head += data
    _check(head)


class Tunnel(asyncio.Protocol):
    """The same on an event loop: asks the proxy, and gives way to the protocol of the target."""

    def __init__(self, question: bytes) -> None:
        self._question = question
        self._head = b""
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        transport.write(self._question)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if b"\r\n\r\n" in self._head or len(self._head) >= LONGEST_HEAD:
            self._end()

    def connection_lost(self, error: Exception | None) -> None:
        self._end()

    def _end(self) -> None:
        if not self.answer.done():
            self.answer.set_result(self._head)


async def connected(
    proxy: Proxy,
    factory: Callable[[], asyncio.Protocol],
    address: str,
    port: int,
    *,
    tls: ssl.SSLContext | None,
    server_hostname: str | None,
) -> tuple[asyncio.Transport, asyncio.Protocol]:
    """A connection to an address, made by the proxy, and the protocol that speaks on it."""
    loop = asyncio.get_running_loop()
    with _told(proxy):
        sock = await _socket(loop, proxy)
        transport, tunnel = await loop.create_connection(
            lambda: Tunnel(_question(proxy, address, port)),
            sock=sock,
            ssl=trust.tls_context() if proxy.tls else None,
            server_hostname=proxy.host if proxy.tls else None,
        )
    try:
        _check(await tunnel.answer)
        protocol = factory()
        if tls:
            inner = await loop.start_tls(transport, protocol, tls, server_hostname=server_hostname)
            if inner is None:
                raise ConnectionResetError("The connection was closed during the handshake.")
            transport = inner
        else:
            transport.set_protocol(protocol)
        protocol.connection_made(transport)
    except BaseException:
        transport.abort()
        raise
    return transport, protocol


async def _socket(loop: asyncio.AbstractEventLoop, proxy: Proxy) -> socket.socket:
    failure: OSError | None = None
    for family, kind, protocol, _, address in await asyncio.wrap_future(
        egress.resolving(proxy.host, proxy.port)
    ):
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure or OSError("it has no address")


def _question(proxy: Proxy, address: str, port: int) -> bytes:
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}", f"User-Agent: otms/{__version__}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    return "\r\n".join([*lines, "", ""]).encode()


def _check(head: bytes) -> None:
    """Is that the answer of a proxy that has connected us?"""
    first, _, _ = head.partition(b"\r\n")
    words = first.decode("latin-1").split(" ", 2)
    said, _, more = head.partition(b"\r\n\r\n")
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise ProxyFailed("The egress proxy (OTMS_EGRESS_PROXY) gave no answer that is HTTP.")
    if int(words[1]) != ENOUGH:
        answer = " ".join(words[1:])[:100]
        raise ProxyFailed(f"The egress proxy (OTMS_EGRESS_PROXY) does not connect us: {answer}.")
    if more or said == head:
        raise ProxyFailed("The egress proxy (OTMS_EGRESS_PROXY) says more than it was asked.")


@contextmanager
def _told(proxy: Proxy) -> Iterator[None]:
    """What goes wrong in here is the proxy's fault, and not the target's."""
    try:
        yield
    except OSError as error:
        reason = getattr(error, "verify_message", "") or error.strerror or error
        where = f"{proxy.host}:{proxy.port}"
        text = f"The egress proxy at {where} (OTMS_EGRESS_PROXY) can't be reached: {reason}."
        raise ProxyFailed(text) from None
