"""Single calls: requests, with the guard below it and a clock beside it."""

import socket
from contextlib import closing
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from integrations import egress
from integrations.http import trust
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

    def _new_conn(self) -> socket.socket:
        line = current.get()
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
        current.get().connected = True


class _GuardedTLS(_Guarded, HTTPSConnection):
    """The same, over TLS."""


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
