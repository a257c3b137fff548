"""More rows than a caller waits for: a task that a worker carries out, whatever happens to it."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils.timezone import now

from integrations.inbound import imports, stored
from integrations.models import EntityChange, Integration, Task
from integrations.tasks import carry_out_imports
from otms.accounts.models import Platform
from otms.orders import saving
from otms.orders.models import TransportOrder
from tests import make
from tests.conftest import Api
from tests.inbound.conftest import Bring
from tests.queue.test_concurrency import Beside

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(imports, "PATIENCE", 600)  # however busy the machine is
    yield
    imports._stopping.clear()


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "TOGETHER", 1)


def rows(n: int) -> list[Any]:
    return [{"externalId": str(each), "name": f"order {each}"} for each in range(n)]


def the_task(platform: Platform) -> Task:
    return Task.objects.of(platform).get()


def orders(platform: Platform) -> int:
    return TransportOrder.objects.of(platform).count()


def lease_over(platform: Platform) -> None:
    Task.objects.of(platform).update(leased_until=now() - timedelta(seconds=1))


def test_a_hundred_rows_are_brought_in_at_once_and_more_wait_for_a_worker(
    bring: Bring, api: Api, platform: Platform
) -> None:
    assert bring(*rows(100))["totals"]["created"] == 100
    answer = bring(*rows(101))
    assert (answer["task"]["status"], answer["results"]) == ("QUEUED", [])
    assert (answer["totals"]["total"], answer["totals"]["waiting"]) == (101, 101)
    carry_out_imports()
    told = api.ok("GET", f"integration/task/{answer['task']['id']}")
    assert (told["task"]["status"], told["task"]["done"]) == ("DONE", 101)
    assert (told["totals"]["unchanged"], told["totals"]["created"]) == (100, 1)
    assert [each["index"] for each in told["results"]] == list(range(101))


@pytest.fixture
def slowly_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row takes its time, while nobody waits for the write lock."""

    def slow(*args: Any) -> Any:
        assert not connection.in_atomic_block
        time.sleep(0.03)
        return mapped(*args)

    mapped = stored.mapped
    monkeypatch.setattr(stored, "mapped", slow)


