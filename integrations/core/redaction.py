"""What the logs keep of personal data: nothing, at the paths that an integration names.

`["$.customer.contactDetails[*].value", "$..email"]`: names, indices, `[*]`, `.*` and `..name`.
What is sent is not touched, nor what a filter or a mapping sees: only what is written down of it.
When nobody can tell what is personal, nothing is written down but why.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from integrations.core.errors import Problem, shown
from integrations.core.spellings import MASK, SHORTEST, redact_values
from integrations.core.work import Exhausted, Work, inside
from otms import documents

NO_JSON = "[not kept: this integration redacts fields, and the body is no JSON or was cut off]"
UNKNOWN = "[not kept: what this integration redacts could not be told from the rest, because {}]"
MOST = 50  # paths
LONGEST = 512
MOST_WORK = 1_000_000  # a few tenths of a second
LARGEST = 1024 * 1024  # bytes of a body that is read for it
MOST_VALUES = 500  # of one delivery, that are looked for in what is said of it
TOO_MUCH = UNKNOWN.format("there is too much to look through")
TOO_MANY = UNKNOWN.format(f"there are more than {MOST_VALUES} values of it")
FAULT = UNKNOWN.format("of a fault in the engine")
NO_MAPPING = UNKNOWN.format("the mapping can't be carried out")
CHOICE = (
    "Write names, indices, `[*]` and `..name`, such as `$.customer.contactDetails[*].value` or "
    "`$..phone`."
)

_STEP = re.compile(
    r"\.\.(?P<deep>[A-Za-z_][A-Za-z0-9_-]*)"
    r"|\.(?P<name>[A-Za-z_][A-Za-z0-9_-]*)"
    r"|\['(?P<single>[^'\\]*)'\]"
    r'|\["(?P<double>[^"\\]*)"\]'
    r"|\[(?P<index>[0-9]{1,9})\]"
    r"|(?P<every>\[\*\]|\.\*)"
)

_NO_TEXT = (dict, list, bool, type(None))
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_PLAIN_END = re.compile(
    r"""(?:\.[A-Za-z_][A-Za-z0-9_-]*|\['[^']*'\]|\["[^"]*"\])(?:\[[0-9*]+\])*$"""
)
# One of a list or beside a name, `Ann <ann@example.com>`: it is said alone too.
_ADDRESS = re.compile(r"[^\s<>,;\"()]{1,64}@[^\s<>,;\"()]{1,253}")

_NAMED = ("name", "deep")
_SEEN = ("value", "seen", "note")

log = logging.getLogger(__name__)


class _Step(NamedTuple):
    kind: str  # "deep", "name", "index" or "every"
    key: Any
    in_list: bool


class _TooMany(Exception):
    """More values than are looked for."""


@dataclass(frozen=True)
class Personal:
    """What is not to be said of one delivery; nothing is said at all if that is `unknown`."""

    values: frozenset[str] = frozenset()
    unknown: str = ""  # why, as it is written in the place of whatever would be said

    def __or__(self, other: "Personal") -> "Personal":
        values, unknown = self.values | other.values, self.unknown or other.unknown
        if len(values) > MOST_VALUES:
            return Personal(unknown=unknown or TOO_MANY)
        return Personal(values, unknown)

    def unsaid(self, text: str) -> str:
        """A text as it may be kept."""
        if not text or self.unknown:
            return text and self.unknown
        try:
            return redact_values(text, self.values)
        except Exception as error:  # noqa: BLE001 - whatever it is: nothing is kept, nothing fails
            return _at_fault(error).unknown

    def unsaid_in(self, value: Any) -> Any:
        """A text, or a list of them, as it may be kept; of any other value, all or nothing."""
        if isinstance(value, str):
            return self.unsaid(value)
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return [self.unsaid(each) for each in value]
        if value is None or isinstance(value, bool):
            return value
        text = documents.dumps(value).decode()
        return value if self.unsaid(text) == text else self.unknown or MASK


