"""What a log may show of a request and its answer."""

import html
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from urllib.parse import unquote, unquote_plus, urlsplit, urlunsplit

# What a log may show; `x-otms-*` is ours and may be shown too.
LOGGED = {
    *("content-type", "content-length", "user-agent", "date", "server", "retry-after"),
    *("webhook-id", "webhook-timestamp", "idempotency-key", "traceparent"),
    *("x-request-id", "x-correlation-id"),
}


# Not logged, and no secret: what they hold stands in many an answer, or is new with each call.
PLAIN = {
    *("accept", "accept-charset", "accept-encoding", "accept-language", "cache-control"),
    "webhook-signature",
}

SHORTEST = 8  # of what could be a secret in a path
SHORTEST_VALUE = 4  # of what is one; less would shred whatever is said, and can be guessed anyway
MASK = "***"
URL_SAFE = str.maketrans("+/", "-_")


def redact_headers(headers: dict[str, str]) -> dict[str, str]:
    """Show only the headers known to hold no secret; a list of secret ones would never be full."""
    return {name: _shown(name, value) for name, value in headers.items()}


def is_logged(name: str) -> bool:
    """May a log show what a header of this name holds?"""
    return name.lower() in LOGGED or name.lower().startswith("x-otms-")


def redact_url(url: str, *, path: bool = True) -> str:
    """Show where a URL leads, without its user, query values, fragment; without its `path` too."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***"
    host = parts.netloc.rpartition("@")[2]
    if not path:
        return urlunsplit((parts.scheme, host, "/***", "", ""))
    pairs = (pair.partition("=") for pair in parts.query.split("&") if pair)
    query = "&".join(f"{name}=***" if equals else "***" for name, equals, _ in pairs)
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


def redact_echo(said: str, url: str) -> str:
    """What the other side says, without the pieces of a path that it was called by."""
    parts = urlsplit(url)
    pieces = re.split("[/?&=;]", f"{parts.path}?{parts.query}")
    return redact_values(said, (unquote(each) for each in pieces if len(each) >= SHORTEST))


def redact_values(said: str, values: Iterable[str]) -> str:
    """What the other side says, without these values, however it spells them.

    Literally, in percents, in JSON, in HTML, in base64. Of a value that is cut off where the text
    ends, the beginning goes too.
    """
    for value in sorted({each for each in values if len(each) >= SHORTEST_VALUE}, key=len)[::-1]:
        if len(said) >= len(value):
            said = _spellings(value).sub(MASK, said)
        begins = said.find(value[:SHORTEST], max(len(said) - len(value) + 1, 0))
        while begins >= 0 and len(value) > SHORTEST:
            if value.startswith(said[begins:]):
                said = said[:begins] + MASK
            begins = said.find(value[:SHORTEST], begins + 1)
    return said


def shown_to(headers: dict[str, str], url: str) -> Iterator[str]:
    """What a request shows that a log of it would not: whoever is called may say it back."""
    with suppress(ValueError):
        parts = urlsplit(url)
        pairs = (pair.partition("=")[2] or pair for pair in parts.query.split("&"))
        yield from (unquote_plus(each) for each in (*pairs, parts.password or ""))
    for name, value in headers.items():
        if not is_logged(name) and name.lower() not in PLAIN:
            yield value
            scheme, _, rest = value.partition(" ")
            yield rest.strip()
            if scheme.lower() == "basic":
                with suppress(ValueError):
                    yield b64decode(rest).decode().partition(":")[2]


@lru_cache(maxsize=512)
def _spellings(value: str) -> re.Pattern[str]:
    """However a program may write this value. Bodies are read with a character for each byte."""
    written = {value, value.encode().decode("latin-1")}
    found = ["".join(map(_spelled, each)) for each in sorted(written)]
    return re.compile("|".join([*found, *map(re.escape, sorted(_in_base64(value.encode())))]))


def _spelled(char: str) -> str:
    """One character, as it is or escaped; letters and digits are escaped by nobody."""
    if char.isascii() and char.isalnum():
        return char
    code = ord(char)
    percents = "".join(f"%{byte:02x}" for byte in char.encode())
    in_json = json.dumps(char)[1:-1]
    ways = {char, html.escape(char), in_json, html.escape(in_json), f"\\u{code:04x}"}
    ways |= {f"&#x{code:x};", f"&#{code};", f"&#{code:03d};", f"\\{char}", percents, f"%{code:02x}"}
    ways |= {"+"} if char == " " else set()
    return f"(?i:{'|'.join(map(re.escape, sorted(ways, key=len, reverse=True)))})"


def _in_base64(value: bytes) -> Iterator[str]:
    """The characters that stand for this value alone, wherever in an encoded text it begins."""
    for before in range(3):
        begin, end = -(-8 * before // 6), 8 * (before + len(value)) // 6
        whole = b64encode(bytes(before) + value).decode()[begin:end]
        if len(whole) >= SHORTEST:
            yield whole
            yield whole.translate(URL_SAFE)


def _shown(name: str, value: str) -> str:
    if is_logged(name):
        return value
    return redact_url(value).partition("?")[0] if name.lower() == "location" else MASK
