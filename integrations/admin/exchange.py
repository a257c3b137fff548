"""How one exchange with an outside system is shown: on its own page, and on its object's."""

import shlex
from email import message_from_string
from email.policy import default
from typing import Any

from django.utils.translation import gettext as _

from integrations.admin.links import response_class
from integrations.models import RequestLog
from otms import documents

MAIL_HEADERS = ("From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID")


def shown_exchange(row: RequestLog) -> dict[str, Any]:
    """What was sent and what came back, for the template `exchange.html`."""
    return {
        "row": row,
        "answer": verdict(row)[0],
        "colour": verdict(row)[1],
        "duration": f"{row.duration_ms:.0f} ms" if row.duration_ms is not None else "",
        "request_headers": _headers(row.request_headers),
        "request_body": _as_mail(row) or _readable(row.request_body),
        "response_headers": _headers(row.response_headers),
        "response_body": _readable(row.response_body),
        "curl": _as_curl(row),
        "nothing": _("(no body)") if row.response_status or not row.error else _("(no answer)"),
    }


def verdict(row: RequestLog) -> tuple[str, str]:
    """What became of it in a word, and its colour; only HTTP answers with a number."""
    if row.response_status:
        return str(row.response_status), response_class(row.response_status)
    if row.interrupted:
        return _("interrupted"), "danger"
    if not row.error:
        return _("taken"), "success"
    return (_("no answer") if row.url.startswith("http") else _("not taken")), "danger"


def _headers(headers: Any) -> str:
    return "\n".join(f"{name}: {value}" for name, value in (headers or {}).items())


def _as_curl(row: RequestLog) -> str:
    """The call as a command, to make it again by hand; "" where that would be another.

    Its secrets are masked, as they are in the log.
    """
    if not row.url.startswith("http") or row.truncated:
        return ""
    parts = [f"curl -X {shlex.quote(row.method)} {shlex.quote(row.url)}"]
    parts += [
        f"-H {shlex.quote(f'{name}: {value}')}"
        for name, value in (row.request_headers or {}).items()
    ]
    if row.request_body:
        parts.append(f"--data-raw {shlex.quote(row.request_body)}")
    return " \\\n  ".join(parts)


def _as_mail(row: RequestLog) -> str:
    """A mail as it is read, not as it is sent; "" for anything else."""
    if not row.url.startswith("mailto:"):
        return ""
    message = message_from_string(row.request_body, policy=default)
    text = message.get_body(("plain",))
    head = "\n".join(f"{name}: {message[name]}" for name in MAIL_HEADERS if message[name])
    return f"{head}\n\n{text.get_content() if text else ''}"


def _readable(body: str) -> str:
    """JSON indented; anything else as it is."""
    try:
        return documents.pretty(documents.loads(body))
    except ValueError:
        return body
