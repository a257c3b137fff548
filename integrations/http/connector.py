"""The connections of a window: guarded, and closed to receivers that keep everybody waiting."""

import asyncio
import socket
from functools import partial
from typing import Any

import aiohttp
from aiohttp import abc
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError

from integrations import egress
from integrations.http import tunnel
from integrations.http.line import current

# Common servers drop an idle connection after five seconds; being first avoids most of the races
# in which a request meets a connection that is just being closed.
KEEP_ALIVE = 4.0
DNS_TTL = 10
LOOKUPS = 256  # at once; names that never answer hold their threads for the resolver's patience
HEAD_CAP = 64 * 1024  # of all that comes before the body, interim answers (1xx) too
PIECE = 4 * 1024


class Connector(aiohttp.TCPConnector):
    """aiohttp's connections; a call that has one counts as sent."""

    def __init__(self, limit: int, limit_per_host: int) -> None:
        super().__init__(
            limit=limit,
            limit_per_host=limit_per_host,
            keepalive_timeout=KEEP_ALIVE,
            ttl_dns_cache=DNS_TTL,
            socket_factory=_open_socket,
            resolver=_Resolver(),
        )
        self._factory: Any = partial(_Answer, loop=asyncio.get_running_loop())

    async def connect(self, *args: Any, **kwargs: Any) -> Connection:
        connection = await super().connect(*args, **kwargs)
        line = current.get()
        line.transport = connection.transport
        try:
            # A process that was suspended till now may not be in time to send any more.
            line.check_deadline()
        except TimeoutError:
            connection.close()
            raise
        line.connected = True
        return connection

    async def _wrap_create_connection(
        self, *args: Any, addr_infos: list[Any], **kwargs: Any
    ) -> Any:
        line = current.get()
        proxy = egress.proxy(line.host, addr_infos)
        if proxy is None:
            return await super()._wrap_create_connection(*args, addr_infos=addr_infos, **kwargs)
        try:
            (address, port), *_ = egress.permitted(addr_infos, line.host)
        except egress.EgressRefused as refusal:
            line.refusal = refusal
            raise
        line.dialled = True
        return await tunnel.connected(
            proxy,
            args[0],
            address,
            port,
            tls=kwargs.get("ssl"),
            server_hostname=kwargs.get("server_hostname"),
        )


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


class _Resolver(abc.AbstractResolver):
    """Names are resolved beside each other: uvloop has two threads for it, and all would wait."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(LOOKUPS)

    async def resolve(
        self, host: str, port: int = 0, family: int = socket.AF_UNSPEC
    ) -> list[abc.ResolveResult]:
        async with self._room:
            found = await asyncio.wrap_future(egress.resolving(host, port))
        return [
            abc.ResolveResult(
                hostname=host,
                host=address[0],
                port=address[1],
                family=family,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for family, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        pass


class _Answer(ResponseHandler):
    """What a receiver says, as long as it comes to the point.

    aiohttp reads interim answers without end, and without letting another call have its turn.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._head = 0  # bytes of it so far
        self._in_body = False

    def set_response_params(self, **params: Any) -> None:
        self._head, self._in_body = 0, False
        super().set_response_params(**params)

    def feed_data(self, data: Any, size: int = 0) -> None:
        self._in_body = self._in_body or data[0].code >= 200
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        while data and not self._in_body:
            piece, data = data[:PIECE], data[PIECE:]
            self._head += len(piece)
            if self._head > HEAD_CAP:
                self.set_exception(HttpProcessingError(message="The head has no end."))
                if self.transport:
                    self.transport.abort()
                return
            super().data_received(piece)
            if not data:
                return
        super().data_received(data)
