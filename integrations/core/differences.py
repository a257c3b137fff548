"""What differs between two documents: each place, with what stood there and what stands there."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from integrations.core.errors import shown
from otms import documents

MOST = 50  # of one pair that are told
LONGEST = 300  # characters of a value that are shown


@dataclass(frozen=True)
class Difference:
    """A place, `$.customer.name`; None where nothing stands there."""

    path: str
    before: Any
    after: Any

    @property
    def texts(self) -> tuple[str, str, str]:
        """For a table."""
        return self.path, _text(self.before), _text(self.after)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else documents.dumps(value).decode()


def between(before: Any, after: Any) -> list[Difference]:
    """The places where two documents differ, the first of them; a long value is cut."""
    return list(islice(_differences(before, after, "$"), MOST))


def read(text: str) -> Any:
    """A body as it is compared: what its JSON says, or else its text; an empty one is nothing."""
    try:
        return documents.loads(text) if text.strip() else None
    except ValueError:
        return text


def _differences(before: Any, after: Any, path: str) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            yield from _differences(before.get(key), after.get(key), f"{path}{_step(key)}")
    elif isinstance(before, list) and isinstance(after, list):
        for place in range(max(len(before), len(after))):
            was, now = (each[place] if place < len(each) else None for each in (before, after))
            yield from _differences(was, now, f"{path}[{place}]")
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield Difference(path, _cut(before), _cut(after))


def _step(key: str) -> str:
    return f".{key}" if key.isidentifier() else f"[{documents.shorten(key)}]"


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
    if isinstance(value, dict | list):
        return shown(value, LONGEST) if len(documents.dumps(value)) > LONGEST else value
    return value
