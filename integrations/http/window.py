"""Many calls at once: aiohttp on the running event loop, with the guard below it."""

import asyncio
import io
import socket
from collections.abc import Iterable, Iterator
from typing import Any

import aiohttp
from aiohttp.connector import Connection

from integrations import egress
from integrations.http import trust
from integrations.http.exchange import Exchange, Request
from integrations.http.line import Line, current

# Common servers drop an idle connection after five seconds; being first avoids most of the races
# in which a request meets a connection that is just being closed.
KEEP_ALIVE = 4.0
DNS_TTL = 10

# aiohttp warns of larger plain bytes, because writing them at once would stall the loop.
LARGE = 1024 * 1024


class Window:
    """Many calls in flight on the running event loop, over connections that stay open."""

    def __init__(self, *, limit: int = 100, limit_per_host: int = 0) -> None:
        connector = _Connector(
            limit=limit,
            limit_per_host=limit_per_host,
            keepalive_timeout=KEEP_ALIVE,
            ttl_dns_cache=DNS_TTL,
            ssl=trust.tls_context(),
            socket_factory=_open_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            skip_auto_headers=("Accept", "Content-Type"),
            auto_decompress=False,
            trust_env=False,
        )
        # aiohttp would resend idempotent methods by itself: the attempt would be two requests.
        self._session._retry_connection = False

    async def send(self, request: Request, *, timeout: float) -> Exchange:
        """Make one of many calls, `timeout` seconds in all."""
        line = Line(request, timeout)
        body = io.BytesIO(request.body) if len(request.body) > LARGE else request.body
        with line.in_use():
            url, headers = line.prepare()
            async with (
                asyncio.timeout(timeout),
                self._session.request(
                    request.method,
                    url,
                    headers=headers,
                    data=body or None,
                    allow_redirects=False,
                ) as answer,
            ):
                line.answered(answer.status, _texts(answer.raw_headers))
                while data := await answer.content.readany():
                    if not line.take(data):
                        answer.close()
                        break
        return line.exchange()

    async def close(self) -> None:
        """Close every connection; calls still in flight end with an error."""
        await self._session.close()


class _Connector(aiohttp.TCPConnector):
    """aiohttp's connections; a call that has one counts as sent."""

    async def connect(self, *args: Any, **kwargs: Any) -> Connection:
        connection = await super().connect(*args, **kwargs)
        line = current.get()
        line.connected = True
        line.transport = connection.transport
        return connection


def _open_socket(addr_info: egress.AddrInfo) -> socket.socket:
    """Ask the guard, and remember its answer: aiohttp merges the errors of several addresses."""
    line = current.get()
    try:
        sock = egress.socket_factory(addr_info, line.host)
    except egress.EgressRefused as refusal:
        line.refusal = refusal
        raise
    line.dialled = True
    return sock


def _texts(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[str, str]]:
    for name, value in pairs:
        yield name.decode("latin-1"), value.decode("latin-1")
