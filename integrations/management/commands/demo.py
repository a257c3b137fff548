"""Start everything on this machine with data to try it on: the command behind `make run`."""

import fcntl
import json
import os
import queue
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from integrations import http
from integrations.demo import seed
from integrations.demo.erp import HOST
from integrations.demo.journey import Api, Received, Refused, drain, follow
from otms import __version__, env
from otms.db.sealing import CannotOpen

# What a developer's shell may say otherwise: the demo runs on its own file, on this machine alone,
# and may deliver to this machine alone.
ENVIRONMENT = {
    "DATABASE_URL": "",
    "CELERY_BROKER_URL": "memory://localhost",
    "OTMS_ALLOWED_HOSTS": "127.0.0.1,localhost",
    "OTMS_EGRESS_ALLOW": "127.0.0.0/8",
    "OTMS_HTTPS": "false",
    "OTMS_STATIC_ROOT": "",
}
LOST_KEY = (
    "What is in {} was written with another key: start with that key again, or with an "
    "empty folder: make run VAR=var2"
)
LONGEST_LOG = 10 * 1024 * 1024  # bytes; then the next start begins a new one
START_SECONDS = 60
STOP_SECONDS = 10


class Command(BaseCommand):
    """Two processes are started from here and end with it: `standalone` and the demo's ERP."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", default="8000")

    def handle(self, *args: Any, port: str, **options: Any) -> None:
        _refuse_taken(port)
        wanted = env.extended(**ENVIRONMENT)
        if wanted != env.extended():
            # Settings are read once, when a process starts; so this one starts again.
            os.execve(sys.executable, sys.orig_argv, wanted)  # noqa: S606 - our own command line
        self._lock = _locked(settings.VAR / "demo.lock")
        self._stopping = threading.Event()
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, lambda *_: self._stopping.set())
        self._children: dict[str, subprocess.Popen[str]] = {}
        self._receipts: queue.Queue[Received] = queue.Queue()
        try:
            self._run(int(port))
        except Stopped:
            self._say("\nStopping.")
        except CannotOpen as error:
            sys.exit(f"{error} {LOST_KEY.format(_shown(settings.VAR))}")
        except Refused as refusal:
            sys.exit(f"{refusal} What the server said is in {_shown(self._log)}.")
        finally:
            self._end_children()

    @property
    def _log(self) -> Path:
        return settings.VAR / "standalone.log"

    def _run(self, port: int) -> None:
        url = f"http://{HOST}:{port}"
        self._say(f"OTMS {__version__}, data in {_shown(settings.VAR)}")
        call_command("migrate", interactive=False, verbosity=0)
        self._go_on()
        platform = seed.platform()
        kept = _kept()
        password, token = seed.person(
            platform, kept.get("OTMS_ADMIN_PASSWORD", ""), kept.get("OTMS_TOKEN", "")
        )
        old_port, secret = seed.erp(platform)
        erp_port = self._start_erp(old_port, secret)
        erp_url = f"http://{HOST}:{erp_port}"
        if old_port and old_port != erp_port:
            seed.move(platform, f"http://{HOST}:{old_port}", erp_url)
        seed.integrations(platform, erp_url, secret)
        seed.orders(platform)
        connections.close_all()
        _keep(
            OTMS_URL=url,
            OTMS_TOKEN=token,
            OTMS_ADMIN_USER=seed.USERNAME,
            OTMS_ADMIN_PASSWORD=password,
            OTMS_ERP_URL=erp_url,
        )
        self._start_server(url, port)
        self._say(f"Server at {url}, the demo's ERP at {erp_url}.")

        api = Api(url, token)
        drain(api, lambda: not self._stopping.is_set())
        names = api.integrations()
        watched = {name: names[name] for name in (seed.ERP, seed.PLANNING) if name in names}
        if len(watched) == 2:
            self._say("\nAn order is saved through the API, and this is its way to the ERP:\n")
            for line in follow(api, watched, self._receipts):
                self._say(line)
                self._go_on()
        self._say(_welcome(url, token, password, watched.get(seed.ERP, "")))
        while True:
            self._tell_receipts()
            self._go_on()

    # The two processes.

    def _start_erp(self, port: int, secret: str) -> int:
        erp = self._start(
            "The demo's ERP",
            [sys.executable, "-m", "integrations.demo.erp", "--port", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert erp.stdin  # noqa: S101 - for the type checker: it is a pipe
        assert erp.stdout  # noqa: S101
        erp.stdin.write(secret + "\n")
        erp.stdin.flush()
        answer = erp.stdout.readline()
        if not answer:
            raise Refused("The demo's ERP did not start.")
        threading.Thread(target=self._listen, args=(erp.stdout,), daemon=True).start()
        return int(answer)

    def _start_server(self, url: str, port: int) -> None:
        if self._log.exists() and self._log.stat().st_size > LONGEST_LOG:
            self._log.replace(self._log.with_suffix(".log.1"))
        with self._log.open("a") as log:  # why it ended the last time stands there
            command = [sys.executable, "manage.py", "standalone", "--host", HOST]
            self._start("The server", [*command, "--port", str(port)], stdout=log, stderr=log)
        healthz = http.Request("GET", f"{url}/healthz")
        end = time.monotonic() + START_SECONDS
        while http.call(healthz, timeout=5).status != 200:
            self._go_on()
            if time.monotonic() > end:
                raise Refused(f"The server did not answer within {START_SECONDS} s.")
            time.sleep(0.05)

    def _start(self, name: str, command: list[str], **pipes: Any) -> "subprocess.Popen[str]":
        child = subprocess.Popen(  # noqa: S603 - our own command lines
            command, cwd=settings.BASE_DIR, text=True, **pipes
        )
        self._children[name] = child
        return child

    def _go_on(self) -> None:
        """Unless a signal came, or one of the processes is gone."""
        for name, child in self._children.items():
            if child.poll() is not None and not self._stopping.wait(0.5):
                raise Refused(f"{name} ended by itself.")
        if self._stopping.is_set():
            raise Stopped

    def _end_children(self) -> None:
        """The server first: the ERP stays until the last delivery is through."""
        for child in reversed(list(self._children.values())):
            if child.stdin:
                child.stdin.close()
            else:
                child.terminate()
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    # What is told.

    def _listen(self, output: Any) -> None:
        for line in output:
            self._receipts.put(json.loads(line))

    def _tell_receipts(self) -> None:
        try:
            receipt = self._receipts.get(timeout=0.3)
        except queue.Empty:
            return
        at = time.strftime("%H:%M:%S", time.localtime(receipt["at"]))
        self._say(f"{at} the ERP got {receipt['path']}, {receipt['signature']}: {receipt['body']}")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


class Stopped(Exception):
    """A signal came: the ordinary end."""


def _refuse_taken(port: str) -> None:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, int(port)))
        except (OverflowError, ValueError):
            sys.exit(f"There is no port {port}; choose one from 1024 to 65535, such as PORT=8080.")
        except PermissionError:
            sys.exit(f"Port {port} is for root only; choose one above 1023, such as PORT=8080.")
        except OSError:
            sys.exit(f"Port {port} is taken by another program; choose a free one: PORT=8080.")


def _locked(path: Path) -> TextIO:
    """The file, locked until this process ends: a second run would take the first one's ERP."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(
            f"Another run uses the data in {_shown(path.parent)}: stop it, or choose another "
            "folder and port: make run VAR=var2 PORT=8080"
        )
    return file


