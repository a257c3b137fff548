"""Where texts stand in another, however it spells them: in capitals, as JSON, URLs or mails do.

The time grows with the text, whatever it and the texts are: a text is looked for as it is, without
case, and only where it stands it is asked whether a word begins and ends there. A long text is gone
through in pieces, none of which takes long.
"""

import base64
import binascii
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

from integrations.core import query
from otms import documents

PIECE = 65_536  # characters
AROUND = 8_192  # that a piece is seen with; no spelling of 300 characters is longer

# Letters that are the same as another where capitals do not matter, and have another small letter.
SAME = {
    odd: same
    for odd in map(chr, range(0x80, 0x3000))
    if len(same := odd.upper().lower()) == 1 and same != odd.lower()
}
_ODD = re.compile(f"[{''.join(SAME)}]")
# A word begins behind what is no letter, or behind an escape: `\nAnn` in JSON, `%20Ann` in a URL.
BEHIND = r"(?<!\w{0}),(?<=\\[nrtbf]{0}),(?<=\\u[0-9a-f]{{4}}{0}),(?<=%[0-9a-f]{{2}}{0})"

Span = tuple[int, int]

# What quoted-printable and encoded words (RFC 2047) write for letters, and between them.
_NEXT = r"(?:=\r?\n)?=[89AB][0-9A-F]"
_LETTER = (
    rf"=[0-7][0-9A-F]|=[CD][0-9A-F]{_NEXT}|=E[0-9A-F](?:{_NEXT}){{2}}|=F[0-7](?:{_NEXT}){{3}}"
    r"|=\r?\n"
)
_CODED = re.compile(
    r"=\?utf-8\?(?P<how>[bq])\?(?P<said>[^?\s]{0,500})\?=(?:\s+(?==\?))?"
    rf"|(?P<letter>{_LETTER})",
    re.IGNORECASE,
)
_IN_WORD = re.compile(rf"{_LETTER}|.", re.IGNORECASE)
_IS_CODED = re.compile(r"=(?:\r?\n|[0-9a-fA-F]{2}|\?)")


class Texts:
    """What is looked for."""

    def __init__(self, texts: Iterable[str]) -> None:
        ways = {folded(way) for each in texts for way in _spellings(each)}
        self._ways = [(way, _whole(way)) for way in sorted(ways)]

    def spans(self, text: str, between: Callable[[], None] = lambda: None) -> list[Span]:
        """Where they stand, in order; `between` is called after each piece of a long text."""
        found: list[Span] = []
        for start in range(0, len(text), PIECE):
            if start:
                between()
            begin, end = max(0, start - AROUND), start + PIECE
            seen = text[begin : end + AROUND] if len(text) > PIECE else text
            all_ = ((begin + first, begin + last) for first, last in self._seen(seen))
            found += [span for span in all_ if start <= span[0] < end]
        return _apart(found)

    def _seen(self, text: str) -> Iterator[Span]:
        yield from self._plain(text)
        if "=" in text and _IS_CODED.search(text):
            decoded = _Decoded(text)
            yield from (decoded.sent(*span) for span in self._plain(decoded.text))

    def _plain(self, text: str) -> Iterator[Span]:
        lowered = folded(text)
        for way, pattern in self._ways:
            if way in lowered:
                yield from (match.span() for match in pattern.finditer(lowered))


def folded(text: str) -> str:
    """The text without case, as long as it was."""
    if text.isascii():
        return text.lower()
    lowered = text.replace("\u0130", "i").lower()  # the one letter that would become two
    return _ODD.sub(lambda odd: SAME[odd[0]], lowered)


def _whole(way: str) -> re.Pattern[str]:
    """The text as a whole word; first the text, because a pattern that begins so is quick."""
    behind = BEHIND.format(f".{{{len(way)}}}").replace(",(", "|(")
    return re.compile(rf"{re.escape(way)}(?!\w)(?:{behind})", re.DOTALL)


def _spellings(text: str) -> Iterator[str]:
    """As it is written, and as JSON, URLs and pages spell it inside a body."""
    yield text
    yield documents.dumps(text).decode()[1:-1]
    yield json.dumps(text)[1:-1]
    yield quote(text)
    yield quote(text, safe="")
    yield quote_plus(text)
    yield query.encoded(text)
    yield html.escape(text)


class _Decoded:
    """A mail as it is read, and where each letter begins and ends in what was sent."""

    def __init__(self, sent: str) -> None:
        self._sent = sent
        self._read: list[str] = []
        self._begins: list[int] = []
        self._ends: list[int] = []
        done = 0
        for match in _CODED.finditer(sent):
            begin, end = match.span()
            self._as_it_is(done, begin)
            if match["letter"]:
                self._add(_letter(match[0]), begin, end)
            elif match["how"] in "bB":
                self._add(_unpacked(match["said"]), begin, end)
            else:
                self._word(*match.span("said"))
            done = end
        self._as_it_is(done, len(sent))
        self.text = "".join(self._read)

    def sent(self, first: int, last: int) -> Span:
        return self._begins[first], self._ends[last - 1]

    def _add(self, read: str, begin: int, end: int) -> None:
        self._read.append(read)
        self._begins += [begin] * len(read)
        self._ends += [end] * len(read)

    def _as_it_is(self, begin: int, end: int) -> None:
        self._read.append(self._sent[begin:end])
        self._begins += range(begin, end)
        self._ends += range(begin + 1, end + 1)

    def _word(self, begin: int, end: int) -> None:
        """An encoded word in quoted-printable, in which a blank is a `_`."""
        for match in _IN_WORD.finditer(self._sent, begin, end):
            read = " " if match[0] == "_" else _letter(match[0])
            self._add(read, *match.span())


def _letter(said: str) -> str:
    if not said.startswith("="):
        return said
    return bytes.fromhex(said.replace("=", "")).decode(errors="replace")


def _unpacked(packed: str) -> str:
    try:
        return base64.b64decode(packed).decode(errors="replace")
    except binascii.Error:
        return ""


def _apart(spans: list[Span]) -> list[Span]:
    """In order, and those that overlap as one."""
    apart: list[Span] = []
    for begin, end in sorted(spans):
        if apart and begin < apart[-1][1]:
            apart[-1] = apart[-1][0], max(end, apart[-1][1])
        else:
            apart.append((begin, end))
    return apart
