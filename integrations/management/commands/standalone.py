"""Run everything in one process: web server, Celery worker, beat and the dispatcher."""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from celery.beat import EmbeddedService
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from waitress.server import create_server

from integrations import worker
from integrations.alerts import sending
from integrations.inbound import imports
from integrations.watchdog import Watchdog
from otms.accounts import passwords
from otms.celery import app
from otms.db import rotation
from otms.wsgi import application

log = logging.getLogger("otms.standalone")

WEB_THREADS = 8
WORKER_THREADS = 2


class Command(BaseCommand):
    """The embedded default: for trying it, for tests, and for one small machine.

    The parts are the same as in production, where each has processes of its own. The dispatcher is
    a thread of the worker's process there too; here nobody else starts and stops it.
    """

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        self._stopping = self._serving = self._failed = False
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, self._stop)
        try:
            web = create_server(
                application, host=host, port=port, threads=WEB_THREADS, ident="", **_bounds()
            )
        except (OSError, OverflowError, ValueError) as error:
            sys.exit(f"Nothing can listen on {host} port {port}: {_reason(error)}.")
        _bring_tables_up_to_date()
        rotation.warn_of_lost()
        celery = app.WorkController(
            hostname=f"standalone-{os.getpid()}@{socket.gethostname()}",
            concurrency=WORKER_THREADS,
            # For finding other workers; there are none here, and looking takes a second.
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        beat = EmbeddedService(app, thread=True, scheduler_cls=app.conf.beat_scheduler)
        parts = [self._part("worker", celery.start), self._part("beat", beat.run)]
        worker.poke()
        watchdog = Watchdog(idle=worker.idle)
        watchdog.start()
        try:
            self._serving = True
            if not self._stopping:
                log.info("ready", extra={"url": f"http://{host}:{port}/", "data": settings.VAR})
                if settings.EMBEDDED:
                    passwords.listens_at(_found_at(host, port))
                web.run()
        except SystemExit:
            pass  # waitress takes the stop for itself when it comes while it serves
        self._serving, self._stopping = False, True
        web.close()
        beat.service.stop()
        watchdog.stop()
        imports.stop()
        sending.stop()
        worker.stop()
        sending.finish()
        celery.stop()
        for part in parts:
            part.join(timeout=10)
        log.info("stopped")
        if self._failed:
            sys.exit(1)

    def _stop(self, *_: Any) -> None:
        """The first signal stops; more of them (a terminal sends them to every process) don't."""
        if self._serving and not self._stopping:
            self._stopping = True
            raise SystemExit
        self._stopping = True

    def _part(self, name: str, run: Callable[[], None]) -> threading.Thread:
        """Run a part in a thread; if it ends before it was told to, everything ends."""

        def guarded() -> None:
            try:
                run()
            except Exception:
                log.exception("a part broke", extra={"part": name})
            if not self._stopping:
                log.critical("a part ended by itself; stopping", extra={"part": name})
                self._failed = True
                os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Thread(target=guarded, name=f"otms-{name}", daemon=True)
        thread.start()
        return thread


def _found_at(host: str, port: int) -> str:
    """Where a browser on this machine finds it; an address that means all of them is none."""
    named = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - to be replaced
    return f"http://{f'[{named}]' if ':' in named else named}:{port}"


def _bounds() -> dict[str, Any]:
    """What a connection may send and how slowly, before any of it reaches a thread of ours.

    A body that is not much too large is still read, so that it is refused in words.
    """
    return {
        "max_request_body_size": 2 * settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
        "max_request_header_size": 64 * 1024,
        "channel_timeout": 60,
        "connection_limit": 200,
        # What a proxy says of a caller is taken away, unless there is one to believe.
        "clear_untrusted_proxy_headers": settings.SECURE_PROXY_SSL_HEADER is None,
    }


def _bring_tables_up_to_date() -> None:
    """Only for the embedded database: a server of somebody's own is migrated by that somebody."""
    if settings.EMBEDDED:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", interactive=False, verbosity=0)
        connection.close()


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
