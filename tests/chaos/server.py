"""A PostgreSQL server of the tests' own, so that one may be ended and started anew."""

import glob
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

import psycopg

from tests.chaos.system import free_port, wait_for

# Where Debian, Homebrew and PostgreSQL's own packages put what is seldom on the PATH.
PLACES = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/pgsql-*/bin")


def program(name: str) -> str:
    """The path of one of PostgreSQL's server programs, of its newest version."""
    if found := shutil.which(name):
        return found
    versions = sorted(path for place in PLACES for path in glob.glob(f"{place}/{name}"))
    if not versions:
        raise FileNotFoundError(
            f"{name} was not found. It comes with the PostgreSQL server (Debian: postgresql); "
            "its folder may also be named in PATH."
        )
    return versions[-1]


class PostgresServer:
    """A database server with its data in a folder of its own, and what settings are given."""

    def __init__(self, *settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="otms-postgres-"))
        self.port = free_port()
        # It refuses to be root.
        self._as: dict[str, str] = {"user": "postgres"} if os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(self.folder, **self._as)
        data = str(self.folder / "data")
        self._run(program("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8")
        self._command = [program("postgres"), "-D", data, "-p", str(self.port)]
        for setting in ("listen_addresses=127.0.0.1", "unix_socket_directories=", *settings):
            self._command += ["-c", setting]
        self.start()

    def url(self, name: str = "postgres") -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{name}"

    def copied(self, url: str) -> str:
        """The URL of a copy of another server's database."""
        dump = subprocess.run([program("pg_dump"), url], capture_output=True, check=True)
        into = [program("psql"), "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", self.url()]
        subprocess.run(into, input=dump.stdout, check=True)
        return self.url()

    def start(self) -> None:
        """Start it; returns when it answers."""
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=self.folder, stdout=log, stderr=log, **self._as
            )
        wait_for(self._answers, timeout=60)

    def crash(self) -> None:
        """End it as a power cut would: nothing is finished, the next start recovers."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(30)

    def remove(self) -> None:
        """End it and delete its data."""
        if self.process.poll() is None:
            self.crash()
        shutil.rmtree(self.folder)
        (self.folder.parent / f"{self.folder.name}.log").unlink()

    def _answers(self) -> bool:
        try:
            with closing(psycopg.connect(self.url(), connect_timeout=2)) as trial:
                return trial.execute("SELECT 1").fetchone() is not None
        except psycopg.OperationalError:
            assert self.process.poll() is None, "the database server does not start"
            return False

    def _run(self, *command: str) -> None:
        subprocess.run(command, cwd=self.folder, check=True, stdout=subprocess.DEVNULL, **self._as)
