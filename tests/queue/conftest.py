"""What the tests of the queue say again and again."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from integrations.models import EntityChange, IntegrationObject
from integrations.models.integration import Integration
from otms.accounts.models import Platform
from tests import make
from tests.queue.capturing import changes, order

__all__ = ["changes", "order"]


def wait_for(condition: Callable[[], Any], timeout: float = 10) -> None:
    """Wait until it is so."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


class Pause:
    """Stops a connection before a statement, until it may go on."""

    def __init__(self, before: Callable[[str], bool]) -> None:
        self.before = before
        self.there = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, execute: Any, sql: str, *args: Any) -> Any:
        if not self.there.is_set() and self.before(sql):
            self.there.set()
            assert self.go_on.wait(20)
        return execute(sql, *args)


class Queue:
    """The queue of one platform, and what makes time pass in it."""

    def __init__(self, platform: Platform, run: Callable[[], None]) -> None:
        self.platform = platform
        self.run = run

    @property
    def all(self) -> Any:
        return IntegrationObject.objects.of(self.platform).order_by("id")

    @property
    def only(self) -> IntegrationObject:
        obj: IntegrationObject = self.all.get()
        return obj

    def time_passes(self) -> None:
        """What waits is due, what is leased was leased for too long."""
        self.all.filter(due_at__isnull=False).update(due_at=now() - timedelta(milliseconds=1))

    def run_when_due(self) -> None:
        self.time_passes()
        self.run()

    def save_order(self, **fields: Any) -> Any:
        """A new order; whoever listens has it in the queue."""
        return make.OrderFactory(platform=self.platform, customer=None, **fields)

    def put(self, integration: Integration, *lanes: Any) -> list[IntegrationObject]:
        """Objects in these lanes, as new records with these ids would bring them."""
        changes = [
            EntityChange(
                platform=self.platform,
                entity="transportOrder",
                entity_id=lane,
                action="created",
                after={"id": str(lane), "name": ""},
            )
            for lane in lanes
        ]
        EntityChange.objects.bulk_create(changes)
        return IntegrationObject.objects.enqueue(changes)


@pytest.fixture
def queue(platform: Platform, run_queue: Callable[[], None]) -> Queue:
    return Queue(platform, run_queue)
