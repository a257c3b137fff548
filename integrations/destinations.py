"""May we dial this address? Which networks and ports are nobody's targets, and what the operator
allows all the same.
"""

from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import NamedTuple

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

ALLOW = "an operator can allow it with OTMS_EGRESS_ALLOW"

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
    ip = canonical(address)
    network, words = next((entry for entry in RANGES if ip in entry[0]), (None, ""))
    if network is None:
        return
    allowed_by = _allowance()
    if words in CLOUD_KEYS:
        # Whoever reads them owns the cloud account: no name and no wider network opens these.
        allowed = any(ip in n and n.prefixlen >= network.prefixlen for n in allowed_by.networks)
    else:
        allowed = allowed_by.covers(ip, host)
    if not allowed:
        raise EgressRefused(f"{ip} is {words} address ({network}); {ALLOW}")


def check_port(port: int, address: str = "", host: str = "") -> None:
    """Refuse a port where no web server is expected, unless the operator allowed the target."""
    if port in WEB_PORTS or (port > 1023 and port not in SERVICE_PORTS):
        return
    if _allowance().covers(canonical(address) if address else None, host):
        return
    service = SERVICE_PORTS.get(port, "system services")
    raise EgressRefused(f"port {port} belongs to {service}, not to the web; {ALLOW}")


def canonical(address: str) -> Address:
    """The address without a zone, and as IPv4 where it only wraps one on its way to a gateway."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and (ip.ipv4_mapped or ip in NAT64):
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def _allowance() -> Allowance:
    from django.conf import settings

    return allowance(tuple(getattr(settings, "OTMS_EGRESS_ALLOW", ())))


@lru_cache(maxsize=16)
def allowance(entries: tuple[str, ...]) -> Allowance:
    """What these entries name: networks, addresses, and hosts."""
    networks: list[Network] = []
    hosts: set[str] = set()
    for entry in entries:
        try:
            networks.append(ip_network(entry.strip(), strict=False))
        except ValueError:
            hosts.add(entry.strip().rstrip(".").lower())
    return Allowance(tuple(networks), frozenset(hosts))
