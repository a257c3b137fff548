"""A queue that may hold ten objects, and what is said about it."""

import logging
from collections.abc import Callable, Iterator

import pytest
from django.conf import LazySettings

from integrations import on_call, pressure
from integrations.models import Integration, IntegrationObject
from otms.accounts.models import Platform
from tests import make
from tests.sink import Sink

MOST = 10


@pytest.fixture(autouse=True)
def small(settings: LazySettings) -> Iterator[None]:
    """Ten may wait, and the disk of the machine that tests is nobody's affair."""
    settings.OTMS_MOST_WAITING = MOST
    settings.OTMS_DISK_LOW_BYTES = settings.OTMS_DISK_FULL_BYTES = 0
    pressure.forget()
    yield
    pressure.forget()


@pytest.fixture
def mailed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The mails to whoever runs the deployment: the subject of each kind, which is told once."""
    kinds: dict[str, str] = {}

    def tell(kind: str, subject: str, text: str) -> bool:
        assert text
        kinds.setdefault(kind, subject)
        return True

    monkeypatch.setattr(on_call, "tell", tell)
    return kinds


class Filled:
    """A platform whose integration has a queue."""

    def __init__(self, platform: Platform, integration: Integration) -> None:
        self.platform, self.integration = platform, integration

    @property
    def waiting(self) -> int:
        return IntegrationObject.objects.of(self.platform).filter(due_at__isnull=False).count()

    def fill(self, count: int) -> None:
        for _ in range(count):
            make.OrderFactory(platform=self.platform, customer=None)

    def measure(self) -> bool:
        """Now, and not when it is its turn."""
        pressure.forget()
        return pressure.measure()


@pytest.fixture
def filled(platform: Platform, sink: Sink) -> Filled:
    sink.answers("/orders", "/ok")
    return Filled(platform, make.integration(sink.url("/orders"), platform=platform, name="ERP"))


@pytest.fixture
def full(filled: Filled) -> Filled:
    filled.fill(MOST)
    filled.measure()
    return filled


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[tuple[str, str]]]:
    """What the log says of it: levels and words."""
    caplog.set_level(logging.INFO, "integrations.pressure")
    own = ("integrations.pressure", "integrations.ledger")

    def lines(*names: str) -> list[tuple[str, str]]:
        return [
            (each.levelname, each.getMessage())
            for each in caplog.records
            if each.name in (names or own[:1])
        ]

    return lines
