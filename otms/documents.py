"""JSON documents, read and written without losing a digit."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

import orjson

from otms import broken_json

DEPTH = 64
# No quantity is larger, and beyond it neither a database nor a partner could hold the number.
LARGEST_EXPONENT = 400
LONGEST_NUMBER = 1000
# Of a document from outside; 5000 orders of a hundred fields have as many.
MOST_VALUES = 500_000

_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_ESCAPED_UNSTORABLE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
# What stands before a value. In a string the same signs mean nothing: one that does not end goes on
# to the end of the text, so that the pattern matches at once wherever it is tried.
_SEPARATORS = ",", "[", "{"
_UP_TO_VALUE = re.compile(
    r'(?:[^",\[{]++|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z))*+(?:[,\[{]|\Z)', re.DOTALL
)


class DocumentError(ValueError):
    """Text that is not a JSON document we can keep."""


class NotJson(DocumentError):
    """Text that is no JSON from a line on."""

    def __init__(self, error: json.JSONDecodeError) -> None:
        said = f"{broken_json.words(error)} (line {error.lineno}, column {error.colno})."
        super().__init__(f"The document is not JSON: {said}")
        self.line = error.lineno
        self.said = f"This is not JSON: {said}"


class DuplicateKey(DocumentError):
    """An object that has the same key twice, so that one of the values would be lost."""

    def __init__(self, key: str) -> None:
        super().__init__(f"The key {shorten(key)} stands twice in one object.")
        self.key = key


class OutOfRange(DocumentError):
    """A number that nobody can hold; `path` says where it stands: `goods[0].quantity`."""

    def __init__(self, number: str, path: str = "") -> None:
        super().__init__(f"The number {shorten(number)} is out of range.")
        self.path = path


class TooDeep(DocumentError):
    """A document nested deeper than anybody reads."""

    def __init__(self) -> None:
        super().__init__(f"The document is nested deeper than {DEPTH} levels.")


class TooMany(DocumentError):
    """A document of more values than anybody sends at once."""

    def __init__(self, most: int) -> None:
        super().__init__(f"The document has more than {most} values; send it in parts.")


def loads(data: bytes | str, *, most: int | None = None) -> Any:
    """Read JSON; decimals stay exact, and what a database cannot store becomes visible text.

    From outside it is read with `most`: a value costs fifty times the byte that it may be.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
        if most is not None and _has_more(text, most):
            raise TooMany(most)
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise NotJson(error) from None
    except UnicodeDecodeError as error:
        raise DocumentError(f"The document is not UTF-8 from byte {error.start} on.") from None
    except RecursionError:
        raise TooDeep from None
    except OutOfRange:
        raise _located(text) from None
    except DocumentError:
        raise
    except ValueError:
        # What is left is Python's own limit on the digits of an integer.
        raise _located(text) from None
    if text.count("{") + text.count("[") > DEPTH:
        bounded(value)
    # The walk costs as much as the reading; only text that hints at a need pays for it.
    if ("\\u" in text and _ESCAPED_UNSTORABLE.search(text)) or _has_raw_surrogates(data):
        return _storable(value)
    return value


def dumps(value: Any) -> bytes:
    """Write compact JSON; a decimal leaves as a number with its exact digits."""
    return _dump(value, _OPTIONS)


def pretty(value: Any) -> str:
    """Write JSON for people to read."""
    return _dump(value, _OPTIONS | orjson.OPT_INDENT_2).decode()


