"""Whose certificate the door trusts, and that a handshake may not last."""

import socket
from pathlib import Path
from ssl import SSLContext, create_default_context

import pytest

from integrations.http import trust
from tests.http.conftest import DEADLINE, LATE, Door, facts, post
from tests.sink import Sink


def test_a_certificate_nobody_vouches_for_is_refused(door: Door, tls_sink: Sink) -> None:
    tls_sink.reset()
    exchange = door(post(tls_sink.url()))
    assert facts(exchange) == (None, "tls", False)
    text = "No trusted TLS connection to 127.0.0.1: self-signed certificate. If "
    assert exchange.error.startswith(text)
    assert tls_sink.stats()["attempts"] == 0


@pytest.fixture
def trusting(self_signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def context(tls: trust.Tls | None = None) -> SSLContext:
        return create_default_context(cafile=str(self_signed))

    monkeypatch.setattr(trust, "tls_context", context)


def test_a_trusted_certificate_is_enough(trusting: None, door: Door, tls_sink: Sink) -> None:
    assert facts(door(post(tls_sink.url()))) == (200, "", True)


@pytest.mark.parametrize("path", ["/drip/1000", "/drip/1000/eof", "/slowhead/400"])
def test_the_deadline_holds_inside_tls(
    trusting: None, door: Door, tls_sink: Sink, path: str
) -> None:
    exchange = door(post(tls_sink.url(path)), timeout=DEADLINE)
    assert exchange.error_kind == "timeout"
    assert exchange.duration_ms < LATE * 1000


def test_the_deadline_covers_a_handshake_that_never_ends(
    door: Door, listener: socket.socket
) -> None:
    exchange = door(post(f"https://127.0.0.1:{listener.getsockname()[1]}/"), timeout=0.3)
    assert facts(exchange) == (None, "timeout", False)
    assert exchange.duration_ms < LATE * 1000
