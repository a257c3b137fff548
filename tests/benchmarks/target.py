"""A receiver that costs next to nothing: it remembers when each order came, and how often.

`python -m tests.benchmarks.target` listens; the first line of output says on which port. An order
is known by its mark, `mark(run, number)`, wherever that stands in the body.
"""

import asyncio
import json
import re
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).parents[2]
MARK = re.compile(rb"run-([0-9a-f]+)-(\d+)\b")
LENGTH = b"\r\ncontent-length:"
OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'


def mark(run: str, number: int) -> str:
    """What an order is known by."""
    return f"run-{run}-{number}"


class Arrivals:
    """Of each run, by the order's number: the first time in nanoseconds, and how many times."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[int, list[int]]] = {}
        self.changed = asyncio.Event()

    def note(self, body: bytes) -> None:
        if found := MARK.search(body):
            run = self.runs.setdefault(found[1].decode(), {})
            known = run.setdefault(int(found[2]), [now(), 0])
            known[1] += 1
            self.changed.set()

    async def wait(self, run: str, n: int, seconds: float) -> int:
        """How many orders of a run came: n, or as many as there are when the time is over."""
        end = now() + seconds * 1e9
        while len(self.runs.get(run, ())) < n and now() < end:
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), (end - now()) / 1e9)
            except TimeoutError:
                break
            await asyncio.sleep(0.01)  # else it would look at each of them
        return len(self.runs.get(run, ()))


def now() -> int:
    return int(asyncio.get_running_loop().time() * 1e9)


class Connection(asyncio.Protocol):
    """Requests one after the other, each with a Content-Length."""

    def __init__(self, arrivals: Arrivals) -> None:
        self.arrivals = arrivals
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(LENGTH)
            length = int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            path = self.buffer.split(b" ", 2)[1].decode()
            self.buffer = self.buffer[end + 4 + length :]
            if path.startswith("/arrivals"):
                self.asked = asyncio.ensure_future(self.tell(path))
            else:
                self.arrivals.note(body)
                self.transport.write(OK)

    async def tell(self, path: str) -> None:
        query = {name: one[0] for name, one in parse_qs(urlsplit(path).query).items()}
        run = query["run"]
        if "n" in query:
            told: Any = await self.arrivals.wait(run, int(query["n"]), float(query["seconds"]))
        else:
            told = self.arrivals.runs.pop(run, {})
        body = json.dumps(told).encode()
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


class Target:
    """A running receiver."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.target"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/orders"

    def wait(self, run: str, n: int, seconds: float) -> int:
        """Wait until n orders of a run came; how many did."""
        found: int = self._ask(f"/arrivals?run={run}&n={n}&seconds={seconds}", seconds + 10)
        return found

    def arrivals(self, run: str) -> dict[int, tuple[int, int]]:
        """By number, when an order first came (monotonic nanoseconds) and how often; forgets it."""
        found = self._ask(f"/arrivals?run={run}", 60)
        return {int(number): (at, times) for number, (at, times) in found.items()}

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()

    def _ask(self, path: str, timeout: float) -> Any:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


async def serve() -> None:
    arrivals = Arrivals()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(arrivals), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve())
