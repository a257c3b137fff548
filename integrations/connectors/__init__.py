"""WHERE a document goes: one file for each connector; its name is its key."""

from functools import cache
from typing import Any

from integrations.core import plugins


def known() -> list[str]:
    return [plugins.wire_name(name) for name in plugins.names(__name__)]


@cache
def load(key: str) -> Any:
    """The connector's class by its key on the wire."""
    return plugins.load(__name__, plugins.module_name(key), "Connector")
