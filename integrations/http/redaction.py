"""What a log may show of a request and its answer."""

import re
from urllib.parse import unquote, urlsplit, urlunsplit

# What a log may show; `x-otms-*` is ours and may be shown too.
LOGGED = {
    *("content-type", "content-length", "user-agent", "date", "server", "retry-after"),
    *("webhook-id", "webhook-timestamp", "idempotency-key", "traceparent"),
    *("x-request-id", "x-correlation-id"),
}


SHORTEST = 8  # of what could be a secret in a path


def redact_headers(headers: dict[str, str]) -> dict[str, str]:
    """Show only the headers known to hold no secret; a list of secret ones would never be full."""
    return {name: _shown(name.lower(), value) for name, value in headers.items()}


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
    secret = {each for piece in pieces for each in (piece, unquote(piece))}
    for each in sorted(secret, key=len, reverse=True):
        if len(each) >= SHORTEST:
            said = said.replace(each, "***")
    return said


def _shown(name: str, value: str) -> str:
    if name in LOGGED or name.startswith("x-otms-"):
        return value
    return redact_url(value).partition("?")[0] if name == "location" else "***"
