"""Whom we trust over TLS, and how we show ourselves there."""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache

import certifi


@dataclass(frozen=True)
class Tls:
    """What a target asks for beyond the usual, as PEM: our certificate with its key, and further
    authorities to trust."""

    certificate: str = ""
    key: str = ""
    ca: str = ""

    def __repr__(self) -> str:
        """Without the key, and without pages of base64."""
        named = (name for name in ("certificate", "key", "ca") if getattr(self, name))
        return f"Tls({', '.join(named)})"


def tls_context(tls: Tls | None = None) -> ssl.SSLContext:
    """Decide whom to trust: the system's authorities, and certifi's where the system has none.

    A context is made once for what is in it: calls with the same share connections, and no others.
    """
    return _common() if tls is None or tls == Tls() else _own(tls)


@cache
def _common() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


@lru_cache(maxsize=256)
def _own(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if tls.ca:
        context.load_verify_locations(cadata=tls.ca)
    if tls.certificate:
        with _file(f"{tls.key.strip()}\n{tls.certificate.strip()}\n") as path:
            # An encrypted key would be asked for on a terminal that nobody sits at.
            context.load_cert_chain(path, password=lambda: b"")
    return context


@contextmanager
def _file(text: str) -> Iterator[str]:
    """A file that only this process can read, for as long as it is read.

    OpenSSL takes a key from a file alone. Where the system has files in memory (Linux) it never
    touches a disk; elsewhere it is a private temporary file, removed at once.
    """
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("tls", os.MFD_CLOEXEC)
        try:
            os.write(fd, text.encode())
            yield f"/proc/self/fd/{fd}"
        finally:
            os.close(fd)
    else:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            yield file.name
