"""A request to make, and what became of it."""

from dataclasses import dataclass, field
from typing import Literal

from integrations.http.redaction import redact_echo, redact_headers, redact_url

BODY_CAP = 64 * 1024

# What is worth another attempt is the integration's choice, but for `egress`, `protocol` and
# `refused`: the other side, or our own guard, understood and said no.
ErrorKind = Literal[
    "", "egress", "timeout", "dns", "connect", "tls", "lost", "protocol", "busy", "refused"
]
FINAL: frozenset[ErrorKind] = frozenset({"egress", "protocol", "refused"})


@dataclass(frozen=True, repr=False)
class Request:
    """One call to make; its body is bytes, so that what is signed is what is sent.

    `secret_path` says that who knows the URL may call it: then only its host is ever shown.
    """

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    secret_path: bool = False

    @property
    def where(self) -> str:
        """The URL as it may be shown."""
        return redact_url(self.url, path=not self.secret_path)

    def unsaid(self, text: str) -> str:
        """What the other side said, as it may be shown: many a 404 says the path again."""
        return redact_echo(text, self.url) if self.secret_path else text

    def __repr__(self) -> str:
        return f"<{self.method} {self.where} {redact_headers(self.headers)} {len(self.body)} bytes>"


@dataclass
class Exchange:
    """What became of a request.

    A status can stand beside an error: the answer began and then broke off. Header names are in
    lower case. `sent` is False only if the other side certainly saw nothing of the request.
    """

    request: Request
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    truncated: bool = False
    error: str = ""
    error_kind: ErrorKind = ""
    duration_ms: float = 0.0
    sent: bool = False

    def said(self, limit: int = 200) -> str:
        """What the other side said with it, in short, as a part of a sentence; "" if nothing."""
        said = " ".join(as_text(self.body[: 3 * limit]).split())
        return f": {said[:limit]}" if said else ""


def as_text(body: bytes) -> str:
    """Bytes as text a database can keep: what is not UTF-8 and NUL are shown, not lost."""
    return body[:BODY_CAP].decode("utf-8", "backslashreplace").replace("\x00", "\\x00")
