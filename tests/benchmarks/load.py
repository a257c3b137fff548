"""Orders that are posted: as fast as they are answered, or at a steady pace."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvloop

CONNECTIONS = 16
LENGTH = b"\r\ncontent-length:"
PATIENCE = 60.0
RESTED = 1.0  # seconds: gunicorn ends a connection that rests for two


@dataclass
class Posted:
    """What was posted: when each order was (or should have been), and how long that took."""

    sent: dict[int, int] = field(default_factory=dict)  # by number, monotonic nanoseconds
    seconds: float = 0.0  # until the last answer

    @property
    def rate(self) -> float:
        return len(self.sent) / self.seconds


# The request for the orders with these numbers, as it goes over the wire.
Written = Callable[[range], bytes]


def as_fast_as_answered(
    port: int, write: Written, seconds: float, *, each: int = 1, connections: int = CONNECTIONS
) -> Posted:
    """A closed loop: so many connections, each posts again when it was answered."""
    return uvloop.run(_closed(port, write, seconds, each, connections))


def at_pace(port: int, write: Written, rate: float, seconds: float) -> Posted:
    """An open loop: each order counts from when it should have been posted."""
    return uvloop.run(_open(port, write, rate, seconds))


async def _closed(port: int, write: Written, seconds: float, each: int, connections: int) -> Posted:
    posted = Posted()
    began = time.monotonic_ns()
    end = began + int(seconds * 1e9)
    starts: Iterator[int] = iter(range(0, 1 << 60, each))

    async def caller() -> None:
        connection = await _connected(port)
        while time.monotonic_ns() < end:
            first = next(starts)
            numbers = range(first, first + each)
            request = write(numbers)
            posted.sent |= dict.fromkeys(numbers, time.monotonic_ns())
            await connection.ask(request)
        await connection.close()

    await asyncio.gather(*(caller() for _ in range(connections)))
    posted.seconds = (time.monotonic_ns() - began) / 1e9
    return posted


async def _open(port: int, write: Written, rate: float, seconds: float) -> Posted:
    posted = Posted()
    free: list[_Connection] = []
    began = time.monotonic_ns()

    async def post(number: int) -> None:
        connection = free.pop() if free else None
        if connection is None or not connection.is_fresh:
            if connection:
                await connection.close()
            connection = await _connected(port)
        await connection.ask(write(range(number, number + 1)))
        free.append(connection)  # the one that is used next

    posting = []
    for number in range(int(rate * seconds)):
        due = began + int(number * 1e9 / rate)
        await asyncio.sleep(max(0, due - time.monotonic_ns()) / 1e9)
        posted.sent[number] = due
        posting.append(asyncio.create_task(post(number)))
    await asyncio.gather(*posting)
    posted.seconds = (time.monotonic_ns() - began) / 1e9
    await asyncio.gather(*(connection.close() for connection in free))
    return posted


async def _connected(port: int) -> "_Connection":
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
    return connection


class _Connection(asyncio.Protocol):
    """A connection that is kept; anything but an answer of 2xx fails the run."""

    def __init__(self) -> None:
        self.is_open, self.used = True, time.monotonic()
        self.ended = asyncio.Event()
        self.buffer = b""
        self.answer: asyncio.Future[bytes] | None = None

    @property
    def is_fresh(self) -> bool:
        """Is it there, and will it be? One that rests is ended by the server, at any moment."""
        return self.is_open and time.monotonic() - self.used < RESTED

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        self.ended.set()
        if self.answer and not self.answer.done():
            self.answer.set_exception(ConnectionError(f"ended before the answer: {error}"))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].lower()
        at = head.find(LENGTH)
        assert at >= 0, f"an answer without a length: {head!r}"
        length = int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0])
        if len(self.buffer) >= end + 4 + length and self.answer:
            answer, self.buffer = self.buffer, b""
            self.answer.set_result(answer)

    async def ask(self, request: bytes) -> None:
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        answer = await asyncio.wait_for(self.answer, PATIENCE)
        assert answer.split(b" ", 2)[1].startswith(b"2"), answer[:2000]
        self.used = time.monotonic()

    async def close(self) -> None:
        self.transport.close()
        await self.ended.wait()
