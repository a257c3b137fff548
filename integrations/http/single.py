"""Single calls: requests, with the guard below it and a clock beside it."""

import socket
import ssl
from contextlib import closing
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssltransport import SSLTransport

from integrations import egress
from integrations.http import trust, tunnel
from integrations.http.exchange import BODY_CAP, Exchange, Request
from integrations.http.line import Line, current


def call(request: Request, *, timeout: float) -> Exchange:
    """Make a single call and wait for it, `timeout` seconds in all."""
    line = Line(request, timeout)
    with line.in_use(), closing(_Adapter(request.tls)) as adapter:
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


class _Guarded(HTTPConnection):
    """urllib3's connection, dialled by the guard and ended by the clock."""

    _made: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        if self._made:
            sock, self._made = self._made, None
            return sock
        line = current.get()
        try:
            sock = self._dialled(line)
        except egress.EgressRefused as refusal:
            line.refusal = refusal
            raise
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _dialled(self, line: Line) -> socket.socket:
        host, port = self._dns_host, self.port
        infos = egress.lookup(host, port, timeout=line.left())
        proxy = egress.proxy(host, infos)
        if proxy is None:
            sock = egress.dialled(infos, host, timeout=line.left(), web=True)
            line.ring(sock)
            return sock
        address, port = egress.permitted(infos, host)[0]
        sock = tunnel.dialled(proxy, line.left(), line.ring)
        try:
            tunnel.opened(sock, proxy, address, port)
        except BaseException:
            sock.close()
            raise
        return sock

    def connect(self) -> None:
        super().connect()
        current.get().connected = True


class _GuardedTLS(_Guarded, HTTPSConnection):
    """The same, over TLS."""

    def connect(self) -> None:
        sock = self._new_conn()
        if isinstance(sock, ssl.SSLSocket):  # to a proxy: what it is asked to carry is TLS again
            context: Any = self.ssl_context
            self.sock = SSLTransport(sock, context, self.host.strip("[]").rstrip("."))
            self.is_verified = True
            current.get().connected = True
        else:
            self._made = sock
            super().connect()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _PoolTLS(HTTPSConnectionPool):
    ConnectionCls = _GuardedTLS


class _Adapter(HTTPAdapter):
    """requests' adapter over guarded connections."""

    def __init__(self, tls: trust.Tls | None) -> None:
        self._context = trust.tls_context(tls)
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _PoolTLS}

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Leave trust to tls_context(): requests would load its own bundle on every call."""
