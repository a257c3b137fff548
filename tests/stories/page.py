"""A page of the docs as it is read: commands, each with the answer that is printed below it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otms import documents

_PARTS = re.compile(r"^## (?P<heading>[^\n]+)$|^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.M | re.S)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@dataclass
class Step:
    """One block of commands, and the answer that is printed below it."""

    heading: str
    commands: str
    answer: Any = None


def steps(page: Path) -> list[Step]:
    heading, found = "", []
    for part in _PARTS.finditer(page.read_text(encoding="utf-8")):
        if part["heading"]:
            heading = part["heading"]
        elif part["kind"] == "sh":
            found.append(Step(heading, part["text"]))
        elif part["kind"] == "json":
            assert found[-1].answer is None, f"two answers below one command in {heading!r}"
            found[-1].answer = documents.loads(part["text"])
    return found


class Printed:
    """Compares answers with printed ones: ids, times and durations stand for others of their kind.

    An id that is printed twice has to be the same id both times.
    """

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}

    def differences(self, shown: Any, printed: Any, path: str = "$") -> Iterator[str]:
        """What an answer lacks, or has otherwise, of what is printed; it may have more keys."""
        if isinstance(printed, dict) and isinstance(shown, dict):
            for key, value in printed.items():
                if key in shown:
                    yield from self.differences(shown[key], value, f"{path}.{key}")
                else:
                    yield f"{path}.{key} is not there"
        elif isinstance(printed, list) and isinstance(shown, list) and len(printed) == len(shown):
            for place, value in enumerate(printed):
                yield from self.differences(shown[place], value, f"{path}[{place}]")
        elif not self._same(shown, printed):
            yield f"{path} is {shown!r}, printed is {printed!r}"

    def _same(self, shown: Any, printed: Any) -> bool:
        if isinstance(printed, str) and isinstance(shown, str):
            if printed == "...":
                return shown != ""
            if UUID.fullmatch(printed) and UUID.fullmatch(shown):
                return self.ids.setdefault(printed, shown) == shown
            if _MOMENT.fullmatch(printed):
                return bool(_MOMENT.fullmatch(shown))
        if type(printed).__name__ in ("float", "Decimal"):
            return not isinstance(shown, bool) and isinstance(shown, type(printed) | int)
        return type(shown) is type(printed) and bool(shown == printed)
