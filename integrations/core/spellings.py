"""What is not to be said, taken out of a text however it is spelled there."""

import html
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache

MASK = "***"
SHORTEST = 4  # of a value; less would shred whatever is said, and can be guessed anyway
SHORTEST_BEGINNING = 8  # of what is cut off where nothing marks it
LONGEST = 500  # of a value that is looked for in other spellings than its own and that of JSON
CUT = "…"
MOST_CUTS = 1_000  # in one text
MOST_BEGINNINGS = 10  # of one value before one of them: behind so many nothing is said up to it
# Characters of a text times those of the values that are looked for in it: about a second.
MOST_WORK = 1_000_000_000
URL_SAFE = str.maketrans("+/", "-_")

_WORD = re.compile(r"[a-z0-9]+")
# Runs of these are as long as anybody likes. Possessive, because a text may be made to be slow.
_BLANKS = (
    r"(?:[\s+]|%(?:20|2b|0[9ad]|c2%a0)|\\[nrt]|\\u00(?:20|2b|0[9ad]|a0)"
    r"|&(?:nbsp|#(?:x?20|x2b|32|43|043|0?10|0?13|0?0?9|160|x[9ad]|xa0));)++"
)
_BACKSLASHES = r"(?:\\|%5c|\\u005c|&#(?:92|092|x5c);)++"
_RUNS = re.compile(r"([\s+]+|\\+)")

Span = tuple[int, int]


def redact_values(said: str, values: Iterable[str]) -> str:
    """What is said without these values, however it spells them.

    Literally, in any case and with any blanks between words; in percents, in JSON, in HTML, in
    base64. Of a value that is cut off, at an ellipsis or where the text ends, the beginning goes
    too. Nothing is said of a text that is too much work.
    """
    sought_for = {each for each in values if len(each) >= SHORTEST}
    if not sought_for:
        return said
    found: list[Span] = []
    small, left = _small(said), MOST_WORK
    ends = [match.start() for match in re.finditer(CUT, small)] + [len(small)]
    if len(ends) > MOST_CUTS:
        return MASK
    for value in sought_for:
        sought = _sought(value)
        if sought.may_be_in(small):
            left -= len(small) * len(value)
            if left < 0:
                return MASK
            found += (match.span() for match in sought.pattern.finditer(small))
        for spelled in sought.in_base64:
            found += _literally(said, spelled)
        for form in sought.forms:
            found += (*_literally(small, form), *_begun(small, form, ends))
    return _masked(said, found) if found else said


class _Sought:
    """A value, and how it may be spelled in a text of small letters."""

    def __init__(self, value: str) -> None:
        self._value = value
        small = _small(value)
        once = " ".join(small.split())
        self._words = _WORD.findall(small)
        self.in_base64 = set(_spelled_in_base64(value.encode("utf-8", "replace")))
        # As it is, or as a sentence quotes it.
        self.forms = {each for text in (small, once) for each in (text, json.dumps(text)[1:-1])}

    def may_be_in(self, small: str) -> bool:
        """Letters and digits are escaped by nobody: without the words there is no need to look."""
        return len(self._value) <= LONGEST and all(word in small for word in self._words)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """However a program may write it. Bodies are read with a character for each byte."""
        value = self._value
        written = {_small(value), _small(value.encode("utf-8", "replace").decode("latin-1"))}
        return re.compile("|".join(filter(None, map(_written, sorted(written)))) or r"(?!)")


_sought = lru_cache(maxsize=1024)(_Sought)


def _written(small: str) -> str:
    """The pattern of a value. No run is its beginning: each would be looked through to its end."""
    return "".join(
        "".join(map(_spelled, piece))
        if place % 2 == 0
        else _BACKSLASHES
        if piece[0] == "\\"
        else _BLANKS
        for place, piece in enumerate(_RUNS.split(small.lstrip("\\+ \t\r\n").rstrip()))
    )


@lru_cache(maxsize=4096)
def _spelled(char: str) -> str:
    """One character, as it is or escaped."""
    if char.isascii() and char.isalnum():
        return char
    code = ord(char)
    percents = "".join(f"%{byte:02x}" for byte in char.encode("utf-8", "replace"))
    in_json = json.dumps(char)[1:-1]
    ways = {char, html.escape(char), in_json, html.escape(in_json), f"\\u{code:04x}"}
    ways |= {f"&#x{code:x};", f"&#{code};", f"&#{code:03d};", f"\\{char}", percents, f"%{code:02x}"}
    return f"(?:{'|'.join(map(re.escape, sorted(ways, key=len, reverse=True)))})"


def _begun(small: str, form: str, ends: Iterable[int]) -> Iterator[Span]:
    """Where it begins and is cut off at one of these ends."""
    for end in ends:
        least = SHORTEST_BEGINNING if end == len(small) else SHORTEST
        begin = small.find(form[:least], max(end - len(form) + 1, 0), end)
        for _ in range(MOST_BEGINNINGS):
            if begin < 0 or form.startswith(small[begin:end]):
                break
            begin = small.find(form[:least], begin + 1, end)
        if begin >= 0:
            yield begin, end


def _literally(said: str, spelled: str) -> Iterator[Span]:
    place = said.find(spelled)
    while place >= 0:
        yield place, place + len(spelled)
        place = said.find(spelled, place + len(spelled))


def _masked(said: str, found: list[Span]) -> str:
    kept, last = [], 0
    for start, end in sorted(found):
        if start >= last:
            kept += [said[last:start], MASK]
        last = max(last, end)
    return "".join([*kept, said[last:]])


def _small(text: str) -> str:
    """In small letters, each where it was."""
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join(low if len(low := each.lower()) == 1 else each for each in text)


def _spelled_in_base64(value: bytes) -> Iterator[str]:
    """The characters that stand for this value alone, wherever in an encoded text it begins."""
    for before in range(3):
        begin, end = -(-8 * before // 6), 8 * (before + len(value)) // 6
        whole = b64encode(bytes(before) + value).decode()[begin:end]
        if len(whole) >= SHORTEST_BEGINNING:
            yield whole
            yield whole.translate(URL_SAFE)
