"""The embedded default carries imports out: worker and broker are threads of one process."""

import signal
import time
from typing import Any

import pytest

from tests.run.conftest import Run, Start

READY = "Ctrl-C stops everything"


def begun(demo: Run, n: int, name: str) -> str:
    """An import of so many rows; the id of its task."""
    given = {"name": "Shop", "type": "configured"}
    integration = demo.api("POST", "integration", given)["integration"]["id"]
    rows = [{"externalId": f"{name} {place}", "name": f"{name} {place}"} for place in range(n)]
    body = {"integrationId": integration, "data": rows}
    id: str = demo.api("POST", "integration/import/data", body)["task"]["id"]
    return id


def until_done(demo: Run, task: str, seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        told = demo.api("GET", f"integration/task/{task}?status=rejected")
        if told["task"]["status"] == "DONE":
            return told
        time.sleep(0.2)
    raise AssertionError(told)


@pytest.mark.long
def test_a_large_import_survives_that_the_process_is_stopped_and_started(start: Start) -> None:
    demo = start("demo")
    demo.until(READY)
    task = begun(demo, 120, "large")
    while demo.api("GET", f"integration/task/{task}")["totals"]["created"] < 5:
        time.sleep(0.1)
    assert demo.stop(signal.SIGTERM) == 0
    again = start("demo", folder=demo.folder)
    again.until(READY)
    totals = until_done(again, task, 100)["totals"]
    assert (totals["created"], totals["waiting"]) == (120, 0)
