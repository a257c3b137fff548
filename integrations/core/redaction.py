"""What the logs keep of personal data: nothing, at the paths that an integration names.

`["$.customer.email", "$.lines[*].phone", "$..email"]`: names, indices, `[*]`, `.*` and `..name`.
What is sent is not touched, nor what a filter or a mapping sees: only what is written down of it.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from integrations.core.errors import Problem, shown
from integrations.core.work import Work, inside
from otms import documents

MASK = "***"
NO_JSON = "[not kept: this integration redacts fields, and the body is no JSON or was cut off]"
FAULT = "[not kept: the fields that this integration redacts could not be masked]"
MOST = 50  # paths
LONGEST = 512
MOST_WORK = 200_000
LARGEST = 1024 * 1024  # bytes of a body that is read for it
MOST_VALUES = 500  # that are looked for in what is said elsewhere
SHORTEST = 4  # of these; less would shred every sentence
CHOICE = "Write names, indices, `[*]` and `..name`, such as `$.customer.email` or `$..phone`."

_STEP = re.compile(
    r"\.\.(?P<deep>[A-Za-z_][A-Za-z0-9_-]*)"
    r"|\.(?P<name>[A-Za-z_][A-Za-z0-9_-]*)"
    r"|\['(?P<single>[^'\\]*)'\]"
    r'|\["(?P<double>[^"\\]*)"\]'
    r"|\[(?P<index>[0-9]{1,9})\]"
    r"|(?P<every>\[\*\]|\.\*)"
)

_NO_TEXT = (dict, list, bool, type(None))

log = logging.getLogger(__name__)


class _Step(NamedTuple):
    kind: str  # "deep", "name", "index" or "every"
    key: Any


class Redaction:
    """Compiled paths, good for any number of bodies and threads."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = [_steps(path) for path in paths]
        # A filter goes its own way to the value, and ends in the same name or passes through it.
        self._last = {
            [each.key for each in path if each.kind in ("name", "deep")][-1] for path in self._paths
        }

    def __bool__(self) -> bool:
        return bool(self._paths)

    def body(self, body: bytes) -> tuple[str, list[str]]:
        """A body as the log may keep it, and the values that were masked in it."""
        if not body:
            return "", []
        try:
            if len(body) > LARGEST:
                return NO_JSON, []
            document = documents.loads(body)
        except ValueError:
            return NO_JSON, []
        try:
            values = self._mask(document)
            return unsaid(documents.dumps(document).decode(), values), values
        except Exception as error:  # noqa: BLE001 - whatever it is: nothing is kept, nothing fails
            log.error("a body could not be redacted", extra={"error": type(error).__name__})
            return FAULT, []

    def values(self, document: Any) -> list[str]:
        """What stands at the paths in the document of a change, which is left as it is."""
        found: list[str] = []
        try:
            work = Work(MOST_WORK)
            for root in _roots(document):
                for path in self._paths:
                    for holder, key in _places([root], path, work):
                        found += _texts(holder[key])
        except Exception as error:  # noqa: BLE001 - no delivery fails because of a log
            log.warning("values to redact were not found", extra={"error": type(error).__name__})
        return found[:MOST_VALUES]

    def covers(self, path: str) -> bool:
        """Does a filter with this path look at what is redacted?"""
        return not self._last.isdisjoint(re.findall(r"[A-Za-z_][A-Za-z0-9_-]*", path))

    def trace(self, trace: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
        """What each filter saw, masked where it is redacted, and what is not to be said of it."""
        kept, hidden = [], []
        for entry in trace:
            if self.covers(str(entry.get("field", ""))):
                seen, note = entry.get("seen"), entry.get("note", "")
                hidden += [text for text in (*_texts(seen), _quoted(seen), note) if text]
                entry = {**entry, "seen": MASK, **({"note": MASK} if note else {})}
            kept.append(entry)
        return kept, hidden

    def _mask(self, document: Any) -> list[str]:
        work, values = Work(MOST_WORK), []
        root = [document]
        for path in self._paths:
            for holder, key in list(_places(root, path, work)):
                values += _texts(holder[key])
                holder[key] = MASK
        return values[:MOST_VALUES]


def unsaid(text: str, values: Iterable[str]) -> str:
    """A text without these values, as they are or as JSON spells them."""
    for value in sorted({each for each in values if len(each) >= SHORTEST}, key=len, reverse=True):
        for spelling in {value, documents.dumps(value).decode()[1:-1]}:
            text = text.replace(spelling, MASK)
    return text


def check(paths: Any) -> Iterator[Problem]:
    """What is wrong with a list of paths."""
    if not isinstance(paths, list):
        yield Problem("", "not_a_list", f"Write a list of paths, [] for none. {CHOICE}")
        return
    if len(paths) > MOST:
        yield Problem("", "too_many", f"Write at most {MOST} paths.")
        return
    for place, path in enumerate(paths):
        try:
            _steps(path)
        except ValueError as error:
            yield Problem(f"[{place}]", "invalid_path", f"{error} {CHOICE}")


def _steps(path: Any) -> list[_Step]:
    if not isinstance(path, str) or not path.startswith("$") or len(path) > LONGEST:
        raise ValueError(f"{shown(path)} is not a path that begins with `$`.")
    steps, place = [], 1
    while place < len(path):
        match = _STEP.match(path, place)
        if match is None:
            raise ValueError(f"{shown(path)} can't be read from {shown(path[place:])} on.")
        kind = match.lastgroup or ""
        found = match[kind]
        if kind in ("single", "double"):
            kind = "name"
        steps.append(_Step(kind, int(found) if kind == "index" else found))
        place = match.end()
    if not any(each.kind in ("name", "deep") for each in steps):
        raise ValueError(f"{shown(path)} names no field.")
    return steps


def _places(root: list[Any], steps: list[_Step], work: Work) -> Iterator[tuple[Any, Any]]:
    """Where the path leads: each holder, and the key in it."""
    found: list[tuple[Any, Any]] = [(root, 0)]
    for step in steps:
        found = [place for holder, key in found for place in _next(holder[key], step, work)]
    yield from found


def _next(value: Any, step: _Step, work: Work) -> Iterator[tuple[Any, Any]]:
    work.spend(1)
    match step.kind:
        case "name":
            if isinstance(value, dict) and step.key in value:
                yield value, step.key
        case "index":
            if isinstance(value, list) and step.key < len(value):
                yield value, step.key
        case "every":
            if isinstance(value, dict | list):
                work.spend(len(value))
                keys: Iterable[Any] = value if isinstance(value, dict) else range(len(value))
                yield from ((value, key) for key in list(keys))
        case _:
            for each in inside(value):
                work.spend(1)
                if isinstance(each, dict) and step.key in each:
                    yield each, step.key


def _roots(document: Any) -> Iterator[Any]:
    """A path is that of a body; the document of a change has its record below its kind."""
    yield document
    if isinstance(document, Mapping):
        before = document.get("before")
        for part in (document, before if isinstance(before, Mapping) else {}):
            yield from (each for each in part.values() if isinstance(each, dict))


def _texts(value: Any) -> list[str]:
    """The values inside as they are written in sentences."""
    leaves = (each for each in inside(value) if not isinstance(each, _NO_TEXT))
    return [text for each in leaves if len(text := str(each)) >= SHORTEST]


def _quoted(seen: Any) -> str:
    """As the reason of a filter quotes what it saw; in the trace it may be shortened already."""
    return seen if isinstance(seen, str) and seen.endswith("…") else shown(seen)
