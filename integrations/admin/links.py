"""From one page to the next, and how statuses look on all of them."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations import entities
from integrations.models import Level, Status
from otms import documents

STATUS_COLOURS = {
    Status.QUEUE: "info",
    Status.RETRY: "warning",
    Status.SUCCESS: "success",
    Status.ERROR: "danger",
    Status.SKIPPED: "default",
    Status.CANCELLED: "default",
}
STATUS_WORDS = {
    Status.QUEUE: _("waiting"),
    Status.RETRY: _("will be tried again"),
    Status.SUCCESS: _("delivered"),
    Status.ERROR: _("failed"),
    Status.SKIPPED: _("skipped"),
    Status.CANCELLED: _("cancelled"),
}
HEALTH_WORDS = {
    "HEALTHY": _("healthy"),
    "DEGRADED": _("degraded"),
    "PAUSED": _("paused"),
    "SUSPENDED": _("suspended"),
    "DELETED": _("deleted"),
}
HEALTH_COLOURS = {
    "HEALTHY": "success",
    "DEGRADED": "warning",
    "SUSPENDED": "danger",
    "DELETED": "default",
}
LEVEL_COLOURS = {
    Level.DEBUG: "default",
    Level.INFO: "info",
    Level.WARNING: "warning",
    Level.ERROR: "danger",
}


def page_of(record: Any) -> str:
    """The address of a record's page."""
    meta = record._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[record.pk])


def list_of(model: Any, **narrowed_by: Any) -> str:
    """The address of a list, narrowed by some of its filters."""
    meta = model._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    return f"{address}?{urlencode(narrowed_by)}" if narrowed_by else address


def link_to(record: Any, text: Any = None) -> str:
    """A link to a record's page; the plain text when it is deleted or there is none."""
    if record is None:
        return "-"
    text = text or str(record)
    if getattr(record, "deleted_at", None):
        return gettext("{name} (deleted)").format(name=text)
    return format_html('<a class="text-link" href="{}">{}</a>', page_of(record), text)


def shortened(text: str, length: int) -> str:
    """The beginning of a text that is as long as it likes; all of it when pointed at."""
    beginning = Truncator(text).chars(length)
    return format_html('<div class="long-text" title="{}">{}</div>', text, beginning)


def on_one_line(value: Any, length: int = 60) -> str:
    text = Truncator(str(value)).chars(length)
    return format_html('<span class="whitespace-nowrap" title="{}">{}</span>', value, text)


def pretty(document: Any) -> str:
    if document is None:
        return "-"
    return format_html(
        '<pre class="text-xs" style="white-space: pre-wrap; overflow-wrap: anywhere">{}</pre>',
        documents.pretty(document),
    )


def entity_page(key: str, id: Any, request: HttpRequest) -> str:
    """The address of the record that a change is about, while the record exists."""
    model = entities.load(key).root if key in entities.known() else None
    if model is None or not model.objects.of(request.user.platform).filter(pk=id).exists():  # type: ignore[union-attr]
        return ""
    return page_of(model(pk=id))


def entity_label(key: str) -> str:
    return str(entities.load(key).label) if key in entities.known() else key


def response_class(status: int | None) -> str:
    """The colour of an HTTP status, or of none."""
    return {2: "success", 3: "warning"}.get((status or 0) // 100, "danger")


def health_label(shown: dict[str, Any]) -> tuple[str, str]:
    """The word for an integration's health, and its colour."""
    state = shown["health"]["state"]
    return str(HEALTH_WORDS[state]), HEALTH_COLOURS.get(state, "default")
