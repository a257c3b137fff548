"""The one door out: every HTTP call of the product, past the guard in egress.py.

Two engines with one contract: call() for single calls, Window for many at once on an event loop.
Whatever goes wrong comes back as an Exchange with an error in it; nothing raises. One call is one
request on the wire: the engines never resend, not even after a stale connection, because nobody
can know what the other side did with it. The queue tries again, and counts it.
"""

import asyncio
import io
import os
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, lru_cache
from http.client import HTTPException, RemoteDisconnected
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import certifi
import requests
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from yarl import URL

from integrations import egress
from otms import __version__

BODY_CAP = 64 * 1024

# Common servers drop an idle connection after five seconds; being first avoids most of the races
# in which a request meets a connection that is just being closed.
KEEP_ALIVE = 4.0
DNS_TTL = 10

# aiohttp warns of larger plain bytes, because writing them at once would stall the loop.
LARGE = 1024 * 1024

# Clocks are read to the millisecond here and there, so a deadline can seem to come early.
EARLY = 0.005

ErrorKind = Literal["", "egress", "timeout", "dns", "connect", "tls", "lost", "protocol"]

# What a log may show; `x-otms-*` is ours and may be shown too.
LOGGED = {
    *("content-type", "content-length", "user-agent", "date", "server", "retry-after"),
    *("webhook-id", "webhook-timestamp", "idempotency-key", "traceparent"),
}
# These decide where a message ends: only the engines may write them.
FRAMING = {
    *("host", "connection", "content-length", "transfer-encoding", "te", "trailer"),
    *("upgrade", "expect"),
}
# uvloop raises RuntimeError where others raise OSError, and so does a closed window.
FAULTS = (
    *(OSError, ValueError, RuntimeError, zlib.error),
    *(HTTPException, HTTPError, aiohttp.ClientError),
)


@dataclass(frozen=True, repr=False)
class Request:
    """One call to make; its body is bytes, so that what is signed is what is sent."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        headers = redact_headers(self.headers)
        return f"<{self.method} {redact_url(self.url)} {headers} {len(self.body)} bytes>"


@dataclass
class Exchange:
    """What became of a request.

    A status can stand beside an error: the answer began and then broke off. Header names are in
    lower case. `sent` is False only if the other side certainly saw nothing of the request.
    """

    request: Request
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    truncated: bool = False
    error: str = ""
    error_kind: ErrorKind = ""
    duration_ms: float = 0.0
    sent: bool = False


def call(request: Request, *, timeout: float) -> Exchange:
    """Make a single call and wait for it, `timeout` seconds in all."""
    line = _Line(request, timeout)
    with line.in_use(), closing(_Adapter(pool_connections=1, pool_maxsize=1)) as adapter:
        url, headers = line.prepare()
        prepared = requests.Request(request.method, str(url), headers, data=request.body).prepare()
        prepared.url = str(url)
        # The adapter alone: a session would add cookies, redirects and the environment.
        with adapter.send(prepared, stream=True, timeout=timeout) as answer:
            line.answered(answer.status_code, answer.raw.headers.iteritems())
            while (data := answer.raw.read1(BODY_CAP, decode_content=False)) and line.take(data):
                pass
        line.check_deadline()
    return line.exchange()


class Window:
    """Many calls in flight on the running event loop, over connections that stay open."""

    def __init__(self, *, limit: int = 100, limit_per_host: int = 0) -> None:
        connector = _Connector(
            limit=limit,
            limit_per_host=limit_per_host,
            keepalive_timeout=KEEP_ALIVE,
            ttl_dns_cache=DNS_TTL,
            ssl=tls_context(),
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
        line = _Line(request, timeout)
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


def redact_headers(headers: dict[str, str]) -> dict[str, str]:
    """Show only the headers known to hold no secret; a list of secret ones would never be full."""
    return {name: _shown(name.lower(), value) for name, value in headers.items()}


def redact_url(url: str) -> str:
    """Show where a URL leads, without its user, its query values and its fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***"
    pairs = (pair.partition("=") for pair in parts.query.split("&") if pair)
    query = "&".join(f"{name}=***" if equals else "***" for name, equals, _ in pairs)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