class Redaction:
    """Compiled paths, good for any number of bodies and threads."""

    def __init__(self, paths: Iterable[str]) -> None:
        known = dict.fromkeys(tuple(_steps(path)) for path in paths)
        # One after the other, each with an end: how far a path was followed is a number.
        self._steps: list[_Step | None] = []
        self._starts: set[int] = set()
        for path in known:
            self._starts.add(len(self._steps))
            self._steps += [*path, None]
        named = [[str(step.key) for step in path if step.kind in _NAMED] for path in known]
        self._ends = {names[-1] for names in named}
        self._names = {name for names in named for name in names}

    def __bool__(self) -> bool:
        return bool(self._steps)

    def body(self, body: bytes) -> tuple[str, Personal]:
        """A body without what stands at the paths, and what that is: it may stand elsewhere too."""
        if not body:
            return "", Personal()
        try:
            if len(body) > LARGEST:
                return NO_JSON, Personal()
            document = documents.loads(body)
        except ValueError:
            return NO_JSON, Personal()
        try:
            places = list(self._places([document], {id(document)}, Work(MOST_WORK)))
            personal = _found(places)
            for holder, key, _ in places:
                holder[key] = MASK
            return documents.dumps(document).decode(), personal
        except Exception as error:  # noqa: BLE001 - whatever it is: nothing is kept, nothing fails
            personal = _at_fault(error)
            return personal.unknown, personal

    def sent(self, document: Any) -> Personal:
        """What stands at the paths in a document as it is sent, which is left as it is."""
        return self._values(document, [document])

    def recorded(self, document: Any) -> Personal:
        """The same of the document of a change."""
        return self._values(document, _roots(document))

    def _values(self, document: Any, roots: Iterable[Any]) -> Personal:
        try:
            fresh = {id(each) for each in roots}
            return _found(self._places([document], fresh, Work(MOST_WORK)))
        except Exception as error:  # noqa: BLE001 - no delivery fails because of a log
            return _at_fault(error)

    def covers(self, path: str) -> bool:
        """Does a filter with this path look at what is redacted, or at something around it?"""
        names = _NAME.findall(path)
        if not _PLAIN_END.search(path) or len(names) < len(("transportOrder", "name")):
            return True  # a condition, `.*`, or all of the record
        return names[-1] in self._names or not self._ends.isdisjoint(names)

    def trace(
        self, trace: list[dict[str, Any]], personal: Personal
    ) -> tuple[list[dict[str, Any]], Personal]:
        """What each filter saw, as it may be kept, and what else is not to be said of it."""
        for entry in trace:
            if self.covers(str(entry.get("field", ""))):
                seen, note = entry.get("seen"), entry.get("note", "")
                try:
                    hidden = _texts(seen, Work(MOST_WORK)) | {_quoted(seen), note}
                    personal |= Personal(frozenset(each for each in hidden if _counts(each)))
                except Exception as error:  # noqa: BLE001
                    personal |= _at_fault(error)
        return [self._kept(entry, personal) for entry in trace], personal

    def _kept(self, entry: dict[str, Any], personal: Personal) -> dict[str, Any]:
        kept = {key: personal.unsaid_in(entry[key]) for key in _SEEN if key in entry}
        if self.covers(str(entry.get("field", ""))):
            seen = [key for key in ("seen", "note") if key in entry]
            kept |= dict.fromkeys(seen, personal.unknown or MASK)
        return {**entry, **kept}

    def _places(
        self, root: list[Any], fresh: set[int], work: Work
    ) -> Iterator[tuple[Any, Any, set[str]]]:
        """Where the paths lead, the outermost places only: holder, key, and the texts in there.

        Every value is looked at once, for all paths that lead to it; a path begins anew at each
        of the `fresh` ones.
        """
        pending: list[tuple[Any, set[int]]] = [(root, set())]
        while pending:
            holder, followed = pending.pop()
            for key, value in _members(holder):
                work.spend(1 + len(followed))
                onward = {each for step in followed for each in self._next(step, holder, key)}
                if id(value) in fresh:
                    onward |= self._starts
                if any(self._steps[each] is None for each in onward):
                    yield holder, key, _texts(value, work)
                elif onward and isinstance(value, dict | list):
                    pending.append((value, onward))

    def _next(self, at: int, holder: Any, key: Any) -> Iterator[int]:
        """How far a path is followed at this member of a value that it led to."""
        step = self._steps[at]
        assert step  # noqa: S101 - for the type checker: a path that is at its end goes no further
        if step.kind == "deep":
            yield at
        if step.kind == "every" or (step.key == key and isinstance(holder, list) == step.in_list):
            yield at + 1


def _found(places: Iterable[tuple[Any, Any, set[str]]]) -> Personal:
    values: set[str] = set()
    for _, _, texts in places:
        values |= texts
        if len(values) > MOST_VALUES:
            raise _TooMany
    return Personal(frozenset(values))


def _at_fault(error: Exception) -> Personal:
    """Nobody knows what is personal; why is told, and no more of the error than its kind."""
    if isinstance(error, Exhausted):
        return Personal(unknown=TOO_MUCH)
    if isinstance(error, _TooMany):
        return Personal(unknown=TOO_MANY)
    log.error("what to redact was not found", extra={"error": type(error).__name__})
    return Personal(unknown=FAULT)


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
        steps.append(_Step(kind, int(found) if kind == "index" else found, kind == "index"))
        place = match.end()
    if not any(each.kind in ("name", "deep") for each in steps):
        raise ValueError(f"{shown(path)} names no field.")
    return steps


def _members(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def _roots(document: Any) -> Iterator[Any]:
    """A path is that of a body; the document of a change has its record below its kind."""
    yield document
    if isinstance(document, Mapping):
        before = document.get("before")
        for part in (document, before if isinstance(before, Mapping) else {}):
            yield from (each for each in part.values() if isinstance(each, dict))


def _texts(value: Any, work: Work) -> set[str]:
    """The values inside as they are written in sentences; more than are looked for are too many."""
    texts: set[str] = set()
    for each in inside(value):
        work.spend(1)
        if isinstance(each, _NO_TEXT):
            continue
        text = str(each)
        texts |= {form for form in (text, *_addresses(text)) if _counts(form)}
        if len(texts) > MOST_VALUES:
            raise _TooMany
    return texts


def _addresses(text: str) -> Iterator[str]:
    """The e-mail addresses in a text, also as a mail server is told them."""
    if "@" not in text:
        return
    for address in _ADDRESS.findall(text)[: MOST_VALUES + 1]:
        yield address
        if not address.isascii():
            user, _, host = address.rpartition("@")
            with suppress(UnicodeError):
                yield f"{user}@{host.encode('idna').decode()}"


def _counts(text: str) -> bool:
    return len(text) >= SHORTEST


def _quoted(seen: Any) -> str:
    """As the reason of a filter quotes what it saw; in the trace it may be shortened already."""
    return seen if isinstance(seen, str) and seen.endswith("…") else shown(seen)
