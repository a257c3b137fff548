"""May we dial this address? One answer, asked by every channel before its first packet.

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
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import idna

from otms.env import Proxy

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
AddrInfo = tuple[int, int, int, str, tuple[Any, ...]]
Known = dict[tuple[str, int], list[AddrInfo] | OSError]

_known: ContextVar[Known | None] = ContextVar("known", default=None)

ALLOW = "an operator can allow it with OTMS_EGRESS_ALLOW"
RESOLVE_ON_SAVE = 2.0

METADATA = "a cloud metadata"
LINK_LOCAL = "a link-local"
CLOUD_KEYS = (METADATA, LINK_LOCAL)

# The first match names the class, so the narrow ranges stand before the wide ones. IPv6 ends with
# everything outside 2000::/3, because nothing else is routed as global unicast today.
RANGES: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), words)
    for network, words in (
        ("100.100.100.200/32", METADATA),
        ("168.63.129.16/32", METADATA),
        ("192.0.0.192/32", METADATA),
        ("0.0.0.0/8", "an unspecified"),
        ("10.0.0.0/8", "a private"),
        ("100.64.0.0/10", "a carrier-grade NAT"),
        ("127.0.0.0/8", "a loopback"),
        ("169.254.0.0/16", LINK_LOCAL),
        ("172.16.0.0/12", "a private"),
        ("192.0.0.0/24", "a protocol assignment"),
        ("192.0.2.0/24", "a documentation"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "a private"),
        ("198.18.0.0/15", "a benchmarking"),
        ("198.51.100.0/24", "a documentation"),
        ("203.0.113.0/24", "a documentation"),
        ("224.0.0.0/4", "a multicast"),
        ("255.255.255.255/32", "a broadcast"),
        ("240.0.0.0/4", "a reserved"),
        ("fd00:ec2::254/128", METADATA),
        ("fd20:ce::254/128", METADATA),
        ("fd00:42::42/128", METADATA),
        ("::/128", "an unspecified"),
        ("::1/128", "a loopback"),
        ("::/96", "an IPv4-compatible"),
        ("::ffff:0:0:0/96", "an IPv4-translated"),
        ("64:ff9b:1::/48", "a local NAT64"),
        ("100::/64", "a discard-only"),
        ("fc00::/7", "a unique local"),
        ("fe80::/10", LINK_LOCAL),
        ("fec0::/10", "a site-local"),
        ("ff00::/8", "a multicast"),
        ("2001::/32", "a Teredo"),
        ("2001::/23", "a protocol assignment"),
        ("2001:db8::/32", "a documentation"),
        ("2002::/16", "a 6to4"),
        ("3fff::/20", "a documentation"),
        ("::/3", "a reserved"),
        ("4000::/2", "a reserved"),
        ("8000::/1", "a reserved"),
    )
)
NAT64 = IPv6Network("64:ff9b::/96")

# Web ports are free above 1023, except where a service of the operator's own usually listens.
WEB_PORTS = frozenset({80, 443})
SERVICE_PORTS = {
    1433: "SQL Server",
    1521: "Oracle",
    2049: "NFS",
    2181: "ZooKeeper",
    2375: "Docker",
    2376: "Docker",
    2379: "etcd",
    2380: "etcd",
    3306: "MySQL",
    3389: "RDP",
    5432: "PostgreSQL",
    5672: "AMQP",
    5900: "VNC",
    5984: "CouchDB",
    6379: "Redis",
    6432: "PgBouncer",
    6443: "Kubernetes",
    8500: "Consul",
    9042: "Cassandra",
    9092: "Kafka",
    9200: "Elasticsearch",
    9300: "Elasticsearch",
    10250: "Kubernetes",
    11211: "Memcached",
    15672: "RabbitMQ",
    26379: "Redis",
    27017: "MongoDB",
}


class EgressRefused(OSError):
    """Dialling this address is not allowed; the message says why and who can change it."""


class Allowance(NamedTuple):
    """What the operator allows: networks by address, hosts by name."""

    networks: tuple[Network, ...]
    hosts: frozenset[str]

    def covers(self, ip: Address | None, host: str) -> bool:
        """Say whether the host's name or the address itself is on the list."""
        named = host.rstrip(".").lower() in self.hosts
        return named or (ip is not None and any(ip in network for network in self.networks))


def check_address(address: str, host: str = "") -> None:
    """Refuse an address that is not publicly routable, unless the operator allowed it."""
    ip = _canonical(address)
    network, words = next((entry for entry in RANGES if ip in entry[0]), (None, ""))
    if network is None:
        return
    allowance = _allowance()
    if words in CLOUD_KEYS:
        # Whoever reads them owns the cloud account: no name and no wider network opens these.
        allowed = any(ip in n and n.prefixlen >= network.prefixlen for n in allowance.networks)
    else:
        allowed = allowance.covers(ip, host)
    if not allowed:
        raise EgressRefused(f"{ip} is {words} address ({network}); {ALLOW}")


def check_port(port: int, address: str = "", host: str = "") -> None:
    """Refuse a port where no web server is expected, unless the operator allowed the target."""
    if port in WEB_PORTS or (port > 1023 and port not in SERVICE_PORTS):
        return
    if _allowance().covers(_canonical(address) if address else None, host):
        return
    service = SERVICE_PORTS.get(port, "system services")
    raise EgressRefused(f"port {port} belongs to {service}, not to the web; {ALLOW}")


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
    direct = _parse(tuple(getattr(settings, "OTMS_EGRESS_DIRECT", ())))
    if found and all(direct.covers(_canonical(info[4][0]), host) for info in infos):
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


def _canonical(address: str) -> Address:
    """The address without a zone, and as IPv4 where it only wraps one on its way to a gateway."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and (ip.ipv4_mapped or ip in NAT64):
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def _allowance() -> Allowance:
    from django.conf import settings

    return _parse(tuple(getattr(settings, "OTMS_EGRESS_ALLOW", ())))


@lru_cache(maxsize=16)
def _parse(entries: tuple[str, ...]) -> Allowance:
    networks: list[Network] = []
    hosts: set[str] = set()
    for entry in entries:
        try:
            networks.append(ip_network(entry.strip(), strict=False))
        except ValueError:
            hosts.add(entry.strip().rstrip(".").lower())
    return Allowance(tuple(networks), frozenset(hosts))
