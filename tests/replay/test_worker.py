"""A replay is carried out by workers, who may die, and is stopped and resumed."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection

from integrations import replay
from integrations.models import (
    Integration,
    Log,
    Status,
    Task,
)
from integrations.tasks import carry_out_replays
from otms.accounts.audit import AuditEntry
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.queue.test_concurrency import Beside
from tests.replay.conftest import (
    ALL,
    ask,
    delivered,
    lease_over,
    made,
    remap,
    stock,
    told,
)
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def in_tens(
    api: Api, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], Any]:
    """Ask for so many, of which ten are made in a portion; the task."""

    def in_tens(n: int) -> Any:
        monkeypatch.setattr(replay, "PORTION", 10)
        stock(integration, n)
        return ask(api, integration, **ALL)["task"]

    return in_tens


def test_a_worker_makes_them_anew_and_the_receiver_sees_new_ids(
    api: Api, queue: Queue, sink: Sink, integration: Integration
) -> None:
    delivered(queue, "A", "B")
    remap(integration, {"name": "$.transportOrder.name"})
    answer = ask(api, integration, **ALL)
    assert answer["count"] == 2
    task = answer["task"]
    assert (task["kind"], task["status"], task["total"]) == ("replay", "QUEUED", 2)
    assert made(queue).count() == 0
    carry_out_replays()
    done = told(api, task)
    assert (done["status"], done["done"], done["failed"]) == ("DONE", 2, 0)
    assert done["message"] == "2 objects made anew."
    queue.run()
    # Of two records: whichever comes first.
    names = sorted(each.json()["name"] for each in sink.requests[2:])
    assert names == ["A", "B"]
    assert len({each.headers["webhook-id"] for each in sink.requests}) == 4
    line = Log.objects.of(queue.platform).get(code="replay_done")
    assert line.data == {"taskId": task["id"], "made": 2, "gone": 0}


def test_the_trail_says_who_asked_for_each(
    api: Api, queue: Queue, integration: Integration
) -> None:
    delivered(queue, "A")
    ask(api, integration, **ALL)
    carry_out_replays()
    trail = AuditEntry.objects.of(queue.platform).filter(action=replay.ACTION).order_by("id")
    asked, each = trail
    assert (asked.entity, asked.entity_id) == ("integration", integration.pk)
    assert (each.entity, each.entity_id) == ("integrationObject", made(queue).get().uuid)
    assert (asked.actor_kind, asked.actor_name) == (each.actor_kind, each.actor_name)
    assert each.actor_kind == "person"


def test_what_comes_after_the_start_is_not_part_of_it(
    api: Api, queue: Queue, integration: Integration
) -> None:
    delivered(queue, "A")
    ask(api, integration, **ALL)
    delivered(queue, "B")
    carry_out_replays()
    queue.run()
    assert [each.reference for each in made(queue)] == ["A"]


def test_the_state_of_now_of_a_deleted_record_is_left_out_and_counted(
    api: Api, queue: Queue, sink: Sink, integration: Integration
) -> None:
    gone, _ = delivered(queue, "A", "B")
    gone.delete()
    queue.run()
    task = ask(api, integration, **ALL, snapshot="current")["task"]
    carry_out_replays()
    done = told(api, task)
    assert (done["done"], done["failed"]) == (3, 2)
    assert done["message"] == "1 object made anew. Left out, because the record is deleted: 2."


def test_what_is_no_longer_chosen_when_its_turn_comes_is_left(
    api: Api, queue: Queue, integration: Integration
) -> None:
    delivered(queue, "A", "B")
    task = ask(api, integration, **ALL)["task"]
    queue.all.filter(reference="A").update(status=Status.ERROR)
    carry_out_replays()
    done = told(api, task)
    assert (done["total"], done["done"]) == (1, 1)
    assert done["message"] == "1 object made anew. No longer chosen when their turn came: 1."


def test_a_worker_that_dies_between_portions_doubles_nothing(
    api: Api, queue: Queue, in_tens: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = in_tens(35)
    portion, left = replay._portion, [2]

    def die(*args: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise OperationalError("the server went away")
        return portion(*args)

    monkeypatch.setattr(replay, "_portion", die)
    with pytest.raises(OperationalError):
        carry_out_replays()
    monkeypatch.setattr(replay, "_portion", portion)
    assert (made(queue).count(), told(api, task)["done"]) == (20, 20)
    carry_out_replays()
    assert made(queue).count() == 20, "its lease is not over"
    lease_over(queue)
    carry_out_replays()
    assert (told(api, task)["status"], made(queue).count()) == ("DONE", 35)
    assert made(queue).values("replay_of").distinct().count() == 35


def test_a_worker_that_dies_in_a_portion_leaves_nothing_of_it(
    api: Api, queue: Queue, in_tens: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made and how far it is are one transaction."""
    in_tens(25)

    def die(*args: Any, **kwargs: Any) -> bool:
        raise OperationalError("killed after the rows, before the commit")

    with monkeypatch.context() as patch:
        patch.setattr(Task, "progress", die)
        with pytest.raises(OperationalError):
            carry_out_replays()
    assert made(queue).count() == 0
    lease_over(queue)
    carry_out_replays()
    assert made(queue).count() == 25


