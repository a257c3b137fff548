"""A server as `manage.py standalone` has it, and a browser in front of it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connections
from waitress.server import create_server

from otms.wsgi import application
from tests import make
from tests.admin.conftest import furnish
from tests.browser import chromium
from tests.run.conftest import Run, free_port

PASSWORD = "a long and quiet word"


@pytest.fixture
def own(db: None) -> SimpleNamespace:
    return furnish(make.PlatformFactory(), "own")


@pytest.fixture
def server(transactional_db: None, settings: LazySettings) -> Iterator[str]:
    """The address of the web server."""
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    made: Any = create_server(application, host="127.0.0.1", port=0, threads=4, ident="")
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.effective_port}"
    made.close()
    made.task_dispatcher.shutdown()
    thread.join(5)
    connections.close_all()


@pytest.fixture
def window(tmp_path: Path) -> Iterator[chromium.Chromium]:
    if not chromium.found():
        pytest.fail(chromium.HOW_TO_GET, pytrace=False)
    made = chromium.Chromium(tmp_path / "profile")
    yield made
    made.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """What `make run` starts, in a folder of its own."""
    run = Run(tmp_path_factory.mktemp("demo"), "demo", free_port())
    run.until("Ctrl-C stops everything")
    yield run
    run.stop()


figures: list[str] = []


@pytest.fixture
def figure() -> Any:
    """What was measured; printed last."""
    return figures.append


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for each in figures:
        terminalreporter.write_line(each)
