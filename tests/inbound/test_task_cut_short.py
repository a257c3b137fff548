"""An import that is cut short: stopped, switched off, deleted, or its worker dead."""

from typing import Any

import pytest
from django.db import OperationalError

from integrations.inbound import imports, stored
from integrations.models import Integration
from integrations.tasks import carry_out_imports
from otms.accounts.models import Platform
from tests.conftest import Api
from tests.inbound.conftest import Bring
from tests.inbound.tasks import lease_over, one_by_one, orders, rows, running, the_task

__all__ = ["one_by_one", "running"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.usefixtures("one_by_one")
def test_a_worker_that_dies_is_gone_on_after_and_each_row_comes_in_once(
    bring: Bring, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(*({"name": f"without an id {n}"} for n in range(150)))
    bring_in, left = stored.bring_in, [70]

    def die(*args: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OperationalError("the server went away")
        bring_in(*args)

    monkeypatch.setattr(stored, "bring_in", die)
    with pytest.raises(OperationalError):
        carry_out_imports()
    monkeypatch.undo()
    assert orders(platform) == 70
    carry_out_imports()
    assert orders(platform) == 70, "its lease is not over"
    lease_over(platform)
    carry_out_imports()
    task = the_task(platform)
    assert (task.status, task.done, orders(platform)) == ("DONE", 150, 150)


@pytest.mark.usefixtures("one_by_one")
def test_a_worker_that_is_stopped_gives_the_task_back(
    bring: Bring, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(*rows(150))
    bring_in = stored.bring_in
    monkeypatch.setattr(stored, "bring_in", lambda *a: (bring_in(*a), imports.stop()))
    carry_out_imports()
    monkeypatch.undo()
    assert (orders(platform), the_task(platform).done) == (1, 1)
    imports._stopping.clear()
    carry_out_imports()
    assert (orders(platform), the_task(platform).status) == (150, "DONE")


def test_an_import_ends_with_its_integration(
    bring: Bring, integration: Integration, platform: Platform
) -> None:
    bring(*rows(150))
    integration.retire()
    carry_out_imports()
    task = the_task(platform)
    assert (task.status, orders(platform)) == ("STOPPED", 0)
    assert "deleted" in task.message


@pytest.mark.usefixtures("one_by_one")
def test_an_integration_that_is_switched_off_imports_no_further(
    bring: Bring,
    platform: Platform,
    integration: Integration,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(imports, "TOLD_SECONDS", 0)
    bring(*rows(150))
    bring_in = stored.bring_in

    def switch_off(*args: Any) -> None:
        bring_in(*args)
        integration.switch(on=False)

    monkeypatch.setattr(stored, "bring_in", switch_off)
    carry_out_imports()
    monkeypatch.undo()
    task = the_task(platform)
    assert (orders(platform), task.done, task.finished_at) == (1, 1, None)
    assert task.message == "Waits: the integration is switched off."
    carry_out_imports()
    assert orders(platform) == 1
    integration.switch(on=True)
    carry_out_imports()
    assert (orders(platform), the_task(platform).status) == (150, "DONE")


@pytest.mark.usefixtures("one_by_one")
def test_an_integration_that_is_deleted_imports_no_further(
    bring: Bring,
    platform: Platform,
    integration: Integration,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(imports, "TOLD_SECONDS", 0)
    bring(*rows(150))
    bring_in = stored.bring_in
    monkeypatch.setattr(stored, "bring_in", lambda *a: (bring_in(*a), integration.retire()))
    carry_out_imports()
    assert (orders(platform), the_task(platform).status) == (1, "STOPPED")


@pytest.mark.usefixtures("one_by_one")
def test_an_import_is_stopped_in_the_middle_and_goes_on_where_it_was(
    bring: Bring, api: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "TOLD_SECONDS", 0)
    where = f"integration/task/{bring(*rows(150))['task']['id']}"
    bring_in, left = stored.bring_in, [70]

    def stopped(*args: Any) -> None:
        bring_in(*args)
        left[0] -= 1
        if left[0] == 0:
            api.ok("POST", f"{where}/stop")

    with monkeypatch.context() as patch:
        patch.setattr(stored, "bring_in", stopped)
        carry_out_imports()
    told = api.ok("GET", where)
    assert (told["task"]["status"], told["task"]["done"], orders(platform)) == ("STOPPED", 70, 70)
    carry_out_imports()
    assert orders(platform) == 70
    assert api.refused("POST", f"{where}/stop", code=409)["message"] == (
        "This task can't be stopped: it is STOPPED. It can be while it is QUEUED or RUNNING."
    )
    assert api.ok("POST", f"{where}/resume")["task"]["done"] == 70
    carry_out_imports()
    assert (the_task(platform).status, orders(platform)) == ("DONE", 150)
    assert "it is DONE" in api.refused("POST", f"{where}/resume", code=409)["message"]


def test_an_erasure_is_not_stopped(api: Api, platform: Platform) -> None:
    task = api.ok("POST", "privacy/erase", {"texts": ["Ann Smith"]})["task"]
    said = api.refused("POST", f"integration/task/{task['id']}/stop", code=409)["message"]
    assert said == "This task can't be stopped: only an import or a replay can."