@cache
def tls_context() -> ssl.SSLContext:
    """Decide whom to trust: the system's authorities, and certifi's where the system has none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class _Line:
    """One call under way: both engines report to it, so that both tell the same story."""

    def __init__(self, request: Request, timeout: float) -> None:
        self.request = request
        self.timeout = timeout
        self.started = time.monotonic()
        self.deadline = self.started + timeout
        self.host = ""
        self.refusal: egress.EgressRefused | None = None
        self.dialled = False
        self.connected = False
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.truncated = False
        self.error_kind: ErrorKind = ""
        self.error = ""
        self._inflate: Callable[[bytes, int], bytes] | None = None
        self._alarm: threading.Timer | None = None
        self._twin: socket.socket | None = None
        self.transport: asyncio.Transport | None = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Tell guard and connections which call they work for; a fault ends it and is noted."""
        token = _current.set(self)
        try:
            yield
        except FAULTS as exc:
            self.error_kind, self.error = self._explain(exc)
        finally:
            _current.reset(token)
            self.hang_up()

    def prepare(self) -> tuple[URL, dict[str, str]]:
        """Spell URL and headers as they go on the wire; ValueError if they must not go there."""
        url = URL(self.request.url)
        self.host, _ = egress.target(str(url))
        if self.host != url.raw_host:
            url = url.with_host(self.host)
        method = self.request.method
        if not (method.isascii() and method.isalpha() and method.isupper()):
            raise ValueError(f"{method!r} is not an HTTP method.")
        headers = {"user-agent": f"otms/{__version__}", "accept-encoding": "identity"}
        for name, value in self.request.headers.items():
            # A line break starts another header; beyond ASCII every receiver reads another value.
            if not (value.isascii() and value.isprintable()):
                raise ValueError(f"The header {name} contains line breaks or other than ASCII.")
            headers.pop(_checked_name(name), None)
            headers[name] = value.strip()
        return url, headers

    def left(self) -> float:
        """The seconds until the call must be over."""
        return self.deadline - time.monotonic()

    def check_deadline(self) -> None:
        """Tell an answer that ended from one that was cut off: both look like an end of file."""
        if self.left() <= 0:
            raise TimeoutError

    def ring(self, sock: socket.socket) -> None:
        """End the connection at the deadline, whatever is being waited for on it.

        Socket timeouts begin anew with every byte, so a drip outlives them. The duplicate ends
        the connection even after TLS has wrapped the original.
        """
        self.hang_up()
        self._twin = sock.dup()
        self._alarm = threading.Timer(max(self.left(), 0), _shut, (self._twin,))
        self._alarm.daemon = True
        self._alarm.start()

    def hang_up(self) -> None:
        """Stop the clock, and drop a connection that is being closed.

        TLS would wait for the other side's goodbye, half a minute if it is slow. A connection that
        is not being closed may be another call's by now.
        """
        if self.transport and self.transport.is_closing():
            self.transport.abort()
        if self._alarm and self._twin:
            self._alarm.cancel()
            self._alarm.join()
            self._twin.close()

    def answered(self, status: int, pairs: Iterable[tuple[str, str]]) -> None:
        """Note the head of the answer."""
        self.status = status
        for name, value in pairs:
            name, value = name.lower(), _visible(value)
            self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value
        self._inflate = _inflate(self.headers.get("content-encoding", ""))

    def take(self, data: bytes) -> bool:
        """Keep a piece of the body, decoded; False when there is no more room."""
        room = BODY_CAP - len(self.body)
        # One byte more than fits, to tell a full body from a larger one.
        piece = self._inflate(data, room + 1) if self._inflate else data
        self.body += piece[:room]
        self.truncated = len(piece) > room
        return not self.truncated

    def exchange(self) -> Exchange:
        """Put together what is known."""
        return Exchange(
            request=self.request,
            status=self.status,
            headers=self.headers,
            body=bytes(self.body),
            truncated=self.truncated,
            error=self.error,
            error_kind=self.error_kind,
            duration_ms=(time.monotonic() - self.started) * 1000,
            sent=self.connected,
        )

    def _explain(self, fault: Exception) -> tuple[ErrorKind, str]:
        causes = list(_causes(fault))
        if self.refusal and not self.dialled:
            return "egress", f"Not called: {self.refusal}."
        if self.left() < EARLY:
            return "timeout", f"No complete answer within {self.timeout:g} s."
        if self.status is not None:
            if isinstance(fault, zlib.error):
                return "protocol", "The answer is not compressed the way it says."
            return "lost", "The connection ended in the middle of the answer."
        for cause in reversed(causes):
            if isinstance(cause, socket.gaierror):
                return "dns", f"The name {self.host} could not be resolved: {cause.strerror}."
            if isinstance(cause, ssl.SSLError):
                reason = getattr(cause, "verify_message", "") or getattr(cause, "reason", cause)
                return "tls", f"No trusted TLS connection to {self.host}: {reason}."
        if not self.connected:
            if isinstance(fault, ValueError):
                return "protocol", f"Not sent: {fault}"
            codes = [cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno]
            reason = os.strerror(codes[0]) if codes else str(fault)
            return "connect", f"Could not connect to {self.host}: {reason}."
        if any(_is_gibberish(cause) for cause in causes):
            return "protocol", "The answer is not HTTP."
        return "lost", "The connection was closed before an answer came."


