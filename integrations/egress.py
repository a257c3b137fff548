"""The way out: every channel asks here before its first packet, and dials what was looked at.

Only the address that is really dialled counts: a name can lead somewhere else a second later, so
saving a URL checks early, for a clear message, and dialling checks again, for safety.
"""

import re
import socket
import threading
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from ipaddress import (
    ip_address,
)
from typing import Any
from urllib.parse import unquote, urlsplit

import idna

from integrations.destinations import (
    EgressRefused,
    allowance,
    canonical,
    check_address,
    check_port,
)
from otms.env import Proxy

AddrInfo = tuple[int, int, int, str, tuple[Any, ...]]
Known = dict[tuple[str, int], list[AddrInfo] | OSError]

_known: ContextVar[Known | None] = ContextVar("known", default=None)

RESOLVE_ON_SAVE = 2.0


def check_url(url: str) -> None:
    """Refuse a URL nobody should save: raises EgressRefused or ValueError with a clear message.

    A name that does not resolve passes: it may exist tomorrow, and dialling asks again.
    """
    host, port = target(url)
    for address in check_host(host, port) or [""]:
        check_port(port, address, host)


def check_host(name: str, port: int) -> list[str]:
    """Refuse a host nobody should save, as check_url() does; gives the addresses it has now."""
    host = spelled(name)
    try:
        addresses = [str(ip_address(host))]
    except ValueError:
        try:
            addresses = [info[4][0] for info in lookup(host, port, timeout=RESOLVE_ON_SAVE)]
        except OSError:
            addresses = []
    for address in addresses:
        check_address(address, host)
    return addresses


def dialable(name: str, port: int, *, timeout: float) -> list[str]:
    """The addresses of a host that may be dialled, for libraries that open their own sockets.

    Give them these and not the name, which may lead somewhere else a moment later.
    """
    host = spelled(name)
    refusal: EgressRefused | None = None
    found: list[str] = []
    for info in lookup(host, port, timeout=timeout):
        try:
            check_address(info[4][0], host)
        except EgressRefused as exc:
            refusal = exc
        else:
            found.append(info[4][0])
    if not found:
        raise refusal or OSError(f"{host} has no address")
    return found


@lru_cache(maxsize=1024)
def target(url: str) -> tuple[str, int]:
    """Say which host and port a web address means, whatever spelling it uses."""
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise ValueError("The URL contains spaces, control characters or backslashes.")
    parts = urlsplit(url)
    if not parts.scheme:
        raise ValueError(f"Write the whole URL: https://{url.lstrip('/')[:200]}")
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"The URL must start with http:// or https://, not {parts.scheme!r}.")
    if "@" in parts.netloc:
        raise ValueError("The URL must not contain a user name or password; use a credential.")
    if not parts.hostname:
        raise ValueError("The URL names no host.")
    port = parts.port
    if port is None:
        port = 443 if parts.scheme == "https" else 80
    return spelled(parts.hostname), port


def permitted(infos: list[AddrInfo], host: str) -> list[tuple[str, int]]:
    """The addresses of a web server that may be dialled; EgressRefused if there are others only."""
    refusal: EgressRefused | None = None
    found: list[tuple[str, int]] = []
    for info in infos:
        address, port = info[4][:2]
        try:
            check_address(address, host)
            check_port(port, address, host)
        except EgressRefused as exc:
            refusal = exc
        else:
            found.append((address, port))
    if not found:
        raise refusal or OSError(f"{host} has no address")
    return found


def proxy(host: str, infos: list[AddrInfo]) -> Proxy | None:
    """What dials these addresses for us; None if we do so ourselves.

    Only OTMS_EGRESS_PROXY says so, and never HTTP_PROXY: whoever sets that thinks of another
    program. The proxy's own address is the operator's word and not asked about.
    """
    from django.conf import settings

    found: Proxy | None = getattr(settings, "OTMS_EGRESS_PROXY", None)
    direct = allowance(tuple(getattr(settings, "OTMS_EGRESS_DIRECT", ())))
    if found and all(direct.covers(canonical(info[4][0]), host) for info in infos):
        return None
    return found


def socket_factory(addr_info: AddrInfo, host: str = "", *, web: bool = True) -> socket.socket:
    """Open a non-blocking socket for an address that may be dialled; `web` judges its port too."""
    family, kind, protocol, _, sockaddr = addr_info
    check_address(sockaddr[0], host)
    if web:
        check_port(sockaddr[1], sockaddr[0], host)
    sock = socket.socket(family, kind, protocol)
    sock.setblocking(False)
    return sock


def connect(host: str, port: int, *, timeout: float, web: bool = False) -> socket.socket:
    """Dial the first address of a host that answers and may be dialled."""
    deadline = time.monotonic() + timeout
    infos = lookup(host, port, timeout=timeout)
    return dialled(infos, host, timeout=deadline - time.monotonic(), web=web)


def dialled(
    infos: list[AddrInfo], host: str, *, timeout: float, web: bool = False
) -> socket.socket:
    """The same, of addresses that are known."""
    deadline = time.monotonic() + timeout
    refusal: EgressRefused | None = None
    failure: OSError | None = None
    for info in infos:
        try:
            sock = socket_factory(info, host, web=web)
        except EgressRefused as exc:
            refusal = exc
            continue
        try:
            sock.settimeout(max(deadline - time.monotonic(), 0.001))  # zero would not wait at all
            sock.connect(info[4])
        except OSError as exc:
            sock.close()
            failure = exc
        else:
            return sock
    raise failure or refusal or OSError(f"{host} has no address")


def lookup(host: str, port: int, *, timeout: float) -> list[AddrInfo]:
    """Resolve a name in bounded time."""
    known = _known.get()
    if known is None:
        return resolving(host, port).result(timeout)
    if (host, port) not in known:
        try:
            known[host, port] = resolving(host, port).result(timeout)
        except OSError as error:
            known[host, port] = error
    found = known[host, port]
    if isinstance(found, OSError):
        raise found
    return found


@contextmanager
def remembering() -> Iterator[None]:
    """In here a name is resolved once: what was looked up before a transaction holds inside it."""
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def resolving(host: str, port: int) -> Future[list[AddrInfo]]:
    """Begin to resolve a name; a slow one waits in a thread of its own and holds up no other."""
    answer: Future[list[AddrInfo]] = Future()

    def resolve() -> None:
        try:
            found: Any = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as exc:
            answer.set_exception(exc)
        else:
            answer.set_result(found)

    # getaddrinfo can't be interrupted: a slow one is left behind.
    answer.set_running_or_notify_cancel()
    threading.Thread(target=resolve, name="resolve", daemon=True).start()
    return answer


def spelled(name: str) -> str:
    """The canonical spelling of a host: 0x7f.1 and full-width digits become 127.0.0.1."""
    host = unicodedata.normalize("NFKC", unquote(name)).replace("\u3002", ".").lower()
    try:
        return str(ip_address(host.removesuffix(".").partition("%")[0]))
    except ValueError:
        if not re.fullmatch(r"[\w.-]+", host):
            raise ValueError(f"{name} is neither a host name nor an IP address.") from None
    if re.fullmatch(r"(.*\.)?(\d+|0x[\da-f]*)\.?", host):
        try:
            return socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))
        except OSError:
            raise ValueError(f"{name} is neither a host name nor an IP address.") from None
    try:
        return (host.encode("idna") if host.isascii() else idna.encode(host, uts46=True)).decode()
    except UnicodeError:
        raise ValueError(f"{name} is not a host name.") from None
