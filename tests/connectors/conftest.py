from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from tests.http.conftest import self_signed
from tests.queue.conftest import queue
from tests.sink.smtp import MailServer

__all__ = ["queue", "self_signed"]


@pytest.fixture
def mail(settings: LazySettings) -> Iterator[MailServer]:
    """The mail server of the deployment."""
    with MailServer() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.DEFAULT_FROM_EMAIL = "Acme Transport <otms@acme.example>"
        yield server