def shorten(value: Any, limit: int = 80) -> str:
    """Quote a value in a message, cut to what fits in a sentence."""
    if isinstance(value, str):
        value = value[: limit + 1]
    try:
        text = dumps(value).decode()
    except TooDeep:
        # Not even Python could spell it.
        text = f"{type(value).__name__} of more than {DEPTH} levels"
    except ValueError:
        text = _spelled(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def visible(text: str) -> str:
    """Spell out NUL and lone surrogates, which PostgreSQL refuses to store."""
    return _UNSTORABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def timestamp(moment: datetime) -> str:
    """Spell a moment as the wire does: ISO 8601, UTC, with Z."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")


def bounded(value: Any) -> Any:
    """Give the value back, or refuse it for being nested too deep."""
    level = [value] if isinstance(value, dict | list | tuple) else []
    for _ in range(DEPTH):
        level = [
            child
            for each in level
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, dict | list | tuple)
        ]
        if not level:
            return value
    raise TooDeep


def _has_more(text: str, most: int) -> bool:
    """Does it have more values than so many? Nearly always told without reading it."""
    if sum(map(text.count, _SEPARATORS)) < most:
        return False
    # The last of them is the end of the text.
    return sum(1 for _ in islice(_UP_TO_VALUE.finditer(text), most + 2)) > most + 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise DuplicateKey(key)
            seen.add(key)
    return members


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = None
    if number is None or len(text) > LONGEST_NUMBER or abs(number.adjusted()) > LARGEST_EXPONENT:
        raise OutOfRange(text)
    return number


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise OutOfRange(text) from None


def _located(text: str) -> OutOfRange:
    """The first such number with its place, for which the text is read once more."""
    found: list[OutOfRange] = []

    def noted(read: Callable[[str], Any]) -> Callable[[str], Any]:
        def number(digits: str) -> Any:
            if found:
                return None
            try:
                return read(digits)
            except OutOfRange as error:
                found.append(error)
                return error

        return number

    decoder = json.JSONDecoder(parse_float=noted(_decimal), parse_int=noted(_integer))
    with suppress(ValueError, RecursionError):  # more may be wrong than this number
        document = decoder.decode(text)
        found[0].path = _path_of(found[0], document)
    return found[0]


def _path_of(wanted: Any, document: Any) -> str:
    """Where a value stands in a document: `goods[0].quantity`."""
    path: list[str] = []
    levels = [_members(document)]
    while levels:
        for step, value in levels[-1]:
            if value is wanted:
                return "".join([*path, step]).lstrip(".")
            if isinstance(value, dict | list):
                path.append(step)
                levels.append(_members(value))
                break
        else:
            levels.pop()
            del path[-1:]
    return ""


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        return ((f".{key}", member) for key, member in value.items())
    listed = value if isinstance(value, list) else ()
    return ((f"[{place}]", member) for place, member in enumerate(listed))


def _spelled(value: Any) -> str:
    """A value that JSON can't hold, for a message."""
    try:
        return repr(value)
    except ValueError:
        # Python's own limit on the digits of an integer, in the value or inside it.
        return f"{type(value).__name__} with too many digits"


def _constant(name: str) -> Any:
    raise DocumentError(f"{name} is not JSON; write a number or null.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_decimal, parse_constant=_constant
)


def _has_raw_surrogates(data: bytes | str) -> bool:
    # Bytes that decoded cannot hold any, and ASCII text is known without a look.
    return isinstance(data, str) and not data.isascii() and bool(_UNSTORABLE.search(data))


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return _object([(visible(key), _storable(item)) for key, item in value.items()])
    return value


def _dump(value: Any, options: int) -> bytes:
    try:
        return orjson.dumps(value, _leave, options)
    except TypeError:
        # Rare: an integer beyond 64 bits or a lone surrogate; orjson gives up on both unasked.
        try:
            return orjson.dumps(_within_orjson(bounded(value)), _leave, options)
        except TypeError as error:
            raise DocumentError(f"Not a JSON document: {error.__cause__ or error}") from None


def _leave(value: Any) -> Any:
    """Spell what orjson leaves to us."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not a number that JSON can hold.")
        return orjson.Fragment(str(value))
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a JSON document.")


def _within_orjson(value: Any) -> Any:
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        try:
            return orjson.Fragment(str(value))
        except ValueError:  # what Python does not spell, nobody reads
            raise DocumentError("A number has too many digits.") from None
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list | tuple):
        return [_within_orjson(item) for item in value]
    if isinstance(value, dict):
        return {_within_orjson(key): _within_orjson(item) for key, item in value.items()}
    return value
