"""The App Store: one YAML file for each app, its manifest; its name is the key of the app."""

from functools import cache
from pathlib import Path

from integrations.store.manifest import App, Broken, read

FOLDER = Path(__file__).parent

__all__ = ["App", "Broken", "apps", "find", "known"]


@cache
def known() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def find(key: str) -> App | None:
    """The app with this key, if there is one; Broken says what is wrong with its manifest."""
    if key not in known():
        return None
    path = FOLDER / f"{key}.yaml"
    return read(path.name, path.read_text(encoding="utf-8"))


@cache
def apps() -> list[App]:
    """Everything in the store, by name."""
    found = [app for key in known() if (app := find(key))]
    return sorted(found, key=lambda app: app.name.lower())
