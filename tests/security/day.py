"""A day on which secrets are typed and shown: what was answered, and what was logged."""

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

from otms.log import LineFormatter
from tests.security.planted import Planted

SHOWN_ONCE = {
    *("token", "apiSecret", "access_token", "refresh_token", "secret", "recoveryCodes"),
}


class Day:
    """What was answered, shown and logged on one day."""

    def __init__(self, planted: Planted) -> None:
        self.planted = planted
        self.seen: list[tuple[str, str]] = []
        self.calls: Counter[int] = Counter()

    def note(self, where: str, answer: Any) -> Any:
        self.calls[answer.status_code] += 1
        headers = " ".join(f"{name}: {value}" for name, value in answer.items())
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        self.seen.append((where, f"{headers}\n{content.decode(errors='replace')}"))
        return answer

    def made(self, where: str, answer: Any) -> Any:
        """An answer that shows something this once; what it says is given back."""
        said = answer.json()
        for name, value in _leaves(said):
            if name in SHOWN_ONCE and isinstance(value, str) and value != "***":
                self.planted.keep(f"{where} {name} {value[-4:]}", value)
                answer.content = answer.content.replace(value.encode(), b"(shown)")
        self.note(where, answer)
        return said


def _leaves(document: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(document, dict):
        for key, value in document.items():
            yield from _leaves(value, key)
    elif isinstance(document, list):
        for value in document:
            yield from _leaves(value, name)
    else:
        yield name, document


class Lines(logging.Handler):
    """Everything that is logged, at any level, as our own formatter writes it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(LineFormatter())
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))
