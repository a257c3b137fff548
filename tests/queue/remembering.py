"""A target that says what it calls a record."""

from pathlib import Path
from typing import Any

from integrations.connectors.webhook import ID
from integrations.models import (
    DataSource,
    Integration,
    RemoteRecord,
)
from otms.accounts.models import Platform
from tests import make
from tests.queue.conftest import Queue
from tests.sink import Sink

PAGE = (Path(__file__).parents[2] / "docs/how-to/create-once-then-update.md").read_text(
    encoding="utf-8"
)


NEW = {"name": "n", "type": "manual", "trigger": make.ALL_ACTIONS}


LATER = {"field": "$.transportOrder.name", "operator": "eq", "value": "b"}


MAPPING = {
    "id": {"$path": "$.remote.ERP", "$default": "4711/a b"},
    "name": "$.transportOrder.name",
}


def erp(sink: Sink, **fields: Any) -> dict[str, Any]:
    """A target that answers with what it is sent, and so with an id."""
    settings = {
        "url": sink.url("/echo"),
        "update": {"url": sink.url(f"/echo/{ID}")},
        "delete": {"url": sink.url(f"/echo/{ID}")},
        **fields.pop("settings", {}),
    }
    return {
        "name": "ERP",
        "connector": "webhook",
        "settings": settings,
        "mapping": MAPPING,
        "remember": "$.id",
        **fields,
    }


def remembering(queue: Queue, *sources: dict[str, Any], **fields: Any) -> Integration:
    integration = make.integration(
        platform=queue.platform, **{"trigger": make.ALL_ACTIONS, **fields}
    )
    for position, source in enumerate(sources):
        DataSource.objects.create(
            platform=queue.platform, integration=integration, position=position, **source
        )
    return integration


def remembered(platform: Platform) -> list[str]:
    return list(RemoteRecord.objects.of(platform).values_list("remote_id", flat=True))


def calls(sink: Sink) -> list[tuple[str, str]]:
    return [(each.method, each.path) for each in sink.requests]
