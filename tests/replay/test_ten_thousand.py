"""Ten thousand objects: seen first, stopped, resumed, and each arrives once."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from integrations import replay
from integrations.models import (
    Status,
)
from integrations.tasks import carry_out_replays
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.replay.conftest import (
    ALL,
    NAMED,
    Clock,
    ask,
    lease_over,
    made,
    remap,
    stock,
    told,
)
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_thousand_are_seen_first_stopped_resumed_and_each_arrives_once_under_a_new_id(
    api: Api, queue: Queue, run_queue: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Throttled to 2400 a minute by a clock of the test; a worker is killed on the way."""
    n, pace = 10_000, 2400
    sink = Sink(keep=n + 100)
    try:
        integration = make.integration(
            sink.url("/ok"), platform=queue.platform, mapping=NAMED, trigger=make.ALL_ACTIONS
        )
        stock(integration, n)
        remap(integration, {"name": "$.transportOrder.name"})

        answer = ask(api, integration, **ALL, dryRun=True)
        assert [answer[each] for each in ("count", "older", "skipped", "failed")] == [n, 0, 0, 0]
        assert (answer["examined"], answer["differ"]) == (replay.EXAMINED, replay.EXAMINED)
        assert len(answer["differences"]) == replay.TOLD
        for each in answer["differences"]:
            name = each["reference"]
            assert each["changes"] == [
                {"path": "$.n", "before": name, "after": None},
                {"path": "$.name", "before": None, "after": name},
            ]

        task = ask(api, integration, **ALL, perMinute=pace)["task"]
        stock(integration, 50)  # after the start
        clock, progress = Clock(monkeypatch), []
        portion = replay._portion
        is_stopped = is_killed = False

        def killed(*args: Any) -> Any:
            portion(*args)
            raise OperationalError("killed between two portions")

        while (now_told := told(api, task))["status"] != "DONE":
            progress.append(now_told["done"])
            assert now_told["done"] == made(queue).count()
            if not is_stopped and now_told["done"] > n // 3:
                is_stopped = True
                api.ok("POST", f"integration/task/{task['id']}/stop")
                clock.look(queue, 10)
                assert made(queue).count() == now_told["done"]
                api.ok("POST", f"integration/task/{task['id']}/resume")
            if not is_killed and now_told["done"] > n // 2:
                is_killed = True
                with monkeypatch.context() as patch:
                    patch.setattr(replay, "_portion", killed)
                    before = made(queue).count()
                    lease_over(queue)
                    with pytest.raises(OperationalError):
                        carry_out_replays()
                    clock.made.append((clock.at.timestamp(), made(queue).count() - before))
                    assert clock.made[-1][1] == replay.PORTION
                clock.at += timedelta(seconds=10)
            clock.look(queue, 10)
        assert is_stopped
        assert is_killed
        assert progress == sorted(progress)
        assert len(set(progress)) > 20
        assert clock.most_in_a_minute() <= pace
        assert (told(api, task)["done"], made(queue).count()) == (n, n)
        assert made(queue).values("replay_of").distinct().count() == n

        run_queue()
        arrived = sink.stats()["attempts_by_id"]
        assert Counter(arrived.values()) == {1: n}
        assert set(arrived) == {str(each) for each in made(queue).values_list("uuid", flat=True)}
        assert set(made(queue).values_list("status", flat=True)) == {Status.SUCCESS}
    finally:
        sink.stop()
