"""Many objects are made anew: seen before it is done, carried out by workers, stopped, resumed."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations import replay
from integrations.models import (
    DataSource,
    EntityChange,
    Integration,
    IntegrationObject,
    Log,
    RequestLog,
    Status,
    Task,
)
from integrations.tasks import carry_out_replays
from otms.accounts.audit import AuditEntry
from otms.accounts.models import Platform
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.queue.test_concurrency import Beside
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

NAMED = {"n": "$.transportOrder.name"}
ALL = {"filter": {"status": ["SUCCESS"]}}


@pytest.fixture(autouse=True)
def running() -> Iterator[None]:
    yield
    replay._stopping.clear()


@pytest.fixture
def queue(platform: Platform, run_queue: Callable[[], None]) -> Queue:
    return Queue(platform, run_queue)


@pytest.fixture
def integration(queue: Queue, sink: Sink) -> Integration:
    return make.integration(
        sink.url("/ok"), platform=queue.platform, mapping=NAMED, trigger=make.ALL_ACTIONS
    )


def delivered(queue: Queue, *names: str) -> list[Any]:
    orders = [queue.save_order(name=name) for name in names]
    queue.run()
    return orders


def remap(integration: Integration, mapping: Any) -> None:
    source = integration.data_sources.get()
    source.mapping = mapping
    source.save()


def ask(api: Api, integration: Integration, **body: Any) -> Any:
    return api.ok("POST", f"integration/{integration.pk}/objects:replay", body)


def refused(api: Api, integration: Integration, **body: Any) -> list[tuple[str, str]]:
    said = api.refused("POST", f"integration/{integration.pk}/objects:replay", body)
    return [(each["field"], each["message"]) for each in said["errors"]]


def told(api: Api, task: Any) -> Any:
    return api.ok("GET", f"integration/task/{task['id']}")["task"]


def made(queue: Queue) -> Any:
    return queue.all.exclude(replay_of=None)


def lease_over(queue: Queue) -> None:
    Task.objects.of(queue.platform).update(leased_until=now() - timedelta(seconds=1))


def stock(integration: Integration, n: int, status: Status = Status.SUCCESS) -> None:
    """So many objects of orders that are not there any more, as they were delivered."""
    changes = [
        EntityChange(
            platform_id=integration.platform_id,
            entity="transportOrder",
            entity_id=uuid.uuid4(),
            reference=f"order {each}",
            action="created",
            after={"name": f"order {each}"},
        )
        for each in range(n)
    ]
    EntityChange.objects.bulk_create(changes, batch_size=1000)
    rows = IntegrationObject.objects.bulk_create(
        [
            IntegrationObject(
                platform_id=integration.platform_id,
                integration=integration,
                change=each,
                entity=each.entity,
                entity_id=each.entity_id,
                reference=each.reference,
                status=status,
                attempts=1,
                lane=str(each.entity_id),
                finished_at=now(),
            )
            for each in changes
        ],
        batch_size=1000,
    )
    source = integration.data_sources.first()
    assert source
    RequestLog.objects.bulk_create(
        [
            RequestLog(
                platform_id=integration.platform_id,
                integration=integration,
                object=row,
                data_source=source,
                attempt=1,
                method="POST",
                url=source.settings["url"],
                request_body=f'{{"n":"{row.reference}"}}',
                response_status=200,
            )
            for row in rows
        ],
        batch_size=1000,
    )


# What it would do.


def test_a_dry_run_says_what_differs_and_changes_nothing(
    api: Api, queue: Queue, sink: Sink, integration: Integration
) -> None:
    delivered(queue, "A", "B")
    remap(integration, {"name": "$.transportOrder.name"})
    answer = ask(api, integration, **ALL, dryRun=True)
    assert answer["task"] is None
    counted = ("count", "examined", "differ", "skipped", "failed", "older", "gone")
    assert [answer[each] for each in counted] == [2, 2, 2, 0, 0, 0, 0]
    (newest, oldest) = answer["differences"]
    sent = RequestLog.objects.of(queue.platform).get(uuid=newest["requestLogId"])
    assert sent.request_body == '{"n":"B"}'
    assert (newest["reference"], oldest["reference"]) == ("B", "A")
    assert newest["changes"] == [
        {"path": "$.n", "before": "B", "after": None},
        {"path": "$.name", "before": None, "after": "B"},
    ]
    assert (queue.all.count(), Task.objects.of(queue.platform).count()) == (2, 0)
    queue.run()
    assert len(sink.requests) == 2


def test_what_would_be_sent_alike_is_no_difference(
    api: Api, queue: Queue, integration: Integration
) -> None:
    delivered(queue, "A")
    answer = ask(api, integration, **ALL, dryRun=True)
    assert (answer["examined"], answer["differ"], answer["differences"]) == (1, 0, [])


def test_of_what_was_never_sent_all_is_new(
    api: Api, queue: Queue, integration: Integration
) -> None:
    integration.filters = [{"field": "$.transportOrder.name", "operator": "eq", "value": "B"}]
    integration.save()
    delivered(queue, "A")
    integration.filters = []
    integration.save()
    answer = ask(api, integration, filter={"status": ["SKIPPED"]}, dryRun=True)
    (one,) = answer["differences"]
    assert one["requestLogId"] is None
    assert one["changes"] == [{"path": "$", "before": None, "after": {"n": "A"}}]


def test_who_is_left_out_by_filters_of_today_or_can_not_be_mapped_is_counted_with_the_reason(
    api: Api, queue: Queue, integration: Integration
) -> None:
    delivered(queue, "A", "A", "B", "C")
    integration.filters = [{"field": "$.transportOrder.name", "operator": "ne", "value": "A"}]
    integration.save()
    remap(integration, {"n": {"$path": "$.transportOrder.name", "$lookup": {"B": "bee"}}})
    answer = ask(api, integration, **ALL, dryRun=True)
    assert [answer[each] for each in ("skipped", "failed", "differ")] == [2, 1, 1]
    first, second = answer["reasons"]
    assert (first["code"], first["count"]) == ("filter_no_match", 2)
    assert '"A"' in first["reason"]
    assert (second["code"], second["count"]) == ("mapping_error", 1)


def test_older_states_that_would_come_last_are_counted(
    api: Api, queue: Queue, integration: Integration
) -> None:
    (order, _) = delivered(queue, "A", "B")
    order.name = "A2"
    order.save()
    queue.run()
    answer = ask(api, integration, **ALL, dryRun=True)
    assert (answer["count"], answer["older"]) == (3, 1)
    current = ask(api, integration, **ALL, snapshot="current", dryRun=True)
    assert current["older"] == 0, "the newest state comes last"
    assert current["differ"] == 1
    assert {"path": "$.n", "before": "A", "after": "A2"} in current["differences"][0]["changes"]


def test_records_that_are_gone_are_counted_where_their_state_of_now_is_asked_for(
    api: Api, queue: Queue, integration: Integration
) -> None:
    (order, _) = delivered(queue, "A", "B")
    order.delete()
    queue.run()
    answer = ask(api, integration, **ALL, snapshot="current", dryRun=True)
    assert (answer["count"], answer["gone"], answer["examined"]) == (3, 2, 1)
    assert ask(api, integration, **ALL, dryRun=True)["gone"] == 0


def test_what_the_integration_redacts_is_in_no_difference(
    api: Api, queue: Queue, integration: Integration
) -> None:
    delivered(queue, "Ann Smith")
    integration.redact = ["$.n", "$.transportOrder.name", "$.person"]
    integration.save()
    remap(integration, {"person": "$.transportOrder.name", "text": "for {{transportOrder.name}}"})
    answer = ask(api, integration, **ALL, dryRun=True)
    (one,) = answer["differences"]
    changes = {each["path"]: (each["before"], each["after"]) for each in one["changes"]}
    assert changes["$.n"] == ("***", None)
    assert changes["$.person"] == (None, "***")
    assert "Ann" not in str(one["changes"])
    integration.filters = [{"field": "$.transportOrder.name", "operator": "eq", "value": "B"}]
    integration.save()
    assert "Ann" not in str(ask(api, integration, **ALL, dryRun=True)["reasons"])


def test_what_was_kept_before_it_was_redacted_is_hidden_too(
    api: Api, queue: Queue, integration: Integration
) -> None:
    remap(integration, {"phone": "$.transportOrder.description"})
    queue.save_order(name="A", description="+31 6 12345678")
    queue.run()
    integration.redact = ["$.phone"]
    integration.save()
    remap(integration, NAMED)
    (one,) = ask(api, integration, **ALL, dryRun=True)["differences"]
    assert {"path": "$.phone", "before": "***", "after": None} in one["changes"]
    assert "12345678" not in str(one)


def test_another_address_is_a_difference_and_its_secrets_stay_hidden(
    api: Api, queue: Queue, sink: Sink, integration: Integration
) -> None:
    delivered(queue, "A")
    source = integration.data_sources.get()
    source.settings = {"url": sink.url("/other?key=a-secret-key")}
    source.save()
    (one,) = ask(api, integration, **ALL, dryRun=True)["differences"]
    changes = {each["path"]: (each["before"], each["after"]) for each in one["changes"]}
    assert changes == {"url": (sink.url("/ok"), sink.url("/other?key=***"))}


def test_each_step_is_compared_with_what_was_sent_to_it(
    api: Api, queue: Queue, sink: Sink, integration: Integration
) -> None:
    second = DataSource.objects.create(
        platform=queue.platform,
        integration=integration,
        position=1,
        settings={"url": sink.url("/ok")},
        mapping={"second": 1},
    )
    delivered(queue, "A")
    assert ask(api, integration, **ALL, dryRun=True)["differ"] == 0
    second.mapping = {"second": 2}
    second.save()
    (one,) = ask(api, integration, **ALL, dryRun=True)["differences"]
    assert one["dataSourceId"] == str(second.pk)
    assert one["changes"] == [{"path": "$.second", "before": 1, "after": 2}]


def test_a_dry_run_examines_so_many_and_asks_no_more_for_more(
    api: Api, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "EXAMINED", 5)
    stock(integration, 5)
    remap(integration, {"name": "$.transportOrder.name"})
    with CaptureQueriesContext(connection) as few:
        ask(api, integration, **ALL, dryRun=True)
    stock(integration, 45)
    with CaptureQueriesContext(connection) as many:
        answer = ask(api, integration, **ALL, dryRun=True)
    assert (answer["count"], answer["examined"], answer["differ"]) == (50, 5, 5)
    assert len(many) == len(few)


def test_a_dry_run_ends_in_time(
    api: Api, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(integration, 3)
    monkeypatch.setattr(replay, "PREVIEW_SECONDS", -1)
    answer = ask(api, integration, **ALL, dryRun=True)
    assert (answer["count"], answer["examined"]) == (3, 0)


def test_the_mapping_of_then_differs_in_nothing(
    api: Api, queue: Queue, integration: Integration
) -> None:
    delivered(queue, "A")
    remap(integration, {"name": "$.transportOrder.name"})
    assert ask(api, integration, **ALL, mapping="original", dryRun=True)["differ"] == 0


# What is chosen.


def test_objects_are_chosen_in_the_words_of_their_list(
    api: Api, queue: Queue, integration: Integration
) -> None:
    _, second = delivered(queue, "A", "B")
    queue.all.filter(reference="B").update(status=Status.ERROR)
    moment = queue.all.get(reference="B").created_at

    def count(**narrowed: Any) -> int:
        count: int = ask(api, integration, filter=narrowed, dryRun=True)["count"]
        return count

    assert count(status=["SUCCESS", "ERROR"]) == 2
    assert count(status=["ERROR"]) == 1
    assert count(q="A") == 1
    assert count(entityId=str(second.pk)) == 1
    assert count(since=moment.isoformat()) == 1
    assert count(until=moment.isoformat()) == 1
    assert count(status=["ERROR"], q="A") == 0
    ids = [str(each.uuid) for each in queue.all]
    assert ask(api, integration, ids=ids, dryRun=True)["count"] == 2
    assert ask(api, integration, ids=ids[:1], dryRun=True)["count"] == 1


def test_what_can_not_be_chosen_is_named(api: Api, queue: Queue, integration: Integration) -> None:
    strange = str(uuid.uuid4())
    assert refused(api, integration)[0][0] == "ids"
    assert refused(api, integration, ids=[strange], filter={"q": "A"})[0][0] == "filter"
    assert refused(api, integration, ids=[strange])[0][0] == "ids[0]"
    assert refused(api, integration, ids=[])[0][0] == "ids"
    assert refused(api, integration, filter={})[0][0].startswith("filter")
    assert refused(api, integration, filter={"statuss": ["ERROR"]})[0][0] == "filter.statuss"
    assert refused(api, integration, filter={"status": "ERROR"})[0][0] == "filter.status"
    assert refused(api, integration, filter={"status": ["LOST"]})[0][0] == "filter.status[0]"
    assert refused(api, integration, **ALL, perMinute=0)[0][0] == "perMinute"
    assert refused(api, integration, **ALL, mapping="newest")[0][0] == "mapping"
    other = make.integration(platform=queue.platform)
    (row,) = queue.put(other, uuid.uuid4())[:1]
    mine = row if row.integration_id == other.pk else queue.all.get(integration=other)
    assert refused(api, integration, ids=[str(mine.uuid)])[0][0] == "ids[0]"


def test_an_integration_that_is_switched_off_replays_nothing(
    api: Api, integration: Integration
) -> None:
    integration.switch(False)
    said = api.refused("POST", f"integration/{integration.pk}/objects:replay", ALL, code=409)
    assert "enable it" in said["message"]


# Carried out.


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
    assert [each.json() for each in sink.requests[2:]] == [{"name": "A"}, {"name": "B"}]
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
    api: Api, queue: Queue, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PORTION", 10)
    stock(integration, 35)
    task = ask(api, integration, **ALL)["task"]
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
    api: Api, queue: Queue, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made and how far it is are one transaction."""
    monkeypatch.setattr(replay, "PORTION", 10)
    stock(integration, 25)
    ask(api, integration, **ALL)

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
    api: Api, queue: Queue, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PORTION", 10)
    stock(integration, 35)
    task = ask(api, integration, **ALL)["task"]
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


# How fast.


class Clock:
    """Time as the replay sees it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = datetime(2026, 3, 22, 10, tzinfo=UTC)
        self.made: list[tuple[float, int]] = []
        monkeypatch.setattr(replay, "database_now", lambda _: self.at)

    def look(self, queue: Queue, seconds: float) -> None:
        """A worker looks, and so many seconds pass."""
        lease_over(queue)
        before = made(queue).count()
        carry_out_replays()
        self.made.append((self.at.timestamp(), made(queue).count() - before))
        self.at += timedelta(seconds=seconds)

    def most_in_a_minute(self) -> int:
        return max(sum(n for then, n in self.made if at - 60 < then <= at) for at, _ in self.made)


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


# Ten thousand.


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
