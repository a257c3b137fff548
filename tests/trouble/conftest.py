"""Targets that are down, and how it is seen what became of them."""

from collections.abc import Callable

import pytest
from django.utils.timezone import now

from integrations.core import trouble as core
from integrations.core.trouble import Report, Trouble
from integrations.models import (
    Alert,
    DataSource,
    Gate,
    Integration,
    IntegrationObject,
    Outcome,
)
from integrations.models.gate import EVER
from otms.accounts.models import Platform
from tests import make
from tests.queue.conftest import Queue
from tests.sink import Sink

DOWN = "/status/503"


@pytest.fixture
def queue(platform: Platform, run_queue: Callable[[], None]) -> Queue:
    return Queue(platform, run_queue)


@pytest.fixture(autouse=True)
def _told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it lasts is asked in tests/core/test_trouble.py."""
    monkeypatch.setattr(core, "SETTLED", 0.0)


@pytest.fixture
def integration(queue: Queue, sink: Sink) -> Integration:
    """Its target is down."""
    made = make.integration(sink.url("/orders"), platform=queue.platform)
    sink.answers("/orders", DOWN)
    return made


def alerts(queue: Queue) -> list[str]:
    told = Alert.objects.of(queue.platform).order_by("created_at", "pk")
    return list(told.values_list("kind", flat=True))


def trouble(integration: Integration) -> Trouble:
    (found,) = Gate.objects.get(pk=integration.pk).trouble.values()
    return found


def save(queue: Queue, orders: int) -> None:
    for _ in range(orders):
        queue.save_order()


def let_the_cooldown_pass(integration: Integration, **more: float) -> None:
    gate = Gate.objects.get(pk=integration.pk)
    past = now().timestamp() - 1
    gate.troubles = {
        id: {**each.written(), "until": past, **more} for id, each in gate.trouble.items()
    }
    gate.full_until = EVER
    gate.save()


def claim_trial(queue: Queue, integration: Integration, **more: float) -> IntegrationObject:
    """The cooldown passes, and a worker takes the one that is tried."""
    let_the_cooldown_pass(integration, **more)
    queue.time_passes()
    (trial,) = IntegrationObject.objects.claim_due(10).objects
    return trial


def took(obj: IntegrationObject) -> Outcome:
    """The outcome of one that its target took."""
    (source,) = Gate.objects.get(pk=obj.integration_id).trouble
    return obj.succeed("It took it.", report=Report(source, "ERP", "works"))


def calls(sink: Sink) -> int:
    attempts: int = sink.stats()["attempts"]
    return attempts


def statuses(queue: Queue) -> dict[str, int]:
    found = list(queue.all.values_list("status", flat=True))
    return {status: found.count(status) for status in sorted({*found})}


@pytest.fixture
def second(queue: Queue, sink: Sink) -> Integration:
    """Two steps: the first target works, the second is down."""
    made = make.integration(sink.url("/first"), platform=queue.platform)
    DataSource.objects.create(
        platform=made.platform,
        integration=made,
        name="Second",
        position=1,
        settings={"url": sink.url("/second")},
    )
    sink.answers("/first", "/ok")
    sink.answers("/second", DOWN)
    return Integration.objects.of(queue.platform).get()


def called(sink: Sink, path: str) -> int:
    return sum(each.path.startswith(path) for each in sink.requests)


def shift(integration: Integration, days: float) -> None:
    """So many days pass."""
    gate, seconds = Gate.objects.get(pk=integration.pk), days * 86_400
    times = ("since", "last", "patience", "until")
    gate.troubles = {
        id: {**each.written(), **{name: getattr(each, name) - seconds for name in times}}
        for id, each in gate.trouble.items()
    }
    gate.save()


def routed(queue: Queue, sink: Sink, operator: str) -> tuple[Integration, DataSource]:
    """Two steps; the first is for the orders called A, which only its filters know."""
    made = make.integration(sink.url("/first"), platform=queue.platform)
    first = DataSource.objects.of(queue.platform).get()
    first.filters = [{"field": "$.transportOrder.name", "operator": operator, "value": "A"}]
    first.save()
    DataSource.objects.create(
        platform=made.platform, integration=made, position=1, settings={"url": sink.url("/second")}
    )
    return made, first
