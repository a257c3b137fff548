"""Imports and replays wait while there is no room, say so, and go on by themselves."""

from typing import Any

import pytest
from django.conf import LazySettings

from integrations import pressure
from integrations.inbound import imports
from integrations.models import ImportRow, Integration, IntegrationObject, Replay, Task
from integrations.models.task import TaskStatus
from integrations.tasks import carry_out_imports, carry_out_replays
from otms.orders.models import TransportOrder
from tests import make
from tests.conftest import Api
from tests.pressure.conftest import MOST, Filled

pytestmark = pytest.mark.django_db(transaction=True)
WAITS = "Waits, and goes on by itself: The queue is full: "


def drain(filled: Filled) -> None:
    IntegrationObject.objects.of(filled.platform).cancel("Nobody needs it.")
    filled.measure()


def test_an_import_waits_and_goes_on(filled: Filled, api: Api) -> None:
    importing = make.integration(platform=filled.platform, name="Rows")
    rows = [{"name": f"row {n}"} for n in range(imports.AT_ONCE + 1)]
    body = {"integrationId": str(importing.pk), "data": rows}
    task = Task.objects.of(filled.platform).get(
        pk=api.ok("POST", "integration/import/data", body)["task"]["id"]
    )
    filled.fill(MOST)
    filled.measure()
    carry_out_imports()
    shown = api.ok("GET", f"integration/task/{task.pk}")
    assert shown["task"]["status"] == "RUNNING"
    waits = f"{WAITS}20 objects wait, of 10 that may."
    assert shown["task"]["message"] == waits, "nothing of other integrations"
    assert shown["totals"]["waiting"] == len(rows)
    drain(filled)
    before = Task.objects.of(filled.platform).filter(pk=task.pk)
    before.update(leased_until=None)  # eight seconds later
    carry_out_imports()
    task.refresh_from_db()
    assert task.status == TaskStatus.DONE, task.message
    assert TransportOrder.objects.of(filled.platform).filter(name__startswith="row").count() == 101
    assert not ImportRow.objects.of(filled.platform).filter(outcome="").exists()


def test_an_import_that_makes_no_queue_longer_waits_for_none(filled: Filled, api: Api) -> None:
    filled.fill(MOST)
    filled.measure()
    Integration.objects.of(filled.platform).update(enabled=False)
    assert pressure.why_waiting(filled.platform.pk, imports.MADE) == ""
    assert pressure.why_waiting(filled.platform.pk).startswith(WAITS)


def test_a_replay_waits_and_goes_on(
    filled: Filled, api: Api, run_queue: Any, settings: LazySettings
) -> None:
    filled.fill(4)
    run_queue()
    filled.fill(MOST)
    filled.measure()
    path = f"integration/{filled.integration.pk}/objects:replay"
    asked = api.ok("POST", path, {"filter": {"status": ["SUCCESS"]}})
    task = Task.objects.of(filled.platform).get(pk=asked["task"]["id"])
    carry_out_replays()
    shown = api.ok("GET", f"integration/task/{task.pk}")["task"]
    assert (shown["status"], shown["done"]) == ("RUNNING", 0)
    assert shown["message"].startswith(WAITS)
    assert filled.waiting == MOST
    task.refresh_from_db()
    assert task.leased_until, "it is looked at again when its rest is over"
    drain(filled)
    Task.objects.of(filled.platform).update(leased_until=None)
    carry_out_replays()
    task.refresh_from_db()
    assert (task.status, task.done) == (TaskStatus.DONE, 4)
    assert Replay.objects.of(filled.platform).get().made == 4
    assert filled.waiting == 4
