"""Why an integration has heard nothing of a change: it did not listen, then or now."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from integrations.core import origin
from integrations.models import Integration, IntegrationObject
from tests import make
from tests.api.explaining import listener, why
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def test_there_is_nowhere_to_send_it(api: Api, queue: Queue) -> None:
    listener(queue, "")
    queue.save_order(name="4711")
    queue.run()
    assert "There is no data source to deliver to." in why(api, "4711")


def test_nobody_listens(api: Api, queue: Queue) -> None:
    queue.save_order(name="4711")
    told = api.ok("GET", "integration/explain?q=4711")["explanation"]
    assert told["why"] == "No integration is about a transport order: nobody was told."
    assert told["integrations"] == []
    assert told["change"]["action"] == "created"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"trigger": {"entity": "transportOrder", "actions": ["updated", "deleted"]}},
            "It listens to records that are updated and deleted; this one was created.",
        ),
        ({"enabled": False}, "It is paused: changes are not queued for it."),
    ],
)
def test_one_that_does_not_listen_says_why(
    api: Api, queue: Queue, sink: Sink, fields: dict[str, Any], text: str
) -> None:
    make.integration(sink.url(), platform=queue.platform, **fields)
    queue.save_order(name="4711")
    assert why(api, "4711") == text
    told = api.ok("GET", "integration/explain?q=4711")["explanation"]
    assert told["why"] == (
        "The last change of the transport order was that it was created; no integration has heard "
        "of it."
    )


def test_one_that_was_made_or_changed_later_says_so(api: Api, queue: Queue, sink: Sink) -> None:
    queue.save_order(name="4711")
    integration = listener(queue, sink.url())
    assert "It was made at 20" in why(api, "4711")
    before = now() - timedelta(days=1)
    Integration.objects.of(queue.platform).filter(pk=integration.pk).update(created_at=before)
    assert "It would listen as it is now, but was changed at 20" in why(api, "4711")
    Integration.objects.of(queue.platform).filter(pk=integration.pk).update(updated_at=before)
    assert "was forgotten with its history" in why(api, "4711")


def test_one_that_was_paused_then_says_when_it_was_resumed(
    api: Api, queue: Queue, sink: Sink
) -> None:
    integration = listener(queue, sink.url())
    api.ok("PUT", "integration", {"id": str(integration.pk), "enabled": False})
    queue.save_order(name="4711")
    assert why(api, "4711") == "It is paused: changes are not queued for it."
    api.ok("PUT", "integration", {"id": str(integration.pk), "enabled": True})
    api.ok("PUT", "integration", {"id": str(integration.pk), "description": "another"})
    said = why(api, "4711")
    assert said.startswith("It was paused when this was saved; it was resumed at 20"), said
    queue.save_order(name="4712")
    api.ok("PUT", "integration", {"id": str(integration.pk), "enabled": False})
    IntegrationObject.objects.of(queue.platform).all().cancel("a person")
    assert "Cancelled" in why(api, "4712")


def test_one_is_not_told_what_it_brought_in(api: Api, queue: Queue, sink: Sink) -> None:
    integration = listener(queue, sink.url())
    with origin.caused_by(origin.imported(integration.pk, 0)):
        queue.save_order(name="4711")
    assert "It brought this change in itself, by an import" in why(api, "4711")
