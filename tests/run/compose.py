"""docker-compose.yml as `docker compose` reads it: variables filled in, one service at a time."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from cryptography.fernet import Fernet

ROOT = Path(__file__).parents[2]
VARIABLE = re.compile(r"\$(?:(\$)|\{([A-Z_]+)(?:(:?[-?])([^}]*))?\})")


class Refused(Exception):
    """What `docker compose` says instead of starting anything."""


def text() -> str:
    return (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


@cache
def raw() -> dict[str, Any]:
    """The file as it is written."""
    found: dict[str, Any] = yaml.safe_load(text())
    return found


def filled_in(**variables: str) -> dict[str, Any]:
    """The file with these variables in `.env`."""

    def replaced(match: re.Match[str]) -> str:
        dollar, name, how, word = match.groups()
        if dollar:
            return "$"
        value = variables.get(name)
        if value or (value is not None and how in ("-", "?")):
            return value
        if how in (":?", "?"):
            raise Refused(f"required variable {name} is missing a value: {word}")
        return word or ""

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: walk(value) for key, value in node.items()}
        if isinstance(node, list):
            return [walk(each) for each in node]
        return VARIABLE.sub(replaced, node) if isinstance(node, str) else node

    found: dict[str, Any] = walk(raw())
    return found


def example() -> dict[str, str]:
    """`.env.example` with everything filled in that it says must be."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8")
    given = dict(re.findall(r"^([A-Z_]+)=(.*)$", lines, re.MULTILINE))
    return given | {
        "POSTGRES_PASSWORD": "a-password",
        "SECRET_KEY": "x" * 60,
        "OTMS_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    }


def seconds(duration: str) -> float:
    """A duration as Compose writes it: 1m30s, 90s, 500ms."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    parts = re.findall(r"(\d+)(ms|h|m|s)", duration)
    assert "".join(number + unit for number, unit in parts) == duration
    return sum(int(number) * units[unit] for number, unit in parts)


def in_the_image() -> list[str]:
    """What .dockerignore lets into the image: it names that, and nothing else gets in."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    return [rule[1:] for rule in rules if rule.startswith("!")]
