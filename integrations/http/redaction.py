"""What a log may show of a request and its answer."""

import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote, unquote_plus, urlsplit, urlunsplit

from integrations.core.spellings import MASK, redact_values

# What a log may show; `x-otms-*` is ours and may be shown too.
LOGGED = {
    *("content-type", "content-length", "user-agent", "date", "server", "retry-after"),
    *("webhook-id", "webhook-timestamp", "idempotency-key", "traceparent", "tracestate"),
    *("x-request-id", "x-correlation-id"),
}


# Not logged, and no secret: what they hold stands in many an answer, or is new with each call.
PLAIN = {
    *("accept", "accept-charset", "accept-encoding", "accept-language", "cache-control"),
    "webhook-signature",
}

SHORTEST = 8  # of what could be a secret in a path


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


def _shown(name: str, value: str) -> str:
    if is_logged(name):
        return value
    return redact_url(value).partition("?")[0] if name.lower() == "location" else MASK