def test_workers_at_one_task_make_each_object_once(
    api: Api, queue: Queue, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PORTION", 7)
    stock(integration, 100)
    ask(api, integration, **ALL)
    the = Task.objects.of(queue.platform)
    beside = [Beside(lambda: replay._carry_on(the.get(), lambda: None)) for _ in range(3)]
    for each in beside:
        each.done()
    assert made(queue).count() == 100
    assert made(queue).values("replay_of").distinct().count() == 100
    assert the.get().status == "DONE"


def test_it_is_stopped_in_the_middle_and_goes_on_where_it_was(
    api: Api, queue: Queue, in_tens: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = in_tens(35)
    seen: list[int] = []
    portion = replay._portion

    def stop_after_two(*args: Any) -> Any:
        answer = portion(*args)
        seen.append(told(api, task)["done"])
        if len(seen) == 2:
            api.ok("POST", f"integration/task/{task['id']}/stop")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(replay, "_portion", stop_after_two)
        carry_out_replays()
    assert seen[:2] == [10, 20]
    stopped = told(api, task)
    assert (stopped["status"], stopped["done"], made(queue).count()) == ("STOPPED", 20, 20)
    assert stopped["message"].endswith("resumed, it goes on where it was.")
    carry_out_replays()
    assert made(queue).count() == 20
    resumed = api.ok("POST", f"integration/task/{task['id']}/resume")["task"]
    assert (resumed["status"], resumed["finishedAt"], resumed["done"]) == ("QUEUED", None, 20)
    carry_out_replays()
    assert (told(api, task)["status"], made(queue).count()) == ("DONE", 35)
    assert made(queue).values("replay_of").distinct().count() == 35


def test_it_is_said_to_run_also_when_it_is_stopped_and_resumed_in_the_middle(
    api: Api, queue: Queue, in_tens: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = in_tens(25)
    seen: list[tuple[str, int]] = []
    portion = replay._portion

    def stop_and_resume(*args: Any) -> Any:
        answer = portion(*args)
        seen.append((told(api, task)["status"], told(api, task)["done"]))
        if len(seen) == 1:
            for verb in ("stop", "resume"):
                api.ok("POST", f"integration/task/{task['id']}/{verb}")
        return answer

    monkeypatch.setattr(replay, "_portion", stop_and_resume)
    carry_out_replays()
    assert seen == [("RUNNING", 10), ("RUNNING", 20), ("RUNNING", 25), ("DONE", 25)]


def test_what_is_stopped_while_a_portion_is_made_does_not_get_it(
    api: Api, queue: Queue, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(integration, 5)
    task = ask(api, integration, **ALL)["task"]
    make_them = replay._make

    def stopped(*args: Any) -> Any:
        if connection.vendor == "postgresql":  # elsewhere one writes at a time
            Beside(lambda: api.ok("POST", f"integration/task/{task['id']}/stop")).done()
        else:
            Task.objects.of(queue.platform).get().stop("Ann")
        return make_them(*args)

    monkeypatch.setattr(replay, "_make", stopped)
    carry_out_replays()
    assert made(queue).count() == 0


def test_a_replay_ends_with_its_integration(
    api: Api, queue: Queue, integration: Integration
) -> None:
    stock(integration, 5)
    task = ask(api, integration, **ALL)["task"]
    integration.retire()
    carry_out_replays()
    assert (told(api, task)["status"], made(queue).count()) == ("STOPPED", 0)
    said = api.refused("POST", f"integration/task/{task['id']}/resume", code=409)
    assert "deleted" in said["message"]


def test_a_replay_waits_while_its_integration_is_switched_off(
    api: Api, queue: Queue, integration: Integration
) -> None:
    stock(integration, 5)
    task = ask(api, integration, **ALL)["task"]
    integration.switch(False)
    carry_out_replays()
    assert made(queue).count() == 0
    integration.switch(True)
    carry_out_replays()
    assert (told(api, task)["status"], made(queue).count()) == ("DONE", 5)


def test_a_fault_of_ours_ends_it_and_says_so(
    api: Api, queue: Queue, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(integration, 5)
    task = ask(api, integration, **ALL)["task"]

    def broken(*_: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(replay, "_make", broken)
    carry_out_replays()
    failed = told(api, task)
    assert failed["status"] == "FAILED"
    assert "RuntimeError" in failed["message"]


def test_what_failed_is_resumed_where_it_was(
    api: Api, queue: Queue, in_tens: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = in_tens(35)
    make_them, portions = replay._make, [2]

    def broken_in_the_third(*args: Any) -> Any:
        rows = make_them(*args)
        portions[0] -= 1
        if portions[0] < 0:
            raise RuntimeError("a bug")
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(replay, "_make", broken_in_the_third)
        carry_out_replays()
    assert (told(api, task)["status"], made(queue).count()) == ("FAILED", 20)
    resumed = api.ok("POST", f"integration/task/{task['id']}/resume")["task"]
    assert (resumed["status"], resumed["message"], resumed["done"]) == ("QUEUED", "", 20)
    carry_out_replays()
    assert (told(api, task)["status"], made(queue).count()) == ("DONE", 35)
    assert made(queue).values("replay_of").distinct().count() == 35
    said = api.refused("POST", f"integration/task/{task['id']}/resume", code=409)
    assert said["message"].endswith("it is DONE. It can be while it is STOPPED or FAILED.")


def test_of_a_replay_there_are_no_rows_to_tell_of(api: Api, integration: Integration) -> None:
    stock(integration, 2)
    task = ask(api, integration, **ALL)["task"]
    answer = api.ok("GET", f"integration/task/{task['id']}")
    assert answer.keys() == {"success", "message", "task"}
    assert answer["task"]["total"] == 2
