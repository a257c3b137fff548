"""A request to make, and what became of it."""

from dataclasses import dataclass, field
from typing import Literal

from integrations.http.redaction import redact_headers, redact_url

BODY_CAP = 64 * 1024

ErrorKind = Literal["", "egress", "timeout", "dns", "connect", "tls", "lost", "protocol"]


@dataclass(frozen=True, repr=False)
class Request:
    """One call to make; its body is bytes, so that what is signed is what is sent."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        headers = redact_headers(self.headers)
        return f"<{self.method} {redact_url(self.url)} {headers} {len(self.body)} bytes>"


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
