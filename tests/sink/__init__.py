"""The other system: a real HTTP receiver in a process of its own, driven from a test."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from ssl import create_default_context
from typing import Any
from urllib.parse import urlencode

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Received:
    """One request as the other system saw it; header names are in lower case."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int  # it was answered; 0 is none so far

    def json(self) -> Any:
        return json.loads(self.body)


class Sink:
    """A running receiver; manners.py and door.py list how it behaves, by the path."""

    def __init__(
        self, *, keep: int = 1000, cert: Path | None = None, client_ca: Path | None = None
    ) -> None:
        command = [sys.executable, "-m", "tests.sink", "--keep", str(keep)]
        if cert:
            command += ["--cert", str(cert)]
        if client_ca:
            command += ["--client-ca", str(client_ca)]
        self.cert = cert
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def url(self, path: str = "/ok") -> str:
        """The address of a behaviour."""
        return f"http{'s' if self.cert else ''}://127.0.0.1:{self.port}{path}"

    @property
    def requests(self) -> list[Received]:
        """Everything received, oldest first."""
        kept = self._ask("GET", "/_sink/requests")
        return [Received(**{**one, "body": base64.b64decode(one["body"])}) for one in kept]

    def stats(self) -> dict[str, Any]:
        """Attempts, distinct deliveries, duplicates and answers so far."""
        stats: dict[str, Any] = self._ask("GET", "/_sink/stats")
        return stats

    def wait(self, n: int, timeout: float = 10, of: str = "delivered") -> dict[str, Any]:
        """Wait until n deliveries (or `attempts`) arrived; what is there at the timeout, if not."""
        query = urlencode({"n": n, "timeout": timeout, "of": of})
        stats: dict[str, Any] = self._ask("GET", f"/_sink/wait?{query}", timeout=timeout + 5)
        return stats

    def answers(self, path: str, behaviour: str) -> None:
        """Give a path of the other system a behaviour: answers("/orders", "/status/503")."""
        self._ask("POST", "/_sink/answers", json.dumps({path: behaviour}))

    def teach(self, name: str, *words: str) -> None:
        """What /parrot/<code>/<name> says."""
        self._ask("POST", "/_sink/words", json.dumps({name: words}))

    def reset(self) -> None:
        """Forget everything."""
        self._ask("POST", "/_sink/reset")

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()

    def _ask(self, method: str, path: str, body: str | None = None, timeout: float = 10) -> Any:
        connection = (
            HTTPSConnection(
                "127.0.0.1",
                self.port,
                timeout=timeout,
                context=create_default_context(cafile=str(self.cert)),
            )
            if self.cert
            else HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        )
        try:
            connection.request(method, path, body)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


@pytest.fixture(scope="session")
def sink_process() -> Iterator[Sink]:
    """One receiver for the whole run."""
    sink = Sink()
    yield sink
    sink.stop()


@pytest.fixture
def sink(sink_process: Sink) -> Sink:
    """The other system, with an empty memory."""
    sink_process.reset()
    return sink_process
