"""Find plugins by their file names: a module in a folder is a connector, an entity, a format."""

import pkgutil
import re
from functools import cache
from importlib import import_module
from typing import Any


@cache
def names(package: str) -> list[str]:
    """List the plugin keys in a package: its modules, save base.py and private ones."""
    modules = [module.name for module in pkgutil.iter_modules(import_module(package).__path__)]
    return sorted(name for name in modules if name != "base" and not name.startswith("_"))


def load(package: str, name: str, attribute: str) -> Any:
    """Import a plugin's class; a key without a file never reaches the import."""
    known = names(package)
    if name not in known:
        raise LookupError(f"No {attribute} called {name!r}; there are: {', '.join(known)}.")
    return getattr(import_module(f"{package}.{name}"), attribute)


def wire_name(module: str) -> str:
    """Spell a module's name as the API does: transport_order is transportOrder."""
    first, *others = module.split("_")
    return first + "".join(word.capitalize() for word in others)


def module_name(wire: str) -> str:
    """Spell the API's name as a module's: transportOrder is transport_order."""
    return re.sub(r"(?<!^)[A-Z]", r"_\g<0>", wire).lower()
