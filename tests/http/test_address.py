"""Whom the door dials: names, addresses and ports, and which it never does."""

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from integrations import egress
from tests.http.conftest import LATE, Door, facts, post
from tests.sink import Sink


def test_nobody_listening_is_an_error_to_retry(door: Door) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    exchange = door(post(f"http://127.0.0.1:{port}/"))
    assert facts(exchange) == (None, "connect", False)
    assert exchange.error == "Could not connect to 127.0.0.1: Connection refused."


def test_a_name_nobody_knows_is_told(door: Door, names: dict[str, list[str]]) -> None:
    exchange = door(post("http://nowhere.example/"))
    assert facts(exchange) == (None, "dns", False)
    assert exchange.error.startswith("The name nowhere.example could not be resolved: ")


def test_a_slow_resolver_counts_against_the_deadline(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(8))
    exchange = door(post("http://slow.example/"), timeout=0.2)
    assert facts(exchange) == (None, "timeout", False)
    assert exchange.duration_ms < LATE * 1000


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1", "127.0.0.1.", "localhost"],
)
def test_an_inside_address_is_never_dialled(
    door: Door,
    host: str,
    listener: socket.socket,
    nobody_came: Callable[[], None],
    settings: Any,
) -> None:
    settings.OTMS_EGRESS_ALLOW = []
    exchange = door(post(f"http://{host}:{listener.getsockname()[1]}/"))
    assert facts(exchange) == (None, "egress", False)
    assert "is a loopback address" in exchange.error
    nobody_came()


@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.5", "[fd00:ec2::254]", "[::]"])
def test_no_packet_leaves_for_a_forbidden_network(door: Door, host: str) -> None:
    exchange = door(post(f"http://{host}/latest/meta-data/"))
    assert facts(exchange) == (None, "egress", False)
    assert "OTMS_EGRESS_ALLOW" in exchange.error


def test_a_port_of_another_service_is_never_dialled(door: Door, settings: Any) -> None:
    exchange = door(post("http://8.8.8.8:6379/"))
    assert facts(exchange) == (None, "egress", False)
    assert "port 6379 belongs to Redis" in exchange.error


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.5"],
        ["10.0.0.5", "10.0.0.6"],
        ["10.0.0.5", "fd00::5"],
        ["10.0.0.5", "fd00::5", "192.168.0.1", "::1"],
    ],
)
def test_a_name_with_nothing_but_inside_addresses_is_refused(
    door: Door, names: dict[str, list[str]], addresses: list[str]
) -> None:
    names["partner.example"] = addresses
    exchange = door(post("http://partner.example/"))
    assert facts(exchange) == (None, "egress", False)
    assert "OTMS_EGRESS_ALLOW" in exchange.error


def test_a_permitted_address_beside_a_forbidden_one_is_used(
    door: Door, sink: Sink, names: dict[str, list[str]]
) -> None:
    names["partner.example"] = ["10.0.0.5", "fd00::5", "127.0.0.1"]
    assert door(post(f"http://partner.example:{sink.port}/ok")).status == 200


def test_a_permitted_address_that_does_not_answer_is_no_refusal(
    door: Door, names: dict[str, list[str]]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    names["partner.example"] = ["127.0.0.1", "10.0.0.5"]
    assert facts(door(post(f"http://partner.example:{port}/"))) == (None, "connect", False)


def test_a_name_that_moves_inside_after_saving_is_not_dialled(
    door: Door,
    listener: socket.socket,
    nobody_came: Callable[[], None],
    names: dict[str, list[str]],
    settings: Any,
) -> None:
    settings.OTMS_EGRESS_ALLOW = []
    url = f"http://rebound.example:{listener.getsockname()[1]}/"
    names["rebound.example"] = ["8.8.8.8"]
    egress.check_url(url)
    names["rebound.example"] = ["127.0.0.1"]
    assert facts(door(post(url))) == (None, "egress", False)
    nobody_came()


def test_an_allowed_name_reaches_the_inside(
    door: Door, sink: Sink, names: dict[str, list[str]], settings: Any
) -> None:
    settings.OTMS_EGRESS_ALLOW = ["erp.internal"]
    names["erp.internal"] = names["other.internal"] = ["127.0.0.1"]
    assert door(post(f"http://erp.internal:{sink.port}/ok")).status == 200
    assert door(post(f"http://other.internal:{sink.port}/ok")).error_kind == "egress"
