"""What stories of many objects need is asked at once, and each is told as if it were alone."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations import story, surroundings
from integrations.models import IntegrationObject, Status
from tests import make
from tests.queue.conftest import Queue

pytestmark = pytest.mark.django_db


def told(objects: list[IntegrationObject]) -> tuple[list[list[str]], int]:
    """What is said of each, where it is asked for all, and how many questions that takes."""
    with CaptureQueriesContext(connection) as asked:
        around = surroundings.of(objects)
        said = [story.in_words(each, around) for each in objects]
    return said, len(asked)


LANES = {
    "blocked": [Status.ERROR, Status.ERROR, Status.QUEUE, Status.QUEUE, Status.RETRY],
    "waiting": [Status.RETRY, Status.QUEUE, Status.QUEUE],
    "overtaken": [Status.ERROR, Status.SUCCESS, Status.ERROR, Status.SUCCESS, Status.ERROR],
    "put back": [Status.QUEUE, Status.QUEUE],
}


@pytest.fixture
def objects(queue: Queue) -> list[IntegrationObject]:
    """Of six integrations, a lane of each kind: what failed twice and holds up others; what waits
    for what waits; what failed before something newer was delivered, and after; what was put back
    while a later one is being sent."""
    integrations = [
        make.integration("http://127.0.0.1/", platform=queue.platform) for _ in range(6)
    ]
    mine = IntegrationObject.objects.of(queue.platform)
    for name, statuses in LANES.items():
        rows = queue.put(integrations[0], *[uuid4()] * len(statuses))
        for row in rows:
            status = statuses[sorted({each.change_id for each in rows}).index(row.change_id)]
            fields: dict[str, Any] = {"status": status, "holds_lane": name != "overtaken"}
            if status in (Status.ERROR, Status.SUCCESS):
                fields |= {"due_at": None, "finished_at": now()}
            if status == Status.ERROR:
                fields["error"] = "It was refused."
            if name == "put back" and row.change_id == rows[-1].change_id:
                fields |= {"leased": True, "claimed_at": now()}
            mine.filter(pk=row.pk).update(**fields)
    return list(mine.select_related("integration__gate", "change", "since").order_by("pk"))


def test_each_is_told_of_among_many_as_it_is_alone(objects: list[IntegrationObject]) -> None:
    said, _ = told(objects)
    assert said == [story.in_words(each) for each in objects]
    everything = " ".join(sentence for each in said for sentence in each)
    for part in (
        "4 later changes of the same record wait behind it",
        "3 later changes of the same record wait behind it",
        "It waits for an earlier change of the same record",
        "Of that one:",
        "A newer change of the record was delivered at",
        "It waits while a later change of the same record is being sent.",
    ):
        assert part in everything, part
    # What failed last of all has nothing newer.
    last = [each for each in objects if each.status == Status.ERROR and not each.holds_lane]
    newer = ["A newer change" in " ".join(story.in_words(each)) for each in last]
    assert sorted(newer) == [False] * 6 + [True] * 12


def test_it_takes_as_many_questions_for_any_number(objects: list[IntegrationObject]) -> None:
    few = [each for each in objects if each.integration_id == objects[0].integration_id]
    assert len(objects) == 6 * len(few)
    assert told(few)[1] == told(objects)[1] <= 12
