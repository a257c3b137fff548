"""Where a value stands in a document: JSONPath, fast for the common chains and bounded for all."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from integrations.core import jsonpath
from integrations.core.steps import MATCHES, Node, TooMany, root
from integrations.core.work import Exhausted, Work
from otms.documents import DEPTH, shorten

LONGEST = 512
# The library takes a part of a millisecond to read a path, and more for a long one. This much of
# the paths of one mapping, or of one list of filters, is read; plain chains cost nothing.
READING = 60_000
_TO_BEGIN = 100
# Enough characters of paths to find a misspelling in any document people look at; a bound for all
# others.
SUGGESTIONS = 20_000
# Likeness takes the square of the length to find out, and nobody misspells so long a path.
LONGEST_SUGGESTION = 80

_PLAIN = re.compile(
    r"\.(?P<name>(?!where(?![\w-])|wherenot(?![\w-]))[A-Za-z_][A-Za-z0-9_-]*)"
    r"|\[(?P<index>-?[0-9]+)\]"
    r"|\['(?P<single>[^'\\]*)'\]"
    r'|\["(?P<double>[^"\\]*)"\]'
)
_EVERY = re.compile(r"\[\*\]")
_REFUSED = {
    "=~": "compare with == or use a filter with `like`, for regular expressions are not supported",
    "sub(": "map the value as it is, for `sub()` is not supported",
}


TOO_MUCH = (
    "is too much work for this document, with all that was looked up before it; "
    "name the whole path instead of `..`, `*` and conditions, or look up less."
)


class PathError(ValueError):
    """A path that cannot be used; the message says what to write instead."""


class Path:
    """A compiled path; `one` says that it finds one value or nothing."""

    __slots__ = ("_keys", "_steps", "one", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._keys = _chain(text)
        self._steps = None if self._keys is not None else _parse(text)
        self.one = self._steps is None or self._steps.one

    def __repr__(self) -> str:
        return f"Path({self.text!r})"

    @property
    def plain(self) -> bool:
        """Is it a chain of names and indices, which is no work worth counting?"""
        return self._steps is None

    def find(self, document: Any, work: Work | None = None, at: Node | None = None) -> list[Any]:
        """List the values that the path finds, in the document's order.

        The work is that of the evaluation which asks; without it, the path has one for itself.
        Where the document is an item of another, `at` is its node there, for who looks upwards.
        """
        if self._steps is not None:
            return [node[0] for node in self._search(self._steps, document, work, at)]
        found = self.first(document, _NOTHING)
        return [] if found is _NOTHING else [found]

    def nodes(self, document: Any, work: Work, at: Node | None = None) -> list[Node]:
        """The same as nodes, each of which knows where it stands."""
        if self._steps is not None:
            return self._search(self._steps, document, work, at)
        if self.first(document, _NOTHING) is _NOTHING:
            return []
        node = at or root(document)
        for key in self._keys or ():
            node = (node[0][key], key, node)
        return [node]

    def first(self, document: Any, default: Any = None) -> Any:
        """Give the first value that the path finds, or the default."""
        if self._keys is None:
            found = self.find(document)
            return found[0] if found else default
        try:
            for key in self._keys:
                # Of all that a JSON document holds, only a text would answer to a wrong key.
                if document.__class__ is str:
                    return default
                document = document[key]
        except (KeyError, IndexError, TypeError):
            return default
        return document

    def _search(
        self,
        steps: jsonpath.Search,
        document: Any,
        work: Work | None,
        at: Node | None,
    ) -> list[Node]:
        work = work or Work()
        try:
            # What stands at two places is one object; what is above it are two.
            found = None if at else work.known.get((self.text, id(document)))
            if found is None:
                found = steps.find(at or root(document), work)
                if not at:
                    work.known[self.text, id(document)] = found
            work.spend(len(found))
        except TooMany:
            reason = f"finds more than {MATCHES} values"
            raise PathError(f"`{self.text}` {reason}; name the step more closely.") from None
        except Exhausted:
            raise PathError(f"`{self.text}` {TOO_MUCH}") from None
        except _UNFIT as fault:
            reason = f"cannot be applied to this document ({shorten(str(fault))})"
            raise PathError(f"`{self.text}` {reason}.") from fault
        return found


# What the library's operators raise for a value they were not made for, such as sorting a
# number, dividing by zero, or the parent of the document.
_UNFIT = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, AssertionError)
_NOTHING = object()


@lru_cache(maxsize=4096)
def compile(text: str) -> Path:
    """Compile a path that starts with `$` (the document) or `@` (the item of a loop)."""
    if not isinstance(text, str) or not text.strip():
        raise PathError("Write a path such as `$.transportOrder.id`; this one is empty.")
    shown = shorten(text)
    if len(text) > LONGEST:
        raise PathError(f"{shown} is longer than {LONGEST} characters; write a shorter path.")
    if text[0] not in "$@":
        raise PathError(f"{shown} must start with `$.`, such as `$.{text}`.")
    if re.match(r"[$@]\w", text):
        raise PathError(
            f"{shown} needs a dot after the `{text[0]}`; "
            f"a text that starts with {text[0]} is written with two of them."
        )
    if text.count("..") > 1:
        raise PathError(f"{shown} has more than one `..`; name all but one of the steps.")
    for token, advice in _REFUSED.items():
        if token in text:
            raise PathError(f"{shown} has `{token}`; {advice}.")
    return Path(text)


def reading(texts: Iterable[Any]) -> int:
    """What it takes to read these paths, each only once."""
    return sum(
        _TO_BEGIN + min(len(text), LONGEST)
        for text in set(filter(lambda text: isinstance(text, str), texts))
        if _chain(text[:LONGEST]) is None
    )


def spelled_out(text: str) -> str | None:
    """The path that a text would be if `$.` stood before it; None if it does not read like one."""
    if len(text) + 2 > LONGEST or not re.match(r"[A-Za-z_][\w-]*[.\[]", text):
        return None
    return f"$.{text}" if _chain("$." + _EVERY.sub("[0]", text)) else None


def nearest(text: str, document: Any, least: float = 0.0) -> str | None:
    """Find the path in the document that was probably meant; at least so like it, 1 is the same."""
    if len(text) > LONGEST_SUGGESTION:
        return None
    known: dict[str, list[str]] = {}
    for each in _texts(document):
        known.setdefault(_last(each), []).append(each)
    one = _EVERY.sub("[0]", text)
    last = _last(one)
    # Whoever knows the name but not where it stands means a path that ends in it. Any other must
    # end in a name like it: what holds the value is near to its path, and never meant.
    like = [each for name in get_close_matches(last, known, n=5) for each in known[name]]
    for choice, cutoff in ((known.get(last, []), 0.3), (like, 0.6)):
        if near := get_close_matches(one, choice, n=1, cutoff=max(cutoff, least)):
            return near[0] if one == text else near[0].replace("[0]", "[*]")
    return None


def _last(text: str) -> str:
    """The last name of a path, in small letters."""
    return re.split(r"[.\[\]'\"]+", re.sub(r"\[\d+\]$", "", text).rstrip("]'\""))[-1].lower()


def fits(text: str, shape: Any) -> bool:
    """May the path find something in documents of this shape?

    The shape is a document with everything that can be there; in it {} is any document at all.
    Only names, indices and `[*]` are judged: where a path goes on otherwise, it fits.
    """
    return found_in(text, shape, _NOTHING) is not _NOTHING


def found_in(text: str, shape: Any, default: Any = None) -> Any:
    """The shape of what the path finds in documents of this shape."""
    place = 1
    while place < len(text) and shape != {}:
        every = _EVERY.match(text, place)
        match = every or _PLAIN.match(text, place)
        if match is None:
            return {}
        if every or match["index"] is not None:
            if not isinstance(shape, list):
                return default
            shape = shape[0]
        else:
            name = match[match.lastgroup or ""]
            if not isinstance(shape, dict) or name not in shape:
                return default
            shape = shape[name]
        place = match.end()
    return shape


def _chain(text: str) -> tuple[str | int, ...] | None:
    """Read a plain chain of names and indices; None if the path is anything more."""
    keys: list[str | int] = []
    place = 1
    while place < len(text):
        match = _PLAIN.match(text, place)
        if match is None:
            return None
        index = match["index"]
        keys.append(int(index) if index is not None else match[match.lastgroup or ""])
        place = match.end()
    return tuple(keys)


def _parse(text: str) -> jsonpath.Search:
    try:
        return jsonpath.Search(text)
    except Exception as fault:
        reason = shorten(str(fault).rstrip(".! ") or type(fault).__name__, 200)[1:-1]
        raise PathError(
            f"{shorten(text)} is not a path: {reason}; "
            "write odd names as `$['odd name']`, and a text that starts with $ as `$$`."
        ) from fault


def _texts(document: Any) -> Iterator[str]:
    """Spell the paths of a document, outermost first."""
    level: list[tuple[str, Any]] = [("$", document)]
    left = SUGGESTIONS
    for _ in range(DEPTH):
        below: list[tuple[str, Any]] = []
        for text, value in level:
            if isinstance(value, dict):
                below += [(text + _member(key), child) for key, child in value.items()]
            elif isinstance(value, list):
                below += [(f"{text}[{place}]", child) for place, child in enumerate(value[:1])]
        level = []
        for text, value in below:
            if len(text) <= LONGEST_SUGGESTION and len(text) <= left:
                left -= len(text)
                level.append((text, value))
                yield text


def _member(key: str) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", key):
        return f".{key}"
    return f"['{key}']" if "'" not in key else f'["{key}"]'
