"""Many calls at once: aiohttp on the running event loop, with the guard below it."""

import asyncio
import io
from collections.abc import Iterable, Iterator

import aiohttp

from integrations.http import trust
from integrations.http.connector import Connector
from integrations.http.exchange import Exchange, Request
from integrations.http.line import Line

# aiohttp warns of larger plain bytes, because writing them at once would stall the loop.
LARGE = 1024 * 1024


class Window:
    """Many calls in flight on the running event loop, over connections that stay open."""

    def __init__(self, *, limit: int = 100, limit_per_host: int = 0) -> None:
        self._session = aiohttp.ClientSession(
            connector=Connector(limit, limit_per_host),
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
                    ssl=trust.tls_context(request.tls),
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


def _texts(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[str, str]]:
    for name, value in pairs:
        yield name.decode("latin-1"), value.decode("latin-1")
