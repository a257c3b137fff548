"""A request to make, and what became of it."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, Self

from integrations.core.spellings import redact_values
from integrations.http.redaction import (
    SHORTEST,
    redact_echo,
    redact_headers,
    redact_url,
    shown_to,
)
from integrations.http.trust import Tls

BODY_CAP = 64 * 1024

# What is worth another attempt is the integration's choice, but for `egress`, `protocol`,
# `refused` and `token`: the other side, our own guard, or who gives out access tokens, understood
# and said no.
ErrorKind = Literal[
    "", "egress", "timeout", "dns", "connect", "tls", "lost", "protocol", "busy", "refused", "token"
]
FINAL: frozenset[ErrorKind] = frozenset({"egress", "protocol", "refused", "token"})


@dataclass(frozen=True, repr=False)
class Request:
    """One call to make; its body is bytes, so that what is signed is what is sent.

    `secret_path` says that who knows the URL may call it: then only its host is ever shown. What
    is `hidden` is known to whom is called, and to nobody who reads what was answered. The `query`,
    percent-encoded, is what is asked: no secret, as little as a body, while that of the URL is one.
    `of_record` says that the URL names one record of the target's, which may be gone.
    """

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    secret_path: bool = False
    hidden: tuple[str, ...] = ()
    tls: Tls | None = None
    query: str = ""
    of_record: bool = False

    @property
    def address(self) -> str:
        """The URL that is called."""
        return asking(self.url, self.query)

    @property
    def where(self) -> str:
        """The URL as it may be shown, without what is asked."""
        return redact_url(self.url, path=not self.secret_path)

    def unsaid(self, text: str) -> str:
        """What the other side said, as it may be shown: many an answer says the question again."""
        text = redact_echo(text, self.url) if self.secret_path else text
        return redact_values(text, self._known)

    def understood(self, text: str) -> str:
        """The same for who has to go on with it: without secrets of ours, and with what is asked.

        The query of a URL is shown to who may look at it, and an answer says much of it again.
        """
        text = redact_echo(text, self.url) if self.secret_path else text
        return redact_values(text, self._secrets)

    @cached_property
    def _known(self) -> frozenset[str]:
        """What the other side knows of us that no log shows."""
        return self._knows(self.url)

    @cached_property
    def _secrets(self) -> frozenset[str]:
        return self._knows("")

    def _knows(self, url: str) -> frozenset[str]:
        shown = (each for each in shown_to(self.headers, url) if len(each) >= SHORTEST)
        return frozenset((*self.hidden, *shown))

    def bearing(self, token: str) -> Self:
        """The same call with an access token."""
        headers = {**self.headers, "Authorization": f"Bearer {token}"}
        return replace(self, headers=headers, hidden=(*self.hidden, token))

    def __repr__(self) -> str:
        return f"<{self.method} {self.where} {redact_headers(self.headers)} {len(self.body)} bytes>"


@dataclass
class Exchange:
    """What became of a request.

    A status can stand beside an error: the answer began and then broke off. Header names are in
    lower case. `sent` is False only if the other side certainly saw nothing of the request. The
    `note` is a sentence for the log about what else happened on the way. What is kept and
    shown is the `body`; who has to go on with it has more of it in the `answer`.
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
    note: str = ""
    answer: bytes = field(default=b"", repr=False)

    def unsaid(self) -> Self:
        """The same, without what the other side should not have said again."""
        unsaid, understood = self.request.unsaid, self.request.understood
        body = self.body.decode("latin-1")  # a character for a byte and back, whatever they are
        return replace(
            self,
            headers={name: unsaid(value) for name, value in self.headers.items()},
            body=unsaid(body).encode("latin-1"),
            answer=understood(body).encode("latin-1"),
            error=unsaid(self.error),
        )

    def said(self, limit: int = 200) -> str:
        """What the other side said with it, in short, as a part of a sentence; "" if nothing."""
        said = " ".join(as_text(self.body[: 3 * limit]).split())
        return f": {said[:limit]}" if said else ""


def asking(url: str, query: str) -> str:
    """The URL with this behind what is in its query already."""
    if not query:
        return url
    url, mark, fragment = url.partition("#")
    joint = "?" if "?" not in url else "" if url.endswith(("?", "&")) else "&"
    return f"{url}{joint}{query}{mark}{fragment}"


def as_text(body: bytes) -> str:
    """Bytes as text a database can keep: what is not UTF-8 and NUL are shown, not lost."""
    return body[:BODY_CAP].decode("utf-8", "backslashreplace").replace("\x00", "\\x00")
