"""A deployment on this machine: its real processes, what they said, and their end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from django.conf import LazySettings

ROOT = Path(__file__).parents[2]
CELERY = (sys.executable, "-m", "celery", "-A", "otms")


def wait_for(condition: Callable[[], Any], timeout: float = 20) -> None:
    """Wait until it is so."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def free_port() -> int:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class Process:
    """A process of ours, with its output in a file; `doomed`: nobody wonders when it ends."""

    def __init__(
        self, command: list[str], environment: dict[str, str], log: Path, *, doomed: bool = False
    ) -> None:
        self.log = log
        self.doomed = doomed
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=output
            )

    @property
    def is_running(self) -> bool:
        return self.popen.poll() is None

    def memory(self, which: str = "VmRSS") -> float:
        """What it holds of the machine's memory in MiB; `VmHWM`: the most it ever held."""
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        held = next(line for line in status.splitlines() if line.startswith(f"{which}:"))
        return int(held.split()[1]) / 1024

    def suspend(self) -> None:
        """As a laptop's lid, or a virtual machine that is moved, would."""
        self.popen.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.popen.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """As a crash, or the system out of memory, would."""
        self.doomed = True
        self.popen.kill()
        self.popen.wait()

    def terminate(self) -> None:
        self.doomed = True
        self.popen.send_signal(signal.SIGTERM)

    def stop(self, timeout: float = 20) -> int:
        """Ask it to end; its exit status."""
        self.terminate()
        return self.popen.wait(timeout)


class Deployment:
    """Processes that share a database, and the port where the API is."""

    def __init__(self, folder: Path, settings: LazySettings) -> None:
        self.folder = folder
        self.processes: list[Process] = []
        self.web_port = free_port()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "SECRET_KEY": settings.SECRET_KEY,
            "OTMS_ENCRYPTION_KEYS": ",".join(settings.OTMS_ENCRYPTION_KEYS),
            "OTMS_EGRESS_ALLOW": "127.0.0.0/8",
            "OTMS_HTTPS": "false",
            "OTMS_LEASE_MARGIN_SECONDS": "1",
            "OTMS_CALLER_RATE": "1000000/min",
            "OTMS_HEAVY_RATE": "1000000/min",
            "OTMS_VAR": str(folder),
            "PYTHONUNBUFFERED": "1",
            "PYTHONFAULTHANDLER": "1",
        }

    def start(self, name: str, *command: str, doomed: bool = False, **environment: str) -> Process:
        process = Process(
            list(command),
            {**self.environment, **environment},
            self.folder / f"{name}.log",
            doomed=doomed,
        )
        self.processes.append(process)
        return process

    def gone(self) -> list[Path]:
        """The logs of those that ended though nobody ended them."""
        return [each.log for each in self.processes if not (each.is_running or each.doomed)]

    def end(self) -> None:
        """End what was started, and nothing else."""
        for process in self.processes:
            if process.is_running:
                process.resume()
                process.terminate()
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.popen.wait(5)
            if process.is_running:
                process.kill()

    def logs(self) -> str:
        return "\n".join(
            f"----- {log.name}\n{log.read_text(errors='replace')[-20000:]}"
            for log in sorted(self.folder.glob("*.log"))
        )


class System(Deployment):
    """Web server, workers and beat on PostgreSQL, with a broker of their own that may die."""

    def __init__(self, database_url: str, folder: Path, settings: LazySettings) -> None:
        super().__init__(folder, settings)
        self.redis_port = free_port()
        self.environment |= {
            "DATABASE_URL": database_url,
            "CELERY_BROKER_URL": f"redis://127.0.0.1:{self.redis_port}/0",
        }

    def redis(self) -> Process:
        """A broker that remembers nothing; returns when it answers."""
        options = ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        port = str(self.redis_port)
        process = self.start("redis", "redis-server", "--port", port, *options)
        wait_for(lambda: answers(self.redis_port))
        return process

    def worker(self, *fault: str, **environment: str) -> Process:
        """A worker; with a fault (tests/chaos/faulty.py) one that has it."""
        name = f"worker{len(self.processes)}"
        command = (sys.executable, "-m", "tests.chaos.faulty", *fault) if fault else CELERY
        words = ("worker", "-c", "2", "-n", f"{name}@test")
        doomed = "kill" in fault
        return self.start(name, *command, *words, doomed=doomed, **environment)

    def beat(self) -> Process:
        return self.start("beat", *CELERY, "beat", "--pidfile=")

    def web(self) -> Process:
        """The API; returns when it answers."""
        listen = f"--listen=127.0.0.1:{self.web_port}"
        process = self.start(
            "web", sys.executable, "-m", "waitress", listen, "otms.wsgi:application"
        )
        wait_for(lambda: answers(self.web_port))
        return process


class Embedded(Deployment):
    """All in one process on SQLite."""

    def standalone(self, *fault: str) -> Process:
        """The process, when it answers; with a fault (tests/chaos/faulty.py) one that has it."""
        command = ("-m", "tests.chaos.faulty", *fault) if fault else ("manage.py",)
        words = (sys.executable, *command, "standalone", "--port", str(self.web_port))
        process = self.start("standalone", *words, doomed="kill" in fault)
        # One that is doomed may never come so far.
        wait_for(lambda: answers(self.web_port) or not process.is_running, timeout=60)
        return process


def manage(*command: str, **environment: str) -> None:
    """Run a management command to its end."""
    inherited = {"PATH": os.environ["PATH"]}
    subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={**inherited, **environment},
        check=True,
        stdout=subprocess.DEVNULL,
    )
