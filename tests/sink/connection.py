"""One connection of the receiver: what is read of it, remembered, and answered."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import unquote

from tests.sink.memory import Memory, Received


def answer(
    status: int, body: bytes = b'{"ok":true}', kind: str = "application/json", **headers: str
) -> bytes:
    """Put an HTTP answer together; header names are written with underscores."""
    if status in (204, 304):
        body = b""
    phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Status"
    lines = [f"HTTP/1.1 {status} {phrase}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


OK = answer(200)


class Connection(asyncio.Protocol):
    """One connection: reads requests, answers each according to its path, one after the other."""

    transport: asyncio.Transport
    request: Received  # the last one that was not for the test

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.buffer = b""
        self.busy = False
        self.closed = False
        self.served = 0
        self.head = b""
        self.body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.pump()

    def pump(self) -> None:
        """Answer every complete request in the buffer, unless one is being answered."""
        while self.buffer and not self.busy and not self.closed:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.buffer[:end]
            body = self.read_body(head, end + 4)
            if body is None:
                return
            self.head, self.body = head, body
            self.handle()

    def read_body(self, head: bytes, start: int) -> bytes | None:
        """Take the request's body off the buffer; None while some of it is missing."""
        buffer = self.buffer
        if header(head, b"transfer-encoding"):
            chunks = []
            while True:
                line_end = buffer.find(b"\r\n", start)
                if line_end < 0:
                    return None
                size = int(buffer[start:line_end].split(b";")[0], 16)
                start = line_end + 4 + size
                if len(buffer) < start:
                    return None
                if not size:
                    break
                chunks.append(buffer[line_end + 2 : line_end + 2 + size])
            body, end = b"".join(chunks), start
        else:
            end = start + int(header(head, b"content-length") or 0)
            if len(buffer) < end:
                return None
            body = buffer[start:end]
        self.buffer = buffer[end:]
        return body

    def handle(self) -> None:
        """Remember the request and answer it."""
        path = self.head.split(b" ", 2)[1].decode("latin-1")
        if path.startswith("/_sink/"):
            self.spawn(self.control(path))
            return
        memory = self.memory
        delivery = header(self.head, b"webhook-id")
        self.request = Received(time.time(), self.head, self.body, delivery)
        memory.arrived(self.request)
        if memory.answers:
            path = memory.answers.get(path, path)
        name, *words = path.partition("?")[0].strip("/").split("/")
        try:
            behaviour: Callable[..., Any] = getattr(self, f"do_{name}")
            work = behaviour(*map(unquote, words))
        except (AttributeError, TypeError, ValueError):
            self.reply(404, b'{"error":"no such behaviour"}')
        else:
            if work is not None:
                self.spawn(work)

    async def control(self, path: str) -> None:
        """Answer the test, not the product."""
        raise NotImplementedError

    def reply(self, status: int, body: bytes = b'{"ok":true}', **headers: str) -> None:
        self.send(answer(status, body, **headers), status)

    def send(self, data: bytes, status: int) -> None:
        """Write the answer and count it, if somebody still listens."""
        if self.closed:
            return
        self.memory.answered(self.request, status)
        self.served += 1
        if self.head.startswith(b"HEAD "):
            data = data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        self.transport.write(data)
        if b"\r\nconnection: close" in self.head.lower():
            self.transport.close()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that takes time; later requests on this connection wait for it."""
        self.busy = True
        asyncio.get_running_loop().create_task(work).add_done_callback(self.resume)

    def resume(self, task: asyncio.Task[None]) -> None:
        self.busy = False
        if not task.cancelled():
            task.result()
        self.pump()


def header(head: bytes, name: bytes) -> bytes:
    """The value of a header, or nothing."""
    start = head.lower().find(b"\r\n" + name + b":")
    if start < 0:
        return b""
    return head[start + len(name) + 3 :].partition(b"\r\n")[0].strip()
