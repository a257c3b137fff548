"""The logs: the lines of every integration's story, and each exchange with an outside system."""

from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from integrations.admin.exchange import shown_exchange, verdict
from integrations.admin.export import Exported
from integrations.admin.links import (
    LEVEL_COLOURS,
    link_to,
    on_one_line,
    pretty,
    shortened,
)
from integrations.admin.queue import ObjectSearch
from integrations.models import Log, RequestLog
from otms.db import names

# No index has the words of a line: they are looked for in so many lines, which takes a moment.
LOOKED_THROUGH = 10_000
MOST_FOUND = 2_000
# Those of the labels, on both grounds.
ANSWER_COLOURS = {
    "success": "text-green-700 dark:text-green-400",
    "warning": "text-orange-700 dark:text-orange-400",
    "danger": "text-red-700 dark:text-red-400",
}


class EntryAdmin(Exported, ObjectSearch):
    """Entries of a log, newest first, each with the way to its object."""

    object_path = "object__"
    search_help_text = format_lazy(
        _(
            "Order number or name (whole), or an id; of one integration also any words in its "
            "newest {n} lines"
        ),
        n=f"{LOOKED_THROUGH:,}",
    )
    list_select_related = ("integration", "object")
    ordering = ("-id",)
    texts: tuple[str, ...] = ()  # the columns in which any words are looked for

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """What is called so; else, in one integration, lines of late in which this stands."""
        found, several = super().get_search_results(request, queryset, search_term)
        term, one = search_term.strip(), "integration__id__exact" in request.GET
        if not (term and one) or names.is_none(term) or found.exists():
            return found, several
        stands = reduce(or_, (Q(**{f"{name}__icontains": term}) for name in self.texts))
        whose = request.GET["integration__id__exact"]
        ids = self.model.newest_with(whose, stands, LOOKED_THROUGH)
        return queryset.filter(id__in=ids[:MOST_FOUND]), several

    @display(description=_("Integration"))
    def integration_link(self, row: Any) -> str:
        return link_to(row.integration)

    @display(description=_("Object"))
    def object_link(self, row: Any) -> str:
        return link_to(
            row.object, row.object and on_one_line(row.object.reference or row.object.pk, 32)
        )


class CodeFilter(admin.SimpleListFilter):
    """The codes of late: to look for all there ever were would read the whole log."""

    title = _("code")
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        newest = model_admin.get_queryset(request).select_related(None).order_by("-id")
        codes: set[str] = set(newest.values_list("code", flat=True)[:2000])
        if asked := self.value():
            codes.add(asked)
        return [(code, code) for code in sorted(codes)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(code=self.value()) if self.value() else queryset


@admin.register(Log)
class LogAdmin(EntryAdmin):
    none_yet = _("What workers did, line by line, would be here.")
    noun = "integration:logs"
    texts = ("message",)
    list_display = ("created", "level_label", "integration_link", "object_link", "code", "text")
    list_filter = ("level", CodeFilter, "integration", "created_at")
    a_look_is = "get:integration:logs"
    exported = {
        "time": "created_at",
        "level": "level",
        "integration": "integration__name",
        "reference": "object__reference",
        "code": "code",
        "message": "message",
        "object": "object__uuid",
    }
    fields = (
        "created",
        "level",
        "code",
        "message",
        "integration_link",
        "object_link",
        "pretty_data",
    )
    readonly_fields = fields

    @display(description=_("Level"), label=LEVEL_COLOURS)
    def level_label(self, row: Log) -> Any:
        return row.level, row.level

    @display(description=_("Message"))
    def text(self, row: Log) -> str:
        return shortened(row.message, 200)

    @display(description=_("Data"))
    def pretty_data(self, row: Log) -> str:
        return pretty(row.data)


class StatusClassFilter(admin.SimpleListFilter):
    """The class of the answer: the question is rarely about one status."""

    title = _("answer")
    parameter_name = "answer"
    taken = Q(response_status=None, error="", interrupted=False)  # what is not HTTP
    choices_by_key: dict[str, tuple[Any, Q]] = {
        "ok": (_("2xx: accepted"), Q(response_status__range=(200, 299)) | taken),
        "3xx": (_("3xx: moved"), Q(response_status__range=(300, 399))),
        "4xx": (_("4xx: refused"), Q(response_status__range=(400, 499))),
        "5xx": (_("5xx: broken"), Q(response_status__range=(500, 599))),
        "none": (_("no answer"), Q(response_status=None) & ~taken),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(key, label) for key, (label, __) in self.choices_by_key.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        found = self.choices_by_key.get(self.value() or "")
        return queryset.filter(found[1]) if found else queryset


@admin.register(RequestLog)
class RequestLogAdmin(EntryAdmin):
    none_yet = _("What was sent and what was answered would be here.")
    noun = "integration:requestLogs"
    texts = ("url", "error")
    list_display = (
        "created",
        "answer",
        "duration",
        "call",
        "integration_link",
        "object_link",
        "attempt",
    )
    list_display_links = ("created", "answer")
    list_filter = (StatusClassFilter, "integration", "created_at", "test")
    change_form_template = "admin/integrations/request.html"
    a_look_is = "get:integration:requestLogs"
    exported = {
        "time": "created_at",
        "integration": "integration__name",
        "reference": "object__reference",
        "attempt": "attempt",
        "method": "method",
        "url": "url",
        "status": "response_status",
        "milliseconds": "duration_ms",
        "error": "error",
        "object": "object__uuid",
    }

    @display(description=_("Answer"))
    def answer(self, row: RequestLog) -> Any:
        word, colour = verdict(row)
        return format_html(
            '<span class="font-semibold whitespace-nowrap {}">{}</span>',
            ANSWER_COLOURS[colour],
            word,
        )

    @display(description=_("Took"), ordering="duration_ms")
    def duration(self, row: RequestLog) -> str:
        return on_one_line(f"{row.duration_ms:.0f} ms" if row.duration_ms is not None else "-")

    @display(description=_("Request"))
    def call(self, row: RequestLog) -> str:
        made = f"{row.method} {row.url}"
        if row.test:
            made = _("{call} (a test)").format(call=made)
        return format_html("<div>{}{}</div>", shortened(made, 120), shortened(row.error, 160))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return ()

    def beside(self, request: HttpRequest, row: RequestLog) -> dict[str, Any]:
        return {
            **super().beside(request, row),
            "exchange": shown_exchange(row),
            "integration_link": self.integration_link(row),
            "object_link": self.object_link(row),
        }
