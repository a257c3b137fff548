"""How one exchange with an outside system is shown: on its own page, and on its object's."""

from typing import Any

from integrations.admin.links import response_class
from integrations.models import RequestLog
from otms import documents


def shown_exchange(row: RequestLog) -> dict[str, Any]:
    """What was sent and what came back, for the template `exchange.html`."""
    return {
        "row": row,
        "colour": response_class(row.response_status),
        "answer": row.response_status or ("interrupted" if row.interrupted else "no answer"),
        "duration": f"{row.duration_ms:.0f} ms" if row.duration_ms is not None else "",
        "request_headers": _headers(row.request_headers),
        "request_body": _readable(row.request_body),
        "response_headers": _headers(row.response_headers),
        "response_body": _readable(row.response_body),
    }


def _headers(headers: Any) -> str:
    return "\n".join(f"{name}: {value}" for name, value in (headers or {}).items())


def _readable(body: str) -> str:
    """JSON indented; anything else as it is."""
    try:
        return documents.pretty(documents.loads(body))
    except ValueError:
        return body
