"""The commands as somebody runs them: real processes, an SQLite file, free ports."""

import json
import os
import queue
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def processes() -> Iterator[tuple[int, int]]:
    """Every process and its parent; a small Linux has no `ps`, and macOS no /proc."""
    if Path("/proc/self/stat").exists():
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has just ended
                yield int(stat.parent.name), int(stat.read_text().rpartition(")")[2].split()[1])
        return
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True)
    for line in listed.stdout.splitlines():
        pid, parent = line.split()
        yield int(pid), int(parent)


class Run:
    """A running `manage.py <command>`, in a process group of its own, and what it printed."""

    def __init__(self, folder: Path, command: str, port: int, **environment: str) -> None:
        self.folder, self.port = folder, port
        self.url = f"http://127.0.0.1:{port}"
        self.printed = ""
        self._lines: queue.Queue[str | None] = queue.Queue()
        embedded = {"DATABASE_URL": "", "CELERY_BROKER_URL": "memory://localhost"}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", command, "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, **embedded, "OTMS_VAR": str(folder), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)
        self.process.stdout.close()
        self._lines.put(None)

    def until(self, text: str, timeout: float = PATIENCE) -> str:
        """What is printed from here on, up to the line with this text."""
        seen, end = "", time.monotonic() + timeout
        while text not in seen:
            try:
                line = self._lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"{text!r} was not printed within {timeout} s, but:\n{seen}")
            if line is None:
                pytest.fail(f"It ended without {text!r}:\n{self.printed}")
            seen += line
            self.printed += line
        return seen

    def children(self) -> list[int]:
        return [pid for pid, parent in processes() if parent == self.process.pid]

    def stop(self, how: int = signal.SIGTERM, *, group: bool = False) -> int:
        """Send the signal, to the process alone or to its group, and wait; its exit code."""
        (os.killpg if group else os.kill)(self.process.pid, how)
        return self.process.wait(10)

    def rest(self) -> str:
        """What was printed until it ended."""
        while (line := self._lines.get(timeout=5)) is not None:
            self.printed += line
        return self.printed

    @property
    def kept(self) -> dict[str, str]:
        """demo.env, as a shell reads it."""
        words = shlex.split((self.folder / "demo.env").read_text())
        return dict(word.split("=", 1) for word in words)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        request = Request(  # noqa: S310 - our own server
            f"{self.url}/api/{path}",
            json.dumps(body).encode() if body is not None else None,
            {
                "Authorization": f"Bearer {self.kept['OTMS_TOKEN']}",
                "Content-Type": "application/json",
            },
            method=method,
        )
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def answers(self, path: str = "healthz", timeout: float = PATIENCE) -> bool:
        """Wait until the server answers."""
        end = time.monotonic() + timeout
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urlopen(f"{self.url}/{path}", timeout=5):  # noqa: S310
                    return True
            except OSError:
                time.sleep(0.05)
        return False


Start = Callable[..., Run]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a command; what still runs at the end is ended."""
    runs: list[Run] = []

    def begin(command: str, folder: Path | None = None, **environment: str) -> Run:
        folder = folder or tmp_path_factory.mktemp("var")
        runs.append(Run(folder, command, free_port(), **environment))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.stop()


def milliseconds(line: str, printed: str) -> int:
    """When the line with this text says that it happened."""
    found = re.search(rf"^ *(\d+) ms  {line}", printed, re.MULTILINE)
    assert found, printed
    return int(found[1])
