"""The guide's documents, and an integration with something in its queue."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache

from integrations.models import Credential, EntityChange, Integration, IntegrationObject
from otms.accounts.models import Platform
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue

GUIDE_BODY = {
    "name": "ERP Sync - New Orders",
    "type": "configured",
    "description": "Sync new transport orders to external ERP system",
    "enabled": True,
}
URL = "https://93.184.216.34/orders"  # a public address: no name is looked up


@pytest.fixture(autouse=True)
def nobody_called_yet() -> None:
    cache.clear()  # what throttles remember


@pytest.fixture
def integration(platform: Platform) -> Integration:
    return make.integration(URL, platform=platform, secrets={"secret": "hush-hush"})


@pytest.fixture
def credential(integration: Integration) -> Api:
    """The integration itself as the caller."""
    return Api(Credential.generate(integration)[1]["token"])


def webhook(url: str = URL, **fields: Any) -> dict[str, Any]:
    settings = {"url": url, **fields.pop("settings", {})}
    return {"connector": "webhook", "settings": settings, **fields}


def queued(integration: Integration, **fields: Any) -> IntegrationObject:
    """One change in the queue of an integration."""
    order = make.OrderFactory(platform=integration.platform)
    change = EntityChange.objects.create(
        platform=integration.platform,
        entity="transportOrder",
        entity_id=order.pk,
        reference=order.name,
        action="created",
        after={"id": str(order.pk)},
        **fields,
    )
    everybody = IntegrationObject.objects.enqueue([change])
    return next(each for each in everybody if each.integration_id == integration.pk)


@pytest.fixture
def queue(platform: Platform, run_queue: Callable[[], None]) -> Queue:
    return Queue(platform, run_queue)
