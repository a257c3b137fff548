"""Access tokens for what we call: the client credentials grant of OAuth 2.0 (RFC 6749, 4.4).

What a request for one is, and what the answer means. Who keeps tokens, and sees to it that one is
fetched once, is integrations/tokens.py.
"""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass, fields
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlencode

from integrations.http.exchange import ErrorKind, Exchange, Request
from integrations.http.trust import Tls

# How long a token is used that does not say how long it is good for.
UNSAID_SECONDS = 300
LONGEST_SECONDS = 30 * 86_400
LONGEST_TOKEN = 16_384
# What passes by, by status and in the words of RFC 6749 and RFC 8628; all else stays as it is
# until a person mends it.
LATER = {408, 425, 429, *range(500, 600)}
LATER_WORDS = {"temporarily_unavailable", "server_error", "slow_down"}


class Token(NamedTuple):
    """An access token, and for how many seconds it is good."""

    text: str
    seconds: float


class NotGranted(Exception):
    """There is no token: why, in a sentence, and whether another attempt may have one."""

    def __init__(self, kind: ErrorKind, message: str, retry_after: str = "") -> None:
        super().__init__(message)
        self.kind: ErrorKind = kind
        self.message = message
        self.retry_after = retry_after


@dataclass(frozen=True, repr=False)
class Grant:
    """How an access token is asked for, and as whom."""

    token_url: str
    client_id: str
    client_secret: str
    scope: str = ""
    audience: str = ""
    client_auth: str = "basic"
    tls: Tls | None = None
    hidden: tuple[str, ...] = ()  # what else is masked in the answer

    def request(self) -> Request:
        form = {"grant_type": "client_credentials", "scope": self.scope, "audience": self.audience}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        shown = ""
        if self.client_auth == "body":
            form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        else:
            # Both are encoded before they are joined: RFC 6749, 2.3.1.
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
            shown = base64.b64encode(pair.encode()).decode()
            headers["Authorization"] = f"Basic {shown}"
        body = urlencode({name: value for name, value in form.items() if value}).encode()
        hidden = (*self.hidden, self.client_secret, quote_plus(self.client_secret), shown)
        return Request("POST", self.token_url, headers, body, hidden=hidden, tls=self.tls)

    def read(self, exchange: Exchange) -> Token:
        """The token in an answer; NotGranted says why there is none."""
        where = f"The token endpoint at {exchange.request.where}"
        if exchange.error:
            raise NotGranted(exchange.error_kind, f"{where}: {exchange.error}")
        said = _document(exchange.body)
        status = exchange.status or 0
        if not 200 <= status < 300:
            error, described = (_word(said.get(key)) for key in ("error", "error_description"))
            words = f"refused: {error}" if error else f"answered {status}"
            reason = f" ({described})" if described else "" if error else exchange.said()
            later = status in LATER or error in LATER_WORDS
            if 300 <= status < 400:
                reason += ". Redirects are not followed"
            raise NotGranted(
                "busy" if later else "token",
                f"{where} {words}{reason}.",
                exchange.headers.get("retry-after", "") if later else "",
            )
        text, kind = said.get("access_token"), str(said.get("token_type", "bearer"))
        if not isinstance(text, str) or not re.fullmatch(r"[\x21-\x7e]+", text):
            raise NotGranted("token", f"{where} answered {status} without an access_token.")
        if len(text) > LONGEST_TOKEN:
            raise NotGranted("token", f"{where} gave a token that is longer than any header.")
        if kind.lower() != "bearer":
            text = f"{where} gave a token of the type {_word(kind)!r}; only bearer is known."
            raise NotGranted("token", text)
        return Token(text, _seconds(said.get("expires_in")))

    def fingerprint(self, key: str) -> str:
        """Tells one grant from another, and nothing about it to who has no key."""
        names = [each.name for each in fields(self) if each.name != "hidden"]
        said = json.dumps([repr(getattr(self, name)) for name in names])
        tls = self.tls or Tls()
        return hmac.new(key.encode(), f"{said}{tls.ca}".encode(), hashlib.sha256).hexdigest()

    def __repr__(self) -> str:
        return f"<grant of {self.client_id} at {self.request().where}>"


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _word(said: Any) -> str:
    """A word or a sentence of the answer as it may stand in ours."""
    text = " ".join(said.split()) if isinstance(said, str) else ""
    return text[:200] if text.isprintable() else ""


def _seconds(said: Any) -> float:
    """How long a token is good; some say it as a text."""
    try:
        seconds = float(said)
    except (TypeError, ValueError):
        return UNSAID_SECONDS
    return min(max(seconds, 0), LONGEST_SECONDS) if seconds == seconds else UNSAID_SECONDS
