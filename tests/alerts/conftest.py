from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils.timezone import now

from integrations.alerts import sending
from integrations.models import Alert, AlertRecipient, Integration, Notice
from integrations.models.alert import Kind
from otms.accounts.models import Platform
from tests import make
from tests.connectors.conftest import mail
from tests.sink import Received, Sink

__all__ = ["mail"]
Send = Callable[[], None]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class OnCall:
    """A platform with an integration in trouble, and those who want to know."""

    def __init__(self, platform: Platform, sink: Sink) -> None:
        self.platform, self.sink = platform, sink
        self.integration: Integration = make.integration(sink.url(), platform=platform)

    def hook(self, path: str = "/ok", secret: str = "", **more: Any) -> AlertRecipient:
        more = {"url": self.sink.url(path), "secrets": {"secret": secret} if secret else {}, **more}
        return self.recipient(**more)

    def recipient(self, **more: Any) -> AlertRecipient:
        return AlertRecipient.objects.create(**{"platform": self.platform, **more})

    def happens(
        self, kind: str = Kind.TROUBLE, message: str = "503 Service Unavailable.", **more: Any
    ) -> Alert:
        integration = more.get("integration", self.integration)
        source = integration.data_sources.first()
        return Alert.objects.using("default").tell(
            integration.pk, integration.platform_id, kind, source and source.pk, message, now()
        )

    @property
    def notices(self) -> list[Notice]:
        return list(Notice.objects.across_platforms().order_by("pk"))

    def due_again(self) -> None:
        """The wait is over."""
        Notice.objects.across_platforms().waiting().update(due_at=now(), leased_until=None)


def ids(received: list[Received]) -> list[str]:
    return [each.headers["webhook-id"] for each in received]


@pytest.fixture(autouse=True)
def running() -> Iterator[None]:
    """What stops a worker stops none of the next test."""
    yield
    sending._stopping.clear()


@pytest.fixture
def on_call(platform: Platform, sink: Sink) -> OnCall:
    sink.reset()
    return OnCall(platform, sink)


@pytest.fixture
def send() -> Send:
    """What a worker does until nothing is due."""
    return sending.work_off
