"""The audit trail in the admin: a list to look through, and a page that says what differs."""

import re
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from otms.accounts import audit, difference
from otms.accounts.audit import AuditEntry
from otms.accounts.fact_admin import FactAdmin
from otms.accounts.models import User
from otms.accounts.older import OlderPaginator
from otms.accounts.trail_admin import who

NEWEST = 2000  # entries that are looked at for what there is to choose


class ActionFilter(admin.SimpleListFilter):
    """What was done of late: to look for all there ever was would read the whole trail."""

    title = _("what was done")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        newest = model_admin.get_queryset(request).order_by("-id")
        actions: set[str] = set(newest.values_list("action", flat=True)[:NEWEST])
        if asked := self.value():
            actions.add(asked)
        return [(each, each) for each in sorted(actions)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(action=self.value()) if self.value() else queryset


class PersonFilter(admin.SimpleListFilter):
    """The people of the platform."""

    title = _("person")
    parameter_name = "person"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        people = User.objects.filter(platform=request.user.platform).order_by("username")  # type: ignore[union-attr]
        return [(str(pk), name) for pk, name in people.values_list("pk", "username")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        try:
            return queryset.filter(actor_id=UUID(self.value())) if self.value() else queryset
        except ValueError:
            return queryset.none()


@admin.register(AuditEntry)
class AuditEntryAdmin(FactAdmin):
    none_yet = _("Who did what to which record would be here.")
    noun = "audit"
    list_display = ("created", "who", "done", "record", "in_short", "address")
    list_display_links = ("created",)
    list_filter = (ActionFilter, PersonFilter, "actor_kind", "created_at")
    ordering = ("-id",)
    paginator = OlderPaginator
    search_fields = ("entity_name",)
    search_help_text = _("A record by its id or its whole name; a request by its id")
    fields = (
        "created",
        "who",
        "means",
        "done",
        "record",
        "note",
        "differs",
        "address",
        "request_id",
    )
    readonly_fields = fields

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        if not (term := search_term.strip()):
            return queryset, False
        if len(term) > 200 or "\0" in term:
            return queryset.none(), False
        try:
            return queryset.filter(entity_id=UUID(term)), False
        except ValueError:
            return queryset.filter(Q(entity_name=term) | Q(request_id=term)), False

    @display(description=_("Who"))
    def who(self, entry: AuditEntry) -> str:
        return who(entry)

    @display(description=_("Did"))
    def done(self, entry: AuditEntry) -> str:
        return format_html('<span class="whitespace-nowrap">{}</span>', entry.action)

    @display(description=_("Record"))
    def record(self, entry: AuditEntry) -> str:
        kind = re.sub("([A-Z])", r" \1", entry.entity).lower()
        name = f"{kind} {entry.entity_name or str(entry.entity_id)[:8]}"
        shown = Truncator(name).chars(60)
        model = _models().get(entry.entity)
        if model is None or entry.action.startswith("delete:"):
            return shown
        page = reverse(
            f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[entry.entity_id]
        )
        return format_html('<a class="text-link" href="{}">{}</a>', page, shown)

    @display(description=_("What differs"))
    def in_short(self, entry: AuditEntry) -> str:
        words = entry.note or ", ".join(entry.changes)
        return format_html(
            '<div class="long-text" title="{}">{}</div>', words, Truncator(words).chars(120)
        )

    @display(description=_("Changes"))
    def differs(self, entry: AuditEntry) -> str:
        return changes_table(entry)


def changes_table(entry: AuditEntry) -> str:
    """Each field with what it was and what it became."""
    return render_to_string("admin/changes.html", {"rows": difference.rows(entry.changes)})


def _models() -> dict[str, Any]:
    """The kinds of records that have pages."""
    return {audit.kind(model): model for model in admin.site._registry}
