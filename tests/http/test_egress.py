"""May we dial this address?"""

import socket
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integrations import destinations, egress
from integrations.destinations import EgressRefused, check_address
from integrations.egress import check_url

FORBIDDEN = {
    "0.0.0.0": "an unspecified",  # noqa: S104
    "0.1.2.3": "an unspecified",
    "10.0.0.5": "a private",
    "100.64.0.1": "a carrier-grade NAT",
    "100.100.100.200": "a cloud metadata",
    "127.0.0.1": "a loopback",
    "127.255.255.254": "a loopback",
    "168.63.129.16": "a cloud metadata",
    "169.254.1.1": "a link-local",
    "169.254.169.254": "a link-local",
    "172.16.0.1": "a private",
    "172.31.255.255": "a private",
    "192.0.0.1": "a protocol assignment",
    "192.0.0.192": "a cloud metadata",
    "192.0.2.1": "a documentation",
    "192.88.99.1": "a 6to4 relay",
    "192.168.1.1": "a private",
    "198.18.0.1": "a benchmarking",
    "198.51.100.1": "a documentation",
    "203.0.113.1": "a documentation",
    "224.0.0.1": "a multicast",
    "240.0.0.1": "a reserved",
    "255.255.255.255": "a broadcast",
    "::": "an unspecified",
    "::1": "a loopback",
    "::7f00:1": "an IPv4-compatible",
    "::808:808": "an IPv4-compatible",
    "::ffff:10.0.0.5": "a private",
    "::ffff:a9fe:a9fe": "a link-local",
    "::ffff:0:127.0.0.1": "an IPv4-translated",
    "64:ff9b::10.0.0.5": "a private",
    "64:ff9b::169.254.169.254": "a link-local",
    "64:ff9b:1::808:808": "a local NAT64",
    "100::1": "a discard-only",
    "2001:0:808:808::1": "a Teredo",
    "2001:10::1": "a protocol assignment",
    "2001:db8::1": "a documentation",
    "2002:7f00:1::1": "a 6to4",
    "3fff::1": "a documentation",
    "5f00::1": "a reserved",
    "fc00::1": "a unique local",
    "fd00:ec2::254": "a cloud metadata",
    "fe80::1": "a link-local",
    "fe80::1%eth0": "a link-local",
    "fec0::1": "a site-local",
    "ff02::1": "a multicast",
}

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2001:4860:4860::8888",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]


@pytest.fixture(autouse=True)
def nothing_is_allowed(loopback_is_allowed: None, settings: Any) -> None:
    settings.OTMS_EGRESS_ALLOW = []