_current: ContextVar[_Line] = ContextVar("line")


class _Connector(aiohttp.TCPConnector):
    """aiohttp's connections; a call that has one counts as sent."""

    async def connect(self, *args: Any, **kwargs: Any) -> Connection:
        connection = await super().connect(*args, **kwargs)
        line = _current.get()
        line.connected = True
        line.transport = connection.transport
        return connection


def _open_socket(addr_info: egress.AddrInfo) -> socket.socket:
    """Ask the guard, and remember its answer: aiohttp merges the errors of several addresses."""
    line = _current.get()
    try:
        sock = egress.socket_factory(addr_info, line.host)
    except egress.EgressRefused as refusal:
        line.refusal = refusal
        raise
    line.dialled = True
    return sock


class _Guarded(HTTPConnection):
    """urllib3's connection, dialled by the guard and ended by the clock."""

    def _new_conn(self) -> socket.socket:
        line = _current.get()
        try:
            sock = egress.connect(self._dns_host, self.port, timeout=line.left(), web=True)
        except egress.EgressRefused as refusal:
            line.refusal = refusal
            raise
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.ring(sock)
        return sock

    def connect(self) -> None:
        super().connect()
        _current.get().connected = True


class _GuardedTLS(_Guarded, HTTPSConnection):
    """The same, over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _PoolTLS(HTTPSConnectionPool):
    ConnectionCls = _GuardedTLS


class _Adapter(HTTPAdapter):
    """requests' adapter over guarded connections."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=tls_context(), **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _PoolTLS}

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Leave trust to tls_context(): requests would load its own bundle on every call."""


@lru_cache(maxsize=1024)
def _checked_name(name: str) -> str:
    """A header's name in lower case; ValueError if it is none, or not the caller's to set."""
    if not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.ASCII):
        raise ValueError(f"{name!r} is not a header name.")
    if name.lower() in FRAMING:
        raise ValueError(f"The header {name} is set by the engine.")
    return name.lower()


def _texts(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[str, str]]:
    for name, value in pairs:
        yield name.decode("latin-1"), value.decode("latin-1")


def _visible(value: str) -> str:
    """A header value with control characters escaped: PostgreSQL refuses NUL."""
    if value.isprintable():
        return value
    return re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\x{ord(found[0]):02x}", value)


def _shown(name: str, value: str) -> str:
    if name in LOGGED or name.startswith("x-otms-"):
        return value
    return redact_url(value).partition("?")[0] if name == "location" else "***"


def _inflate(encoding: str) -> Callable[[bytes, int], bytes] | None:
    """A decoder that stops at a size; we ask for plain answers, but not everyone listens."""
    if encoding.lower() in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress
    return None


def _causes(fault: BaseException | None) -> Iterator[BaseException]:
    while fault:
        yield fault
        fault = fault.__cause__ or fault.__context__


def _is_gibberish(cause: BaseException) -> bool:
    if isinstance(cause, HTTPException):
        return not isinstance(cause, RemoteDisconnected)
    return isinstance(cause, (aiohttp.ClientResponseError, HttpProcessingError))


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