@pytest.mark.usefixtures("slowly_mapped")
def test_who_waits_does_not_wait_for_rows_that_take_long(
    bring: Bring, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does anybody else for the write lock: a row is mapped before its transaction begins."""

    monkeypatch.setattr(imports, "PATIENCE", 0.1)
    answer = bring(*rows(10))
    assert answer["task"]["status"] == "RUNNING"  # nobody's, for a worker to go on with
    assert 0 < answer["totals"]["created"] < 10
    carry_out_imports()
    assert (the_task(platform).status, orders(platform)) == ("DONE", 10)


@pytest.mark.usefixtures("slowly_mapped")
def test_a_dry_run_that_takes_long_says_how_many_rows_can_be_tried(
    api: Api, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"integrationId": str(integration.pk), "data": rows(10), "dryRun": True}
    assert api.ok("POST", "integration/import/data", body)["totals"]["created"] == 10
    monkeypatch.setattr(imports, "PATIENCE", 0.1)
    (problem,) = api.refused("POST", "integration/import/data", body)["errors"]
    assert problem["field"] == "data"
    assert "try fewer at once" in problem["message"]


@pytest.mark.usefixtures("one_by_one")
def test_progress_can_be_seen_while_it_runs(
    bring: Bring, api: Api, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "TOLD_SECONDS", 0)
    bring(*rows(120))
    seen = []

    def look(*args: Any) -> Any:
        (task,) = api.ok("GET", f"integration/{integration.pk}/tasks/0/1")["tasks"]
        seen.append((task["status"], task["done"]))
        return bring_in(*args)

    bring_in = stored.bring_in
    monkeypatch.setattr(stored, "bring_in", look)
    carry_out_imports()
    assert seen == [("RUNNING", done) for done in range(120)]


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


def test_two_workers_at_one_task_bring_nothing_in_twice(bring: Bring, platform: Platform) -> None:
    bring(*({"name": str(n)} for n in range(150)))
    task = the_task(platform)
    beside = [Beside(lambda: imports._carry_on(Task.objects.of(platform).get())) for _ in range(3)]
    for each in beside:
        each.done()
    assert orders(platform) == 150
    task.refresh_from_db()
    assert (task.status, task.done) == ("DONE", 150)


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


def test_large_imports_take_turns(
    bring: Bring, api: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "SLICE", 100)
    first = bring(*rows(300))["task"]["id"]
    second = bring(*rows(150))["task"]["id"]
    turns: list[str] = []
    bring_in = stored.bring_in_together

    def note(integration: Integration, pending: list[stored.Pending]) -> Any:
        if not turns or turns[-1] != str(pending[0].row.task_id):
            turns.append(str(pending[0].row.task_id))
        return bring_in(integration, pending)

    monkeypatch.setattr(stored, "bring_in_together", note)
    carry_out_imports()
    assert turns == [first, second, first, second, first]


def test_an_import_ends_with_its_integration(
    bring: Bring, integration: Integration, platform: Platform
) -> None:
    bring(*rows(150))
    integration.retire()
    carry_out_imports()
    task = the_task(platform)
    assert (task.status, orders(platform)) == ("STOPPED", 0)
    assert "deleted" in task.message


def test_a_row_that_breaks_us_does_not_stop_the_others(
    bring: Bring, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    about_customer = saving.about_customer

    def broken(order: TransportOrder, given: Any) -> Any:
        if order.name == "order 1":
            raise RuntimeError("a bug")
        return about_customer(order, given)

    monkeypatch.setattr(saving, "about_customer", broken)
    answer = bring(*rows(3))
    assert [each["status"] for each in answer["results"]] == ["created", "rejected", "created"]
    (error,) = answer["results"][1]["errors"]
    assert (error["field"], error["code"]) == ("data[1]", "failed")


def test_a_commit_that_fails_rejects_its_row_alone(
    bring: Bring, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrations import signals

    change = signals._change

    def fails(entity: Any, id: Any, before: Any, after: Any) -> Any:
        if after["name"] == "order 1":
            raise ValueError("a snapshot that makes no sense")
        return change(entity, id, before, after)

    monkeypatch.setattr(signals, "_change", fails)
    assert bring(*rows(3))["totals"]["rejected"] == 1
    assert orders(platform) == 2


def test_two_imports_of_the_same_external_id_make_one_order(
    api: Api, integration: Integration, platform: Platform
) -> None:
    body = {"integrationId": str(integration.pk), "data": rows(30)}
    answers: list[Any] = []
    beside = [
        Beside(lambda: answers.append(api.ok("POST", "integration/import/data", body)))
        for _ in range(4)
    ]
    for each in beside:
        each.done()
    carry_out_imports()  # what a busy database put off
    assert (len(answers), orders(platform)) == (4, 30)
    found = [imports.totals_of(task) for task in Task.objects.of(platform)]
    assert sum(each["created"] for each in found) == 30
    assert sum(each["unchanged"] for each in found) == 90


TEN_WAYS: list[Any] = [
    "a text",
    {"externalId": "b1", "status": "lost"},
    {"externalId": "b2", "name": "x" * 300},
    {"externalId": "b3", "customer": {}},
    {"externalId": "b4", "customer": {"id": "123e4567-e89b-12d3-a456-426614174000"}},
    {"externalId": "b5", "consignments": [{"goods": [{"quantity": "many"}]}]},
    {"externalId": ["b6"], "name": "A"},
    {"externalId": "b7", "id": "4711"},
    {"externalId": "b8", "consignments": {"name": "one"}},
    {"externalId": "b9", "colour": "red"},
]


@pytest.mark.timeout(300)
@pytest.mark.long
def test_a_thousand_rows_ten_of_them_bad(bring: Bring, api: Api, platform: Platform) -> None:
    """990 go in, 10 are told with index, field and reason; the same again: nothing happens."""
    listener = make.integration("", platform=platform, trigger=make.ALL_ACTIONS)
    sent = rows(1000)
    for place, bad in enumerate(TEN_WAYS):
        sent[place * 100 + 7] = bad
    id = bring(*sent)["task"]["id"]
    carry_out_imports()
    told = api.ok("GET", f"integration/task/{id}")
    assert (told["totals"]["created"], told["totals"]["rejected"]) == (990, 10)
    rejected = [each for each in told["results"] if each["status"] == "rejected"]
    assert [each["index"] for each in rejected] == [place * 100 + 7 for place in range(10)]
    for each in rejected:
        assert each["errors"][0]["field"].startswith(f"data[{each['index']}]")
        assert each["errors"][0]["message"]
    assert orders(platform) == listener.queue.count() == 990

    again = bring(*sent)["task"]["id"]
    carry_out_imports()
    told = api.ok("GET", f"integration/task/{again}")
    assert (told["totals"]["unchanged"], told["totals"]["rejected"]) == (990, 10)
    assert EntityChange.objects.of(platform).count() == listener.queue.count() == 990


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


def test_a_dry_run_names_no_record_that_is_not_there(api: Api, integration: Integration) -> None:
    body = {"integrationId": str(integration.pk), "dryRun": True, "data": [{"name": "4711"}]}
    (row,) = api.ok("POST", "integration/import/data", body)["results"]
    assert (row["status"], row["id"]) == ("created", None)


@pytest.mark.usefixtures("one_by_one")
def test_rows_that_are_stored_are_brought_in_though_the_database_was_busy(
    api: Api, integration: Integration, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error would have the caller send the rows a second time."""

    def busy(*args: Any) -> None:
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(stored, "bring_in", busy)
    body = {"integrationId": str(integration.pk), "data": [{"name": "without an id"}]}
    answer = api.ok("POST", "integration/import/data", body)
    assert answer["totals"]["waiting"] == 1
    monkeypatch.undo()
    carry_out_imports()
    assert (orders(platform), the_task(platform).status) == (1, "DONE")


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
