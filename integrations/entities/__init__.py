"""WHAT may change: one file for each kind of record (transport_order.py: transportOrder)."""

from functools import cache
from typing import Any

from integrations.core import plugins


def known() -> list[str]:
    return [plugins.wire_name(name) for name in plugins.names(__name__)]


@cache
def load(key: str) -> Any:
    """The entity by its key on the wire."""
    entity = plugins.load(__name__, plugins.module_name(key), "Entity")()
    entity.key = key
    return entity
