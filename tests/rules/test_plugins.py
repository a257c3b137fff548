"""A connector or an entity is one file; a half-finished one is found here."""

import re
from inspect import signature
from typing import Any

import pytest

from integrations import connectors, entities
from integrations.connectors.base import BlockingConnector, Connector, Delivery
from integrations.entities.base import Entity
from integrations.http import Request

# An example of each connector's settings and secrets, and of a document that it takes.
EXAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any], Any]] = {
    "email": ({}, {}, {"to": "ann@example.com", "subject": "4711", "body": "It is there."}),
    "postgresql": (
        {"host": "db.example", "database": "warehouse", "user": "otms", "table": "orders"},
        {"password": "sesame"},
        {"id": "4711"},
    ),
    "slack": ({}, {"webhookUrl": "https://hooks.example/T/B/X"}, {"text": "4711"}),
    "webhook": ({"url": "https://receiver.example/orders"}, {}, {"a": 1}),
}


@pytest.mark.parametrize("key", connectors.known())
def test_a_connector_is_whole(key: str) -> None:
    connector = connectors.load(key)
    assert issubclass(connector, Connector)
    assert connector.label
    assert key in EXAMPLES, f"Add an example of the settings of {key!r} to EXAMPLES in {__file__}."
    settings, secrets, document = EXAMPLES[key]
    assert not list(connector.problems(settings, secrets))
    assert set(secrets) <= set(connector.secret_names())
    assert connector.check is not Connector.check
    assert "sample" in signature(connector.check).parameters
    made = connector(settings, secrets)
    delivery = Delivery(id="id", attempt=1, sequence=7, timestamp=1, traceparent="00-0-0-01")
    request = made.request(document, delivery)
    assert isinstance(request, Request)
    assert request == made.request(document, delivery)
    if isinstance(made, BlockingConnector):
        assert connector.send is not BlockingConnector.send


@pytest.mark.parametrize("key", entities.known())
def test_an_entity_is_whole(key: str) -> None:
    entity = entities.load(key)
    assert isinstance(entity, Entity)
    assert entity.key == key
    assert entity.label
    # What is captured must be saved inside a transaction: see AtomicModel.
    for model in (entity.root, *entity.parts):
        assert model.save.__qualname__.startswith("AtomicModel"), model


def test_a_key_without_a_file_is_no_plugin() -> None:
    there_are = re.escape(f"there are: {', '.join(connectors.known())}.")
    with pytest.raises(LookupError, match=there_are):
        connectors.load("os")
