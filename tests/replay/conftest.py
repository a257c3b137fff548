"""Objects that were delivered, and the calls that ask for them once more."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from integrations import replay
from integrations.models import (
    EntityChange,
    Integration,
    IntegrationObject,
    RequestLog,
    Status,
    Task,
)
from integrations.tasks import carry_out_replays
from otms.accounts.models import Platform
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.sink import Sink

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
