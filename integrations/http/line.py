"""One call under way, told the same by both engines."""

import asyncio
import os
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache
from http.client import HTTPException, RemoteDisconnected

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from urllib3.exceptions import HTTPError
from yarl import URL

from integrations import egress
from integrations.http.exchange import BODY_CAP, ErrorKind, Exchange, Request
from integrations.http.tunnel import ProxyFailed
from otms import __version__

# Clocks are read to the millisecond here and there, so a deadline can seem to come early.
EARLY = 0.005

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
# What OpenSSL says, and which setting of the data source is for that.
_TRUST = " If its certificate is right, write who issued it into tls.ca."
HINTS = {
    "certificate required": " It asks for a client certificate: tls.certificate and tls.key.",
    "self signed": _TRUST,
    "unable to get": _TRUST,
    "unknown ca": " It does not know who issued our client certificate: look at tls.certificate.",
    "wrong version number": " This port does not speak https: does the address begin with http://?",
    "bad certificate": " It may want another client certificate: look at tls.certificate.",
}


class Line:
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
        token = current.set(self)
        try:
            yield
        except FAULTS as exc:
            self.error_kind, self.error = self._explain(exc)
        finally:
            current.reset(token)
            self.hang_up()

    def prepare(self) -> tuple[URL, dict[str, str]]:
        """Spell URL and headers as they go on the wire; ValueError if they must not go there."""
        url = URL(self.request.address)
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
            headers.pop(checked_name(name), None)
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
        ).unsaid()

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
            if isinstance(cause, ProxyFailed):
                return "connect", str(cause)
            if isinstance(cause, socket.gaierror):
                return "dns", f"The name {self.host} could not be resolved: {cause.strerror}."
            if isinstance(cause, ssl.SSLError):
                reason = getattr(cause, "verify_message", "") or getattr(cause, "reason", cause)
                return (
                    "tls",
                    f"No trusted TLS connection to {self.host}: {reason}.{_hint(str(reason))}",
                )
        if not self.connected:
            if isinstance(fault, ValueError):
                return "protocol", f"Not sent: {fault}"
            codes = [cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno]
            reason = os.strerror(codes[0]) if codes else str(fault)
            return "connect", f"Could not connect to {self.host}: {reason}."
        if any(_is_gibberish(cause) for cause in causes):
            return "protocol", "The answer is not HTTP."
        return "lost", "The connection was closed before an answer came."


def _hint(reason: str) -> str:
    """Which setting helps, for faults of TLS that one helps with."""
    said = reason.lower().replace("-", " ").replace("_", " ")
    return next((hint for part, hint in HINTS.items() if part in said), "")


# The call that the running thread or task works for; guard and connections report to it.
current: ContextVar[Line] = ContextVar("line")


@lru_cache(maxsize=1024)
def checked_name(name: str) -> str:
    """A header's name in lower case; ValueError if it is none, or not the caller's to set."""
    if not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.ASCII):
        raise ValueError(f"{name!r} is not a header name.")
    if name.lower() in FRAMING:
        raise ValueError(f"The header {name} is set by the engine.")
    return name.lower()


def _visible(value: str) -> str:
    """A header value with control characters escaped: PostgreSQL refuses NUL."""
    if value.isprintable():
        return value
    return re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\x{ord(found[0]):02x}", value)


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
