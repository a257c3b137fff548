"""What comes back through the door: refused, broken, large, compressed, led elsewhere."""

import asyncio
import time
import tracemalloc

import pytest

from integrations import http
from integrations.http import Exchange, Request
from tests.http.conftest import DEADLINE, LATE, Door, facts, post
from tests.sink import Sink


@pytest.mark.parametrize("code", [204, 400, 401, 410, 429, 500, 503])
def test_a_refusal_is_an_answer(door: Door, sink: Sink, code: int) -> None:
    assert facts(door(post(sink.url(f"/status/{code}")))) == (code, "", True)


def test_the_receiver_says_when_to_come_back(door: Door, sink: Sink) -> None:
    assert door(post(sink.url("/retry/429/7"))).headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/close", None, "lost"),
        ("/reset", None, "lost"),
        ("/truncate", 200, "lost"),
        ("/garbage", None, "protocol"),
        ("/badgzip", 200, "protocol"),
    ],
)
def test_a_broken_answer_is_told_apart(
    door: Door, sink: Sink, path: str, status: int | None, kind: str
) -> None:
    exchange = door(post(sink.url(path)))
    assert facts(exchange) == (status, kind, True)
    assert exchange.error.endswith(".")
    assert sink.stats()["attempts"] == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
def test_nothing_is_sent_twice_in_one_call(door: Door, sink: Sink, method: str) -> None:
    for _ in range(2):
        door(Request(method, sink.url("/stale")))
    assert sink.stats()["attempts"] == 2


def test_a_connection_closed_while_idle_is_an_honest_error(sink: Sink) -> None:
    async def two() -> list[Exchange]:
        window = http.Window(limit=1)
        request = post(sink.url("/stale"))
        answers = [await window.send(request, timeout=5) for _ in range(2)]
        await window.close()
        return answers

    first, second = asyncio.run(two())
    assert facts(first) == (200, "", True)
    assert facts(second) == (None, "lost", True)


def test_a_large_answer_ends_at_the_cap(door: Door, sink: Sink) -> None:
    tracemalloc.start()
    exchange = door(post(sink.url("/big/10000000")))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert facts(exchange) == (200, "", True)
    assert (len(exchange.body), exchange.truncated) == (http.BODY_CAP, True)
    assert peak < 2_000_000
    assert door(post(sink.url())).status == 200


def test_an_answer_as_large_as_the_cap_is_whole(door: Door, sink: Sink) -> None:
    for size, truncated in ((http.BODY_CAP, False), (http.BODY_CAP + 1, True)):
        exchange = door(post(sink.url(f"/big/{size}")))
        assert (len(exchange.body), exchange.truncated) == (http.BODY_CAP, truncated)


def test_a_compressed_answer_is_read(door: Door, sink: Sink) -> None:
    assert door(post(sink.url("/gzip/hello"))).body == b"hello"
    assert door(post(sink.url("/chunked/3"))).body == b"chunkchunkchunk"


def test_a_bomb_fills_the_cap_and_no_more(door: Door, sink: Sink) -> None:
    door(post(sink.url("/gzipbomb/200")))
    tracemalloc.start()
    exchange = door(post(sink.url("/gzipbomb/200")))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert facts(exchange) == (200, "", True)
    assert (exchange.body, exchange.truncated) == (bytes(http.BODY_CAP), True)
    assert peak < 2_000_000


@pytest.mark.parametrize("path", ["/redirect/301/ok", "/redirect/307/ok", "/loop"])
def test_a_redirect_is_not_followed(door: Door, sink: Sink, path: str) -> None:
    exchange = door(post(sink.url(path)))
    assert exchange.status in (301, 302, 307)
    assert exchange.headers["location"]
    assert sink.stats()["attempts"] == 1


def test_odd_headers_of_an_answer_can_be_stored(door: Door, sink: Sink) -> None:
    headers = door(post(sink.url("/oddheaders"))).headers
    assert headers["x-latin"] == "café"
    assert headers["x-twice"] == "one, two"
    assert headers["x-bell"] == "a\\x07b"


def test_cookies_are_not_kept(door: Door, sink: Sink) -> None:
    door(post(sink.url("/oddheaders")))
    door(post(sink.url()))
    assert "cookie" not in sink.requests[1].headers


@pytest.mark.parametrize(
    "path", ["/hang", "/slow/20000", "/slowhead/400", "/drip/1000", "/drip/1000/eof"]
)
def test_the_deadline_covers_the_whole_answer(door: Door, sink: Sink, path: str) -> None:
    started = time.monotonic()
    exchange = door(post(sink.url(path)), timeout=DEADLINE)
    assert DEADLINE - 0.05 < time.monotonic() - started < DEADLINE + LATE
    assert exchange.error_kind == "timeout"
    assert exchange.error == "No complete answer within 0.5 s."
    assert exchange.sent
    assert exchange.status == (200 if path.startswith("/drip") else None)


def test_a_slow_answer_in_time_is_fine(door: Door, sink: Sink) -> None:
    assert facts(door(post(sink.url("/drip/5")))) == (200, "", True)
    exchange = door(post(sink.url("/drip/5/eof")))
    assert (exchange.body, exchange.error) == (b"x" * 20, "")
