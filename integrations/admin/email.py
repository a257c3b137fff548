"""The mails that came in: what was found in each, and where it stands."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from integrations.admin.links import link_to, on_one_line, shortened
from integrations.core import letter
from integrations.models import Email
from integrations.models.email import EmailStatus
from otms.accounts.fact_admin import FactAdmin
from otms.orders.admin import STATUS_COLOURS as ORDER_COLOURS
from otms.orders.models import OrderStatus

COLOURS = {
    EmailStatus.CREATED: "success",
    EmailStatus.DRAFT: "info",
    EmailStatus.REVIEW: "warning",
    EmailStatus.IGNORED: "default",
}
# Of a field, by how sure it is: the first that it reaches.
SURE = ((0.85, "success"), (0.6, "info"), (0.0, "warning"))
# What the colours of the text mean.
LEGEND = (
    ("success", _("sure")),
    ("info", _("fairly sure")),
    ("warning", _("look at it")),
    ("unread", _("seen and not used")),
)
Row = dict[str, Any]


class DraftFilter(admin.SimpleListFilter):
    """What is still to be looked through."""

    title = _("draft")
    parameter_name = "draft"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", gettext("Still open"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() != "open":
            return queryset
        return queryset.filter(
            status=EmailStatus.DRAFT, transport_order__status=OrderStatus.CONCEPT
        )


@admin.register(Email)
class EmailAdmin(FactAdmin):
    none_yet = _("Mails that came in would be here, with the orders that were made of them.")
    noun = "integration:email"
    list_display = (
        "created",
        "state",
        "sender_short",
        "subject_short",
        "sure",
        "order_link",
        "order_state",
        "integration_link",
    )
    list_display_links = ("created", "subject_short")
    list_filter = ("status", DraftFilter, "integration", "created_at")
    search_fields = ("subject", "address", "message_id")
    search_help_text = _("Subject, sender or Message-ID")
    ordering = ("-created_at", "id")
    a_look_is = "get:integration:email"
    change_form_template = "admin/integrations/email.html"

    @display(description=_("Status"), label=COLOURS)
    def state(self, email: Email) -> Any:
        return email.status, email.status

    @display(description=pgettext_lazy("sender", "From"))
    def sender_short(self, email: Email) -> str:
        return on_one_line(email.address, 40)

    @display(description=_("Subject"))
    def subject_short(self, email: Email) -> str:
        return shortened(email.subject or gettext("(no subject)"), 80)

    @display(description=_("Score"))
    def sure(self, email: Email) -> str:
        return percent(email.score)

    @display(description=pgettext_lazy("transport order", "Order"))
    def order_link(self, email: Email) -> str:
        if email.transport_order_id is None:
            return "-"
        # An order may be deleted; its mail keeps the id.
        gone = gettext("{name} (deleted)").format(name=str(email.transport_order_id)[:8])
        return link_to(email.transport_order) if email.transport_order else gone

    @display(description=_("Order is"), label=ORDER_COLOURS)
    def order_state(self, email: Email) -> Any:
        order = email.transport_order
        return (order.status, order.get_status_display()) if order else None

    @display(description=_("Integration"))
    def integration_link(self, email: Email) -> str:
        return link_to(email.integration)

    def get_queryset(self, request: HttpRequest) -> Any:
        # What is long about a mail, and what no list shows.
        lean = super().get_queryset(request).defer("body", "text", "fields", "warnings")
        # Joined, because an order that is gone is then nothing instead of an error.
        return lean.select_related("integration", "transport_order")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return ()

    def beside(self, request: HttpRequest, email: Email) -> dict[str, Any]:
        rows = list(_rows(email))
        marks = [*rows, *_unread(email)]
        return {
            **super().beside(request, email),
            "title": str(email),
            "crumb": str(email),
            "email": email,
            "colour": COLOURS[EmailStatus(email.status)],
            "score": percent(email.score),
            "order_link": self.order_link(email),
            "through": link_to(email.integration) if email.integration_id else email.received_by,
            "reply_to": link_to(email.reply_to) if email.reply_to_id else "",
            "rows": rows,
            "legend": LEGEND,
            "told": [(_name(each["field"]), each) for each in email.warnings],
            "subject": _marked(email.subject, [row for row in marks if row["part"] == "subject"]),
            "text": _marked(email.read_text, [row for row in marks if row["part"] == "body"]),
            "attachments": [
                (link_to(each), each)
                for each in email.attachments.defer("content").order_by("created_at", "id")
            ],
        }


def _name(path: str) -> str:
    """A path as the page shows it: of the one consignment there is."""
    return path.removeprefix("consignments[0].")


def percent(sure: Any) -> str:
    return format_html('<span class="whitespace-nowrap">{} %</span>', round(float(sure) * 100))


def _rows(email: Email) -> Iterator[Row]:
    """The fields as the page shows them."""
    for path, found in email.fields.items():
        begin, end = found["span"]
        text = email.subject if found["part"] == "subject" else email.read_text
        yield {
            "path": path,
            "name": _name(path),
            "value": letter.spoken(found["value"]),
            "sure": percent(found["confidence"]),
            "colour": next(name for least, name in SURE if float(found["confidence"]) >= least),
            "place": text[begin:end],
            "part": found["part"],
            "span": (begin, end),
            "told": f"{path}: {letter.spoken(found['value'])}",
            "others": ", ".join(letter.spoken(each["value"]) for each in found["alternatives"]),
        }


def _unread(email: Email) -> Iterator[Row]:
    """What the text says and the draft does not."""
    for each in email.warnings:
        if "span" in each:
            yield {
                "part": each["field"],
                "span": tuple(each["span"]),
                "colour": "unread",
                "told": gettext("seen and not used"),
            }


def _marked(text: str, rows: list[Row]) -> list[dict[str, Any]]:
    """The text in pieces, each with the fields that it was read as; several may share a piece."""
    bounds = sorted({0, len(text), *(bound for row in rows for bound in row["span"])})
    pieces = []
    for begin, end in pairwise(bounds):
        here = [row for row in rows if row["span"][0] <= begin and end <= row["span"][1]]
        told = "; ".join(row["told"] for row in here)
        colour = here[0]["colour"] if here else ""
        pieces.append({"text": text[begin:end], "told": told, "colour": colour})
    return pieces
