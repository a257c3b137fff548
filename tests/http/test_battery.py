"""Every way we know of to have an inside address called: sockets listen there, and nobody comes.

`pytest -s tests/http/test_battery.py` prints how many.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from integrations.connectors import webhook
from integrations.http import Request
from tests.http.conftest import Door
from tests.sink import Sink

ROOT = Path(__file__).parents[2]
# {port} is one on which 127.0.0.1, 127.0.0.2, 127.255.255.254 and ::1 listen.
LOOPBACK = [
    # dotted, short, decimal, octal, hexadecimal, and mixtures
    *("127.0.0.1", "127.0.0.2", "127.255.255.254", "127.1", "127.0.1", "2130706433", "2130706434"),
    *("0177.0.0.1", "0177.1", "017700000001", "0x7f.0.0.1", "0x7f.1", "0x7f000001", "0X7F000001"),
    *("127.0.0x0.1", "0x7f.0.0.01", "0177.0x0.0.1", "127.0.0.01", "00000177.0.0.1"),
    # dots at the end, percents, and characters that are read as others
    *("127.0.0.1.", "2130706433.", "%31%32%37.0.0.1", "127%2E0%2E0%2E1", "%30x7f.1"),
    *("127\u30020\u30020\u30021", "127\uff0e0\uff0e0\uff0e1", "127\uff610\uff610\uff611"),
    *("\uff11\uff12\uff17.0.0.1", "\u2460\u2461\u2466.0.0.1", "\U0001d7cf\U0001d7d0\U0001d7d5.1"),
    "\u00b2\u00b9\u00b3\u2070\u2077\u2070\u2076\u2074\u00b3\u00b3",
    # nobody's address, which is this machine's
    *("0.0.0.0", "0", "0x0", "00"),  # noqa: S104
    # IPv6, and IPv4 inside of it
    *("[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000::0001]", "[::]", "[0::0]"),
    *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::FFFF:7F00:0001]"),
    *("[::127.0.0.1]", "[::7f00:1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]"),
    *("[64:ff9b:1::7f00:1]", "[2002:7f00:1::1]", "[2001:0:7f00:1::1]", "[::1%25lo]", "[::1%lo]"),
    # names of this machine
    *("localhost", "LOCALHOST", "l\uff4fcalhost"),
]
ELSEWHERE = [
    # private, shared, link-local, reserved
    *("10.0.0.5", "0x0a000005", "012.0.0.5", "172.16.0.1", "172.31.255.254", "192.168.1.1"),
    *("100.64.0.1", "169.254.1.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1"),
    *("[fc00::1]", "[fd00::1]", "[fe80::1]", "[fe80::1%25eth0]", "[fec0::1]", "[ff02::1]"),
    *("[100::1]", "[2001:db8::1]", "[3fff::1]", "[5f00::1]", "[::ffff:10.0.0.5]"),
    *("[64:ff9b::10.0.0.5]", "[2002:a00:5::]"),
    # what holds the keys of clouds: AWS, Google, Azure (two), ECS, Alibaba, Oracle
    *("169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518"),
    *("[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]"),
    *("169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    *("[fd00:ec2::254]", "[fd20:ce::254]", "[fd00:42::42]", "169\u3002254\u3002169\u3002254"),
]
NO_TARGET = [
    # another who than it seems, and other ways than HTTP
    *("http://8.8.8.8@127.0.0.1:{port}/", "http://8.8.8.8:80@127.0.0.1:{port}/"),
    *("http://8.8.8.8%40127.0.0.1:{port}/", "http://127.0.0.1:{port}@8.8.8.8/"),
    *("http://8.8.8.8\\@127.0.0.1:{port}/", "http:\\\\127.0.0.1:{port}\\"),
    *(
        "http://8.8.8.8 @127.0.0.1:{port}/",
        "http://127.0.0.1 :{port}/",
        "http://127.0.0.1\t:{port}/",
    ),
    *(
        "http://127.0.0.1\r\n:{port}/",
        "http://127.0.0.1%0d%0a:{port}/",
        "http://127.0.0.1%00:{port}/",
    ),
    *(
        "//127.0.0.1:{port}/",
        "///127.0.0.1:{port}/",
        "127.0.0.1:{port}/",
        "http:///127.0.0.1:{port}/",
    ),
    *("ftp://127.0.0.1:{port}/", "file:///etc/passwd", "gopher://127.0.0.1:{port}/_GET"),
    *("dict://127.0.0.1:{port}/", "ws://127.0.0.1:{port}/", "unix:///tmp/x", "data:,x"),
    *(
        "http+unix://%2ftmp%2fx/",
        "jar:http://127.0.0.1:{port}/!/",
        "http://[::1/",
        "http://[127.0.0.1]:{port}/",
    ),
    *("http://127.0.0.1:{port}:80/", "http://127.0.0.256:{port}/", "http://1.2.3.4.5:{port}/"),
    *("http://0x7f.0x0.0x0.0x1.0x0:{port}/", "http://127.0.0.1:99999/", "http://127.0.0.1:-1/"),
]
PORTS = [0, 1, 22, 23, 25, 53, 110, 143, 389, 445, 2375, 3306, 5432, 6379, 9200, 11211, 27017]
TRIED: set[str] = set()


@pytest.fixture(scope="module")
def listening() -> Iterator[tuple[int, list[socket.socket]]]:
    """Sockets on inside addresses, all on one port, that would notice anyone who comes."""
    with ExitStack() as stack:
        first = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = first.getsockname()[1]
        found = [first]
        for address in ("127.0.0.2", "127.255.255.254", "::1"):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            try:
                made = socket.create_server((address, port), family=family)
            except OSError:
                continue  # not every machine has IPv6, or all of 127/8
            found.append(stack.enter_context(made))
        for each in found:
            each.setblocking(False)
        yield port, found


@pytest.fixture
def nobody_comes(listening: tuple[int, list[socket.socket]], settings: Any) -> Iterator[int]:
    """The port, in a test after which nobody has come to any of the sockets."""
    settings.OTMS_EGRESS_ALLOW = []
    port, sockets = listening
    yield port
    for each in sockets:
        with pytest.raises(BlockingIOError):
            each.accept()


@pytest.fixture(scope="module", autouse=True)
def counted() -> Iterator[None]:
    yield
    sys.stdout.write(f"\n{len(TRIED)} addresses and spellings, each with every engine\n")


def is_never_called(door: Door, url: str) -> None:
    TRIED.add(url)
    settings = {"url": url, "auth": {"type": "none"}}
    assert [each.field for each in webhook.Connector.problems(settings, {})] == ["url"], url
    exchange = door(Request("POST", url, {}, b"{}"), timeout=5)
    assert not exchange.sent, url
    assert exchange.status is None
    assert exchange.error_kind in ("egress", "protocol"), (url, exchange.error)


def test_the_battery_is_large() -> None:
    assert len({*LOOPBACK, *ELSEWHERE, *NO_TARGET, *map(str, PORTS)}) >= 120


@pytest.mark.parametrize("host", LOOPBACK)
def test_this_machine_is_not_called(door: Door, nobody_comes: int, host: str) -> None:
    is_never_called(door, f"http://{host}:{nobody_comes}/")


@pytest.mark.parametrize("host", ELSEWHERE)
def test_no_network_inside_is_called(door: Door, nobody_comes: int, host: str) -> None:
    is_never_called(door, f"http://{host}/latest/meta-data/")


@pytest.mark.parametrize("url", NO_TARGET)
def test_what_is_no_address_of_the_web_is_not_called(
    door: Door, nobody_comes: int, url: str
) -> None:
    is_never_called(door, url.format(port=nobody_comes))


@pytest.mark.parametrize("port", PORTS)
def test_no_service_of_an_operator_is_called(door: Door, nobody_comes: int, port: int) -> None:
    is_never_called(door, f"http://93.184.216.34:{port}/")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308, 300, 201])
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "[::1]", "localhost", "169.254.169.254"]
)
def test_nobody_is_sent_on_to_the_inside(
    door: Door, sink: Sink, nobody_comes: int, settings: Any, code: int, host: str
) -> None:
    """The target itself is allowed by name, and not by address."""
    settings.OTMS_EGRESS_ALLOW = ["sink.example"]
    for where in (f"http://{host}:{nobody_comes}/", f"//{host}:{nobody_comes}/"):
        TRIED.add(f"{code} to {where}")
        path = f"/away/{code}/{quote(where, safe='')}"
        exchange = door(Request("POST", f"http://sink.example:{sink.port}{path}", {}, b"{}"))
        assert exchange.status == code
    assert sink.stats()["attempts"] == 2


@pytest.fixture(autouse=True)
def sink_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        return real("127.0.0.1" if host == "sink.example" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.mark.parametrize("order", [1, -1])
def test_of_a_name_that_leads_both_ways_only_the_permitted_address_is_called(
    door: Door,
    nobody_comes: int,
    names: dict[str, list[str]],
    settings: Any,
    order: int,
    listening: tuple[int, list[socket.socket]],
) -> None:
    settings.OTMS_EGRESS_ALLOW = ["127.0.0.9"]
    names["mixed.example"] = ["127.0.0.1", "::1", "127.0.0.9", "127.0.0.2", "10.0.0.5"][::order]
    try:
        permitted = socket.create_server(("127.0.0.9", nobody_comes))
    except OSError:
        pytest.skip("this machine has not all of 127/8")
    with permitted:
        exchange = door(
            Request("POST", f"http://mixed.example:{nobody_comes}/", {}, b"{}"), timeout=1
        )
        assert exchange.error_kind == "timeout"  # it listens, and does not answer
        permitted.settimeout(5)
        permitted.accept()[0].close()


def test_a_name_that_moves_inside_is_not_followed_by_a_real_resolver() -> None:
    """In namespaces of Linux the system's own resolver asks a DNS server of ours on port 53.

    Where they may not be made, test_door.py still does the same above getaddrinfo.
    """
    command = ["unshare", "--user", "--map-root-user", "--mount", "--net"]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no namespaces here: {error}")
    run = subprocess.run(
        [*command, sys.executable, "-m", "tests.http.rebinding"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    engines = {"call", "window", "window on uvloop"}
    assert set(found["engines"]) == engines
    for engine, seen in found["engines"].items():
        assert seen["stays outside"] == {"outside": 1, "inside": 0, "said": ""}, engine
        assert seen["moves inside after it was saved"] == {
            "outside": 0,
            "inside": 0,
            "said": "egress",
        }, engine
        assert seen["leads both ways"] == {"outside": 1, "inside": 0, "said": ""}, engine
        assert seen["moves inside with every question"] == {
            "outside": 1,
            "inside": 0,
            "said": "",
        }, engine
    assert found["questions"] >= 4 * len(engines)
    assert found["inside"] == 0
    TRIED.update(f"{engine}: {way}" for engine in engines for way in found["engines"][engine])
