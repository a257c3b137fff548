"""How fast a replay goes."""

import pytest

from integrations import replay
from integrations.models import (
    Integration,
)
from integrations.tasks import carry_out_replays
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.replay.conftest import (
    ALL,
    Clock,
    ask,
    made,
    stock,
    told,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("pace", [1, 7, 60, 100, 1000])
def test_no_minute_has_more_than_the_pace_and_it_is_nearly_reached(
    api: Api,
    queue: Queue,
    integration: Integration,
    pace: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    total = min(3 * pace, 700)
    stock(integration, total)
    task = ask(api, integration, **ALL, perMinute=pace)["task"]
    clock = Clock(monkeypatch)
    while told(api, task)["status"] != "DONE":
        assert len(clock.made) < 60
        clock.look(queue, 9.7)
    assert made(queue).count() == total
    assert clock.most_in_a_minute() <= pace
    assert max(n for _, n in clock.made) <= -(-pace // 6)
    took = clock.made[-1][0] - clock.made[0][0]
    assert took <= 1.3 * 60 * total / pace + 20


def test_the_pace_is_kept_over_a_stop_and_by_two_workers(
    api: Api, queue: Queue, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(integration, 50)
    task = ask(api, integration, **ALL, perMinute=12)["task"]
    clock = Clock(monkeypatch)
    for _ in range(40):  # looks that come too often make no more
        clock.look(queue, 1)
        api.ok("POST", f"integration/task/{task['id']}/stop")
        api.ok("POST", f"integration/task/{task['id']}/resume")
    assert clock.most_in_a_minute() == made(queue).count() == 12


def test_a_replay_that_keeps_a_pace_rests_between_two_looks(
    api: Api, queue: Queue, integration: Integration
) -> None:
    stock(integration, 20)
    task = ask(api, integration, **ALL, perMinute=60)["task"]
    for _ in range(3):
        carry_out_replays()
    going = told(api, task)
    assert (going["status"], going["done"]) == ("RUNNING", 10)
    assert going["message"] == "Goes on: 60 a minute."


def test_replays_take_turns(
    api: Api, queue: Queue, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PORTION", 10)
    monkeypatch.setattr(replay, "PORTIONS", 1)
    stock(integration, 20)
    first = ask(api, integration, **ALL)["task"]["id"]
    second = ask(api, integration, **ALL)["task"]["id"]
    turns: list[str] = []
    portion = replay._portion
    monkeypatch.setattr(
        replay, "_portion", lambda task, most: (turns.append(str(task.pk)), portion(task, most))[1]
    )
    carry_out_replays()
    assert turns[:4] == [first, second, first, second]