@pytest.mark.parametrize(("address", "words"), FORBIDDEN.items())
def test_an_inside_address_is_refused_by_its_class(address: str, words: str) -> None:
    with pytest.raises(EgressRefused, match=f" is {words} address "):
        check_address(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_dialled(address: str) -> None:
    check_address(address)


@given(st.ip_addresses())
@example(IPv6Address("2001:2::1"))
@example(IPv4Address("192.0.0.9"))
def test_what_python_calls_not_global_is_never_dialled(ip: IPv4Address | IPv6Address) -> None:
    try:
        check_address(str(ip))
    except EgressRefused:
        return
    if isinstance(ip, IPv6Address) and ip in IPv6Network("::ffff:0:0/96"):
        ip = ip_address(int(ip) & 0xFFFFFFFF)
    assert ip.is_global


def test_a_refusal_says_why_and_who_can_change_it() -> None:
    with pytest.raises(EgressRefused) as refused:
        check_address("10.0.0.5")
    assert str(refused.value) == (
        "10.0.0.5 is a private address (10.0.0.0/8);"
        " an operator can allow it with OTMS_EGRESS_ALLOW"
    )


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1"])
def test_a_wrapped_address_is_allowed_exactly_when_the_plain_one_is(
    address: str, settings: Any
) -> None:
    settings.OTMS_EGRESS_ALLOW = ["127.0.0.1"]
    check_address(address)
    settings.OTMS_EGRESS_ALLOW = ["127.0.0.2", "::ffff:127.0.0.1"]
    with pytest.raises(EgressRefused):
        check_address(address)


def test_an_allowed_network_opens_its_addresses_only(settings: Any) -> None:
    settings.OTMS_EGRESS_ALLOW = ["10.1.0.0/16", "fd12::/16"]
    check_address("10.1.2.3")
    check_address("fd12::1")
    for outside in ("10.2.0.1", "fd13::1"):
        with pytest.raises(EgressRefused):
            check_address(outside)


def test_an_allowed_name_may_lead_inside(settings: Any) -> None:
    settings.OTMS_EGRESS_ALLOW = ["ERP.internal."]
    check_address("10.0.0.5", "erp.internal")
    check_address("10.0.0.5", "erp.internal.")
    with pytest.raises(EgressRefused):
        check_address("10.0.0.5", "other.internal")
    with pytest.raises(EgressRefused):
        check_address("10.0.0.5")


@pytest.mark.parametrize("address", ["169.254.169.254", "100.100.100.200", "fd00:ec2::254"])
def test_the_keys_of_the_cloud_need_a_network_of_their_own(address: str, settings: Any) -> None:
    settings.OTMS_EGRESS_ALLOW = ["metadata.internal", "0.0.0.0/0", "100.64.0.0/10", "::/0"]
    with pytest.raises(EgressRefused):
        check_address(address, "metadata.internal")
    settings.OTMS_EGRESS_ALLOW = [address]
    check_address(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://%31%32%37.0.0.1/",
        "http://127%2E0.0.1/",
        "http://１２７.０.０.１/",  # noqa: RUF001
        "http://127。0。0。1/",
        "http://①②⑦.0.0.1/",
        "http://0/",
        "http://[::1]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[::ffff:a00:1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[fe80::1%25eth0]/",
        "https://169.254.169.254/latest/meta-data/",
    ],
)
def test_no_spelling_hides_an_inside_address(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a literal address needs no resolver")

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    with pytest.raises(EgressRefused):
        check_url(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.com/", "http:// or https://, not 'ftp'"),
        ("file:///etc/passwd", "http:// or https://"),
        ("example.com/hook", "Write the whole URL: https://example.com/hook"),
        ("http://", "no host"),
        ("http:///path", "no host"),
        ("http://user:secret@example.com/", "user name or password"),
        ("http://example.com@10.0.0.1/", "user name or password"),
        ("http://example.com\\@10.0.0.1/", "backslashes"),
        ("http://example.com/a b", "spaces"),
        ("http://example.com/\r\nX: y", "control characters"),
        ("http://exa%2Fmple.com/", "neither a host name"),
        ("http://1.2.3.4.5/", "neither a host name"),
        ("http://256.1.1.1/", "neither a host name"),
        ("http://a..b/", "not a host name"),
        ("http://[::1/", "Invalid IPv6"),
        ("http://example.com:99999/", "Port out of range"),
    ],
)
def test_a_url_that_means_nothing_good_is_explained(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_url(url)


def test_every_address_of_a_name_must_pass(names: dict[str, list[str]]) -> None:
    names["partner.example"] = ["8.8.8.8", "2606:4700::1111"]
    check_url("https://partner.example/hook")
    check_url("https://Partner.Example./hook?token=1#top")
    names["partner.example"].append("10.0.0.5")
    with pytest.raises(EgressRefused, match=r"10\.0\.0\.5 is a private address"):
        check_url("https://partner.example/hook")


def test_a_name_that_does_not_exist_yet_may_be_saved(names: dict[str, list[str]]) -> None:
    check_url("https://not-yet.example/hook")


def test_a_slow_resolver_does_not_hold_up_saving(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress, "RESOLVE_ON_SAVE", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(8))
    started = time.monotonic()
    check_url("https://slow.example/hook")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("port", [80, 443, 1024, 8080, 8443, 9000, 50000])
def test_a_web_port_may_be_called(port: int) -> None:
    check_url(f"http://8.8.8.8:{port}/")


@pytest.mark.parametrize("port", [0, 22, 25, 2375, 3306, 5432, 6379, 9200, 11211, 27017])
def test_a_port_of_another_service_is_refused(port: int, names: dict[str, list[str]]) -> None:
    names["partner.example"] = ["8.8.8.8"]
    for host in ("8.8.8.8", "partner.example", "unknown.example"):
        with pytest.raises(EgressRefused, match=f"port {port} belongs to"):
            check_url(f"http://{host}:{port}/")


def test_an_allowed_target_may_use_any_port(names: dict[str, list[str]], settings: Any) -> None:
    names["search.internal"] = ["10.0.0.9"]
    settings.OTMS_EGRESS_ALLOW = ["10.0.0.0/24", "unknown.internal"]
    check_url("http://10.0.0.9:9200/")
    check_url("http://search.internal:9200/")
    check_url("http://unknown.internal:9200/")


def test_a_refused_socket_is_never_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*args: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", opened)
    for address, port in (("127.0.0.1", 80), ("8.8.8.8", 6379)):
        with pytest.raises(EgressRefused):
            egress.socket_factory((socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)))


def test_other_channels_dial_on_their_own_ports_but_not_inside(
    listener: socket.socket,
    nobody_came: Callable[[], None],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(EgressRefused):
        egress.connect("127.0.0.1", port, timeout=1)
    nobody_came()
    monkeypatch.setitem(destinations.SERVICE_PORTS, port, "SFTP")
    # The address is allowed by a name, so that only the port is left to judge.
    settings.OTMS_EGRESS_ALLOW = ["127.0.0.1"]
    egress.connect("127.0.0.1", port, timeout=1).close()
    came, _ = listener.accept()
    came.close()


def test_the_first_permitted_address_is_dialled(
    listener: socket.socket, names: dict[str, list[str]], settings: Any
) -> None:
    settings.OTMS_EGRESS_ALLOW = ["127.0.0.1"]
    names["sftp.example"] = ["10.0.0.5", "127.0.0.1"]
    sock = egress.connect("sftp.example", listener.getsockname()[1], timeout=1)
    assert sock.getpeername() == listener.getsockname()
    sock.close()
