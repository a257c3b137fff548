"""The one door out: every HTTP call of the product, past the guard in egress.py.

Two engines with one contract: call() for single calls, Window for many at once on an event loop.
Whatever goes wrong comes back as an Exchange with an error in it; nothing raises. One call is one
request on the wire: the engines never resend, not even after a stale connection, because nobody
can know what the other side did with it. The queue tries again, and counts it.
"""

from integrations.http.exchange import (
    BODY_CAP,
    FINAL,
    ErrorKind,
    Exchange,
    Request,
    as_text,
    asking,
)
from integrations.http.oauth2 import Grant, NotGranted, Token
from integrations.http.redaction import is_logged, redact_headers, redact_url
from integrations.http.single import call
from integrations.http.trust import Tls, tls_context
from integrations.http.window import Window

__all__ = [
    "BODY_CAP",
    "FINAL",
    "ErrorKind",
    "Exchange",
    "Grant",
    "NotGranted",
    "Request",
    "Tls",
    "Token",
    "Window",
    "as_text",
    "asking",
    "call",
    "is_logged",
    "redact_headers",
    "redact_url",
    "tls_context",
]
