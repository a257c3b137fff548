"""What differs between a record as it was and as it is, as the audit trail keeps and shows it.

A secret in what is compared is `Secret(value)`: that it was changed is said, never what it is.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import count, zip_longest
from typing import Any, NamedTuple

from otms.db.sealing import CannotOpen
from otms.documents import dumps, pretty, shorten

MASK = "***"
CHANGED = "changed"
LONGEST_VALUE = 4000
LONGEST_KEY = 100
MOST_OF_A_PART = 100  # differences: what fills one part of a document hides nothing of another
AROUND = 80  # signs that are shown of a long text before the first that differs
_PLAIN = bool | int | float | Decimal | str
_NOTHING: tuple[Any, ...] = (None, "", [], {}, ())
_CLEAR_KEY = re.compile(r"[^.\[\]\"\\]+")  # can't be taken for a part of the path around it

Changes = dict[str, dict[str, Any]]


class Secret:
    """A value that is compared and never shown."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return MASK


def changes(before: dict[str, Any], after: dict[str, Any]) -> Changes:
    """What differs, each with the path of its field; of a new record all that is said in it."""
    parts: dict[str, list[Difference]] = defaultdict(list)
    for each in _differences(before, after):
        parts[each.part].append(each)
    found: Changes = {}
    for part, differences in parts.items():
        shown = _in_turns(differences)[:MOST_OF_A_PART]
        for each in shown:
            _add(found, each.path, _shown(each.was, each.now))
        if more := len(differences) - len(shown):
            text = f"More fields changed than are kept: {more} more."
            _add(found, f"{part}..." if part else "...", {"before": None, "after": text})
    return found


def rows(changes: Changes) -> list[tuple[str, str | None, str | None]]:
    """Changes for a table: the field, what it was, what it became; nothing is None."""

    def text(value: Any) -> str | None:
        return value if value is None or isinstance(value, str) else pretty(value)

    return [
        (name, text(each.get("before")), text(each.get("after"))) for name, each in changes.items()
    ]


def hidden(secrets: Mapping[str, Any]) -> dict[str, Secret]:
    """Secrets as a part of what is compared; those under a lost key are not."""
    try:
        return {name: Secret(value) for name, value in secrets.items()}
    except CannotOpen:
        return {}


class Difference(NamedTuple):
    """A field that is not as it was, what it stands in, and the part of a record that this is in.

    A part is what is said of a record in one field, such as its mapping; what is said of it in
    plain values is a part together.
    """

    path: str
    inside: str
    part: str
    was: Any
    now: Any


def _differences(
    was: Any, now: Any, path: str = "", inside: str = "", part: str = "", is_record: bool = True
) -> Iterator[Difference]:
    if was == now:
        return
    if path == part and (records := _records(was, now)):
        for name, then, since in records:
            where = f"{path}[{name}]"
            yield from _differences(then, since, where, path, where)
    elif (members := _members(was, now)) is not None:
        for key, then, since in members:
            where = f"{path}.{key}" if path and not key.startswith("[") else f"{path}{key}"
            begins = is_record and isinstance(then or since, dict | list)
            yield from _differences(then, since, where, path, where if begins else part, False)
    elif was not in _NOTHING or now not in _NOTHING:
        yield Difference(path, inside, part, was, now)


def _records(was: Any, now: Any) -> list[tuple[str, Any, Any]] | None:
    """Two lists of records, each record by its name, or by its id where that says more."""
    before, after = _by_id(was or []), _by_id(now or [])
    if before is None or after is None:
        return None
    every = {**before, **after}
    names = Counter([*every, *(str(each.get("name") or "") for each in every.values())])
    found = []
    for id, each in every.items():
        name = str(each.get("name") or "")
        called = name if name and names[name] == 1 else id
        found.append((_spelled(called), before.get(id), after.get(id)))
    return found


def _by_id(value: Any) -> dict[Any, Any] | None:
    """Records by their ids; None of what is no list of records."""
    if not isinstance(value, list) or not all(
        isinstance(each, dict) and "id" in each for each in value
    ):
        return None
    found = {str(each["id"]): each for each in value}
    return found if len(found) == len(value) else None


def _members(was: Any, now: Any) -> Iterable[tuple[str, Any, Any]] | None:
    """What two values hold, pair by pair; None when they are said whole.

    A list is, and what was not there before or is no more, unless it is longer than is kept.
    """
    there = [each for each in (was, now) if each is not None]
    is_long = any(map(_is_long, there))
    if all(isinstance(each, dict) for each in there) and (is_long or len(there) == 2):
        before, after = was or {}, now or {}
        return [(_key(key), before.get(key), after.get(key)) for key in {**before, **after}]
    if all(isinstance(each, list) for each in there) and is_long:
        both = zip_longest(was or [], now or [])
        return [(f"[{place}]", *pair) for place, pair in enumerate(both)]
    return None


def _key(key: Any) -> str:
    """A key as a part of a path."""
    spelled = _spelled(str(key))
    return f"[{spelled}]" if spelled.startswith('"') else spelled


def _spelled(name: str) -> str:
    """A name that can't be taken for more than one: in quotes, if it has signs of a path."""
    short = name if len(name) <= LONGEST_KEY else f"{name[:LONGEST_KEY]}…"
    return short if _CLEAR_KEY.fullmatch(short) else dumps(short).decode()


def _in_turns(differences: list[Difference]) -> list[Difference]:
    """As many as are kept: whatever holds some has its first kept before another its second."""
    if len(differences) <= MOST_OF_A_PART:
        return differences
    turns: dict[str, Iterator[int]] = defaultdict(count)
    ranked = sorted((next(turns[each.inside]), place) for place, each in enumerate(differences))
    return [differences[place] for place in sorted(place for _, place in ranked[:MOST_OF_A_PART])]


def _add(found: Changes, path: str, change: dict[str, Any]) -> None:
    """One never takes the place of another."""
    names = (f"{path} ({number})" for number in count(2))
    found[path if path not in found else next(each for each in names if each not in found)] = change


def _shown(was: Any, now: Any) -> dict[str, Any]:
    if isinstance(was, Secret) and isinstance(now, Secret):
        return {"before": MASK, "after": CHANGED}
    was, now = _said(was), _said(now)
    begin = 0
    if isinstance(was, str) and isinstance(now, str) and max(len(was), len(now)) > LONGEST_VALUE:
        pairs = enumerate(zip(was, now, strict=False))
        differs = next((place for place, (one, other) in pairs if one != other), None)
        begin = max(0, (min(len(was), len(now)) if differs is None else differs) - AROUND)
    return {"before": _bounded(was, begin), "after": _bounded(now, begin)}


def _bounded(value: Any, begin: int) -> Any:
    """What a person reads of a long value: that from where it differs."""
    if isinstance(value, str):
        end = begin + LONGEST_VALUE
        return f"{'...' * (begin > 0)}{value[begin:end]}{'...' * (len(value) > end)}"
    return shorten(value, LONGEST_VALUE) if _is_long(value) else value


def _is_long(value: Any) -> bool:
    return isinstance(value, dict | list) and len(dumps(_said(value))) > LONGEST_VALUE


def _said(value: Any) -> Any:
    """The value without secrets."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, dict):
        return {str(key): _said(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_said(each) for each in value]
    return value if value is None or isinstance(value, _PLAIN) else str(value)
