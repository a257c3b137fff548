"""Which objects are replayed."""

import uuid
from typing import Any

import pytest

from integrations.models import (
    Integration,
    Status,
)
from integrations.tasks import carry_out_replays
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.replay.conftest import (
    ALL,
    ask,
    delivered,
    made,
    refused,
    told,
)

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_what_a_replay_repaired_may_be_left_out(
    api: Api, queue: Queue, integration: Integration
) -> None:
    delivered(queue, "A", "B", "C")
    queue.all.filter(reference__in=["A", "B"]).update(status=Status.ERROR)
    failed = {"status": ["ERROR"]}
    first = str(queue.all.get(reference="A").uuid)
    ask(api, integration, ids=[first])
    carry_out_replays()  # it waits
    rest = {"filter": {**failed, "repaired": False}}
    for _ in range(2):
        seen = ask(api, integration, filter=failed, dryRun=True)
        assert (seen["count"], seen["replayed"], seen["repaired"]) == (2, 1, 0)
        seen = ask(api, integration, **rest, dryRun=True)
        assert (seen["count"], seen["replayed"], seen["repaired"]) == (1, 0, 1)
        queue.run()  # it is delivered
    ask(api, integration, **rest)
    carry_out_replays()
    assert [each.reference for each in made(queue)] == ["A", "B"]
    # What arrived is no failure that was repaired: whoever asks for it gets it.
    seen = ask(api, integration, filter={"status": ["SUCCESS"], "repaired": False}, dryRun=True)
    assert (seen["count"], seen["delivered"]) == (1, 1)
    assert refused(api, integration, filter={"repaired": False})[0][0].startswith("filter")


def test_each_change_is_told_once_however_often_it_was_replayed(
    api: Api, queue: Queue, integration: Integration
) -> None:
    delivered(queue, "A", "B")
    for _ in range(2):
        ask(api, integration, **ALL)
        carry_out_replays()
        queue.run()
    firsts = {each.pk for each in queue.all.filter(replay_of=None)}
    assert sorted(each.replay_of_id for each in made(queue)) == sorted([*firsts, *firsts])
    seen = ask(api, integration, **ALL, dryRun=True)
    assert (seen["count"], seen["replays"]) == (2, 4)
    every = {"filter": {**ALL["filter"], "replays": True}}
    seen = ask(api, integration, **every, dryRun=True)
    assert (seen["count"], seen["replays"]) == (6, 0)
    one = [str(made(queue).first().uuid)]
    assert ask(api, integration, ids=one, dryRun=True)["count"] == 1
    task = ask(api, integration, **every)["task"]
    carry_out_replays()
    assert told(api, task)["done"] == 6
    assert refused(api, integration, filter={"replays": True})[0][0].startswith("filter")
