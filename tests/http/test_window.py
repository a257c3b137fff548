"""The window: many calls at once, none of which holds up, loses or takes along another."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import uvloop

from integrations import http
from integrations.http import Exchange
from tests.http.conftest import DEADLINE, LATE, facts, post
from tests.sink import Sink


def test_interim_answers_are_read_over(sink: Sink) -> None:
    async def run() -> Exchange:
        window = http.Window(limit=1)
        answer = await window.send(post(sink.url("/hints/3")), timeout=5)
        await window.close()
        return answer

    assert facts(asyncio.run(run())) == (200, "", True)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_interim_answers_without_end_are_ended_and_hold_up_nobody(
    sink: Sink, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def run() -> list[Exchange]:
        window = http.Window(limit=20)
        calls = [window.send(post(sink.url("/hints/0")), timeout=5) for _ in range(8)]
        answers = await asyncio.gather(*calls, window.send(post(sink.url("/ok")), timeout=5))
        await window.close()
        return answers

    with asyncio.Runner(loop_factory=loop) as runner:
        *hostile, healthy = runner.run(run())
    assert facts(healthy) == (200, "", True)
    assert {facts(answer) for answer in hostile} == {(None, "protocol", True)}


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_names_that_nobody_answers_hold_up_no_other_name(
    sink: Sink, monkeypatch: pytest.MonkeyPatch, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    healthy_is_done = threading.Event()
    real = socket.getaddrinfo

    def resolve(host: str, *args: Any, **kwargs: Any) -> Any:
        if host.startswith("slow"):
            healthy_is_done.wait(10)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure")
        return real("127.0.0.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    async def run() -> tuple[Exchange, list[Exchange]]:
        window = http.Window(limit=50)
        slow = [
            asyncio.create_task(window.send(post(f"http://slow{n}.example/"), timeout=9))
            for n in range(40)
        ]
        await asyncio.sleep(0.1)
        port = urlsplit(sink.url()).port
        answer = await window.send(post(f"http://quick.example:{port}/ok"), timeout=3)
        healthy_is_done.set()
        answers = await asyncio.gather(*slow)
        await window.close()
        return answer, answers

    with asyncio.Runner(loop_factory=loop) as runner:
        answer, answers = runner.run(run())
    assert facts(answer) == (200, "", True)
    assert {facts(each) for each in answers} == {(None, "dns", False)}


def test_many_calls_share_the_window(sink: Sink) -> None:
    async def run() -> tuple[list[Exchange], float]:
        window = http.Window(limit=20)
        started = time.monotonic()
        calls = (window.send(post(sink.url("/slow/200")), timeout=5) for _ in range(40))
        answers = await asyncio.gather(*calls)
        await window.close()
        return answers, time.monotonic() - started

    answers, seconds = asyncio.run(run())
    assert {answer.status for answer in answers} == {200}
    assert 0.4 <= seconds < LATE  # 40 x 0.2 s, 20 at once: one by one it takes 8


def test_a_call_that_fails_does_not_take_its_neighbours_along(sink: Sink) -> None:
    async def run() -> list[Exchange]:
        window = http.Window(limit=2)
        paths = ["/badgzip", "/ok", f"/big/{http.BODY_CAP + 1}", "/slow/20"] * 25
        calls = (window.send(post(sink.url(path)), timeout=5) for path in paths)
        answers = await asyncio.gather(*calls)
        await window.close()
        return answers

    answers = asyncio.run(run())
    assert {facts(answer) for answer in answers[1::2]} == {(200, "", True)}


def test_waiting_for_a_free_connection_counts_against_the_deadline(sink: Sink) -> None:
    async def run() -> list[Exchange]:
        window = http.Window(limit=10, limit_per_host=1)
        # The one connection is taken for long after the second has to give up.
        calls = (window.send(post(sink.url("/slow/2000")), timeout=each) for each in (20, 0.5))
        answers = await asyncio.gather(*calls)
        await window.close()
        return answers

    outcomes = [facts(answer) for answer in asyncio.run(run())]
    assert outcomes[0] == (200, "", True)
    assert outcomes[1] == (None, "timeout", False)


def test_a_process_suspended_while_it_connects_does_not_send_when_it_is_late(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = aiohttp.TCPConnector.connect

    async def suspended(*args: Any, **kwargs: Any) -> Any:
        connection = await connect(*args, **kwargs)
        time.sleep(DEADLINE + 0.1)  # the whole process stands still, its timers too
        return connection

    async def run() -> Exchange:
        window = http.Window()
        answer = await window.send(post(sink.url()), timeout=DEADLINE)
        await window.close()
        return answer

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", suspended)
    assert facts(asyncio.run(run())) == (None, "timeout", False)
    assert sink.requests == []


def test_a_cancelled_call_leaves_the_window_usable(sink: Sink) -> None:
    async def run() -> Exchange:
        window = http.Window(limit=1)
        hanging = asyncio.create_task(window.send(post(sink.url("/hang")), timeout=5))
        await asyncio.sleep(0.05)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        answer = await window.send(post(sink.url()), timeout=1)
        await window.close()
        return answer

    assert asyncio.run(run()).status == 200


def test_a_closed_window_refuses_politely(sink: Sink) -> None:
    async def run() -> list[Exchange]:
        window = http.Window()
        hanging = asyncio.create_task(window.send(post(sink.url("/hang")), timeout=5))
        await asyncio.sleep(0.05)
        await window.close()
        return [await hanging, await window.send(post(sink.url()), timeout=5)]

    in_flight, late = asyncio.run(run())
    assert facts(in_flight) == (None, "lost", True)
    assert facts(late) == (None, "connect", False)
    assert sink.stats()["attempts"] == 1
