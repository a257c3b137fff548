"""What tests of imports that a worker carries out have in common."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from integrations.inbound import imports
from integrations.models import Task
from otms.accounts.models import Platform
from otms.orders.models import TransportOrder


@pytest.fixture(autouse=True)
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(imports, "PATIENCE", 600)  # however busy the machine is
    yield
    imports._stopping.clear()


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "TOGETHER", 1)


def rows(n: int) -> list[Any]:
    return [{"externalId": str(each), "name": f"order {each}"} for each in range(n)]


def the_task(platform: Platform) -> Task:
    return Task.objects.of(platform).get()


def orders(platform: Platform) -> int:
    return TransportOrder.objects.of(platform).count()


def lease_over(platform: Platform) -> None:
    Task.objects.of(platform).update(leased_until=now() - timedelta(seconds=1))
