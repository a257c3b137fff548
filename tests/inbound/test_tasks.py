"""More rows than a caller waits for: a task that a worker carries out, whatever happens to it."""

import time
from typing import Any

import pytest
from django.db import OperationalError, connection

from integrations.inbound import imports, stored
from integrations.models import EntityChange, Integration, Task
from integrations.tasks import carry_out_imports
from otms.accounts.models import Platform
from otms.orders import saving
from otms.orders.models import TransportOrder
from tests import make
from tests.conftest import Api
from tests.inbound.conftest import Bring
from tests.inbound.tasks import one_by_one, orders, rows, running, the_task
from tests.queue.test_concurrency import Beside

__all__ = ["one_by_one", "running"]
pytestmark = pytest.mark.django_db(transaction=True)


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


def test_two_workers_at_one_task_bring_nothing_in_twice(bring: Bring, platform: Platform) -> None:
    bring(*({"name": str(n)} for n in range(150)))
    task = the_task(platform)
    beside = [Beside(lambda: imports._carry_on(Task.objects.of(platform).get())) for _ in range(3)]
    for each in beside:
        each.done()
    assert orders(platform) == 150
    task.refresh_from_db()
    assert (task.status, task.done) == ("DONE", 150)


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