def _demo_env() -> Path:
    return settings.VAR / "demo.env"


def _kept() -> dict[str, str]:
    """What demo.env says, from the last time."""
    try:
        words = shlex.split(_demo_env().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(word.split("=", 1) for word in words if "=" in word)


def _keep(**variables: str) -> None:
    """Write demo.env whole or not at all, for its owner's eyes only."""
    new = _demo_env().with_suffix(f".{secrets.token_hex(4)}")
    new.touch(mode=0o600)
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in variables.items()]
    new.write_text("".join(lines), encoding="utf-8")
    new.replace(_demo_env())


def _welcome(url: str, token: str, password: str, erp: str) -> str:
    bearer = f"-H 'Authorization: Bearer {token}'"
    example = """'{"name": "My first order", "customer": {"name": "Acme"}}'"""
    json_type = "-H 'Content-Type: application/json'"
    look = f"curl -s {url}/api/integration/{erp}/objects/0/5 {bearer}" if erp else ""
    return f"""
Admin     {url}/admin/
User      {seed.USERNAME}
Password  {password}
Token     {token}
          (for scripts, these are in {_shown(_demo_env())})

Try it: save an order, and look at what became of it.

curl -s {url}/api/transportOrder {bearer} {json_type} -d {example}
{look}

What the ERP gets is shown below. Ctrl-C stops everything; the data stays.
"""


def _shown(path: Path) -> Path:
    """As a person here would write it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
