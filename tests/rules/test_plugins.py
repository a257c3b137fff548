"""A connector or an entity is one file; a half-finished one is found here."""

import re

import pytest

from integrations import connectors, entities
from integrations.connectors.base import Connector, Delivery
from integrations.entities.base import Entity
from integrations.http import Request

SETTINGS = {"webhook": {"url": "https://receiver.example/orders"}}


@pytest.mark.parametrize("key", connectors.known())
def test_a_connector_is_whole(key: str) -> None:
    connector = connectors.load(key)
    assert issubclass(connector, Connector)
    assert connector.label
    assert key in SETTINGS, f"Add an example of the settings of {key!r} to SETTINGS in {__file__}."
    made = connector(SETTINGS[key], {})
    delivery = Delivery(id="id", attempt=1, sequence=7, timestamp=1, traceparent="00-0-0-01")
    request = made.request({"a": 1}, delivery)
    assert isinstance(request, Request)
    assert request == made.request({"a": 1}, delivery)


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
