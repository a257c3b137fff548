"""The queue: what became of each change, told from top to bottom, and put right by hand."""

from collections import defaultdict
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.text import Truncator
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from integrations import entities, replay, story
from integrations.admin.exchange import shown_exchange
from integrations.admin.export import Exported
from integrations.admin.links import (
    LEVEL_COLOURS,
    STATUS_COLOURS,
    STATUS_WORDS,
    entity_label,
    entity_page,
    link_to,
    list_of,
    page_of,
    shortened,
)
from integrations.admin.replaying import TASK_TELLS, ReplayForm, seen
from integrations.admin.where import WhereIsIt
from integrations.models import (
    Integration,
    IntegrationObject,
    Level,
    Log,
    Replay,
    Status,
    Task,
)
from integrations.models.queue import IntegrationObjectQuerySet
from integrations.models.replay import AsOf
from integrations.models.task import Kind
from integrations.tasks import wake, wake_replays
from otms import documents
from otms.accounts import difference
from otms.accounts.asking import act, allowed
from otms.accounts.fact_admin import FactAdmin
from otms.accounts.older import OlderPaginator
from otms.db import names


class ObjectSearch(FactAdmin):
    """Search by the whole reference or an id: both have an index, a part of them would not.

    A page opens by the row's number or by its UUID, which is what the API and the receivers know.
    """

    paginator = OlderPaginator
    # Where the object is, seen from the rows of the list.
    object_path = ""
    search_fields = ("pk",)  # only so that there is a field to type in
    search_help_text: str | Promise = _("Order number or name (whole), or an id")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        term = search_term.strip()
        if names.is_none(term):
            return queryset.none(), False
        return (queryset.filter(self.called(term)) if term else queryset), False

    def called(self, term: str) -> Q:
        """Those about the object that is called so."""
        asked = Q(**{f"{self.object_path}reference": term})
        with suppress(ValueError):
            id = UUID(term)
            for name in ("uuid", "entity_id"):
                asked |= Q(**{f"{self.object_path}{name}": id})
        # Of the same platform as what is about it: the index begins with that.
        return asked & Q(**{f"{self.object_path}platform": F("platform")})

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        with suppress(ValueError):
            UUID(object_id)
            from_field = "uuid"
        return super().get_object(request, object_id, from_field)


class EntityFilter(admin.SimpleListFilter):
    title = _("entity")
    parameter_name = "entity"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(key, entity_label(key)) for key in entities.known()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(entity=self.value()) if self.value() else queryset


@admin.register(IntegrationObject)
class IntegrationObjectAdmin(WhereIsIt, Exported, ObjectSearch):
    none_yet = _(
        "Each change that an integration listens to would be here, with what became of it."
    )
    noun = "integration:object"
    list_display = (
        "created",
        "reference_or_id",
        "what",
        "integration",
        "state",
        "happened",
    )
    list_display_links = ("created", "reference_or_id")
    list_select_related = ("integration__gate", "change", "since")
    list_filter = ("status", "integration", EntityFilter, "created_at")
    ordering = ("-id",)
    list_before_template = "admin/integrations/statuses.html"
    actions = acts_on_one = ("requeue", "requeue_anew", "replay", "cancel")
    change_form_template = "admin/integrations/object.html"
    a_look_is = "get:integration:object"
    exported = {
        "time": "created_at",
        "reference": "reference",
        "entity": "entity",
        "action": "change__action",
        "integration": "integration__name",
        "status": "status",
        "attempts": "attempts",
        "reason": "reason",
        "error": "error",
        "finished": "finished_at",
        "object": "uuid",
    }

    @display(description=_("Reference"))
    def reference_or_id(self, row: IntegrationObject) -> str:
        return Truncator(row.reference or str(row.entity_id)[:8]).chars(32)

    @display(description=pgettext_lazy("noun", "Change"))
    def what(self, row: IntegrationObject) -> str:
        return f"{entity_label(row.entity)} {story.DONE[row.whole.action]}"

    @display(description=_("Status"), label=STATUS_COLOURS)
    def state(self, row: IntegrationObject) -> Any:
        return row.status, row.status

    def get_queryset(self, request: HttpRequest) -> Any:
        every = super().get_queryset(request)
        return every.annotate(was_delivered_anew=every.delivered_anew())

    @display(description=_("What happened"))
    def happened(self, row: Any) -> str:
        anew = _("A replay of it was delivered.") if row.was_delivered_anew else ""
        return format_html(
            '<div>{}<div class="long-text text-xs">{} {}</div></div>',
            shortened(row.reason or row.error, 160),
            story.in_short(row),
            anew,
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        asked = request.GET.get("status__exact", "")
        statuses = [
            {
                "text": status or pgettext("statuses", "all"),
                "title": words,
                "colour": colour,
                "query": _with(request, status),
                "on": status == asked,
            }
            for status, words, colour in (
                ("", "", "default"),
                *((each.value, STATUS_WORDS[each], STATUS_COLOURS[each]) for each in Status),
            )
        ]
        return super().changelist_view(request, {"statuses": statuses, **(extra_context or {})})

    # What a person may do.

    @act("requeue:integration:object", _("Put back in the queue"))
    def requeue(self, request: HttpRequest, queryset: IntegrationObjectQuerySet) -> None:
        asked = queryset.count()
        # The rows alone: what is joined to them would be locked too.
        count = queryset.select_related(None).requeue(str(request.user))
        transaction.on_commit(wake)
        self._report(request, count, asked, _("{n} put back in the queue."))

    @act("requeue:integration:object", _("Put back, to be created there anew"))
    def requeue_anew(self, request: HttpRequest, queryset: IntegrationObjectQuerySet) -> None:
        asked = queryset.count()
        count = queryset.select_related(None).requeue(str(request.user), anew=True)
        transaction.on_commit(wake)
        text = _("{n} put back in the queue, to be created there anew.")
        self._report(request, count, asked, text)

    @act(replay.ACTION, _("Replay"))
    def replay(
        self, request: HttpRequest, queryset: IntegrationObjectQuerySet
    ) -> HttpResponse | None:
        """First it is shown what that would send; then it is a task for each integration."""
        is_confirmed = "post" in request.POST
        form = ReplayForm(request.POST if is_confirmed or "look" in request.POST else None)
        chosen: dict[Integration, list[int]] = defaultdict(list)
        for row in queryset.order_by("id"):
            chosen[row.integration].append(row.pk)
        if is_confirmed and form.is_valid():
            return self._replay(request, chosen, form.asked)
        previews = []
        for integration, rows in chosen.items():
            preview = seen(request, _replay_of(integration, rows, form.asked))
            previews.append((integration, preview, _told_before(integration, rows)))
        return self.page(
            request,
            "admin/integrations/replay.html",
            gettext("Replay"),
            previews=previews,
            chosen=[pk for rows in chosen.values() for pk in rows],
            form=form,
            some=any(each[1].count for each in previews),
            now_told=form.asked["snapshot"] == AsOf.CURRENT,
            list=list_of(IntegrationObject),
        )

    def _replay(
        self,
        request: HttpRequest,
        chosen: dict[Integration, list[int]],
        asked: dict[str, Any],
    ) -> HttpResponse | None:
        started = []
        for integration, rows in chosen.items():
            if integration.enabled and integration.deleted_at is None:
                wanted = _replay_of(integration, rows, asked)
                started.append(replay.start(wanted, str(request.user)))
            else:
                text = _("{name} is switched off or deleted: nothing of it is replayed.")
                self.message_user(request, text.format(name=integration), messages.WARNING)
        transaction.on_commit(wake_replays)
        if not started:
            return None
        self.message_user(request, TASK_TELLS, messages.SUCCESS)
        only = page_of(started[0]) if len(started) == 1 else list_of(Task, kind__exact=Kind.REPLAY)
        return HttpResponseRedirect(only)

    @act("cancel:integration:object", _("Cancel"))
    def cancel(self, request: HttpRequest, queryset: IntegrationObjectQuerySet) -> None:
        asked = queryset.count()
        count = queryset.select_related(None).cancel(f"Cancelled by {request.user}.")
        transaction.on_commit(wake)
        self._report(request, count, asked, _("{n} cancelled."))

    def _report(self, request: HttpRequest, count: int, asked: int, done: Any) -> None:
        told = [done.format(n=count)]
        if left := asked - count:
            text = _(
                "{n} left as they are: their status does not allow it, or they are being sent."
            )
            told.append(text.format(n=left))
        self.message_user(request, " ".join(told), messages.SUCCESS if count else messages.WARNING)

    # The page of one object.

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return ()

    def beside(self, request: HttpRequest, obj: IntegrationObject) -> dict[str, Any]:
        change = obj.whole
        return {
            **super().beside(request, obj),
            "title": f"{entity_label(obj.entity)} {obj.reference or str(obj.entity_id)[:8]}",
            "crumb": f"{obj.reference or str(obj.entity_id)[:8]} → {obj.integration}",
            "obj": obj,
            "status_colour": STATUS_COLOURS[Status(obj.status)],
            "told": story.in_words(obj),
            "cause": story.cause(change),
            "integration_link": link_to(obj.integration),
            "entity_label": entity_label(obj.entity),
            "entity_page": entity_page(obj.entity, obj.entity_id, request),
            "replay_of": link_to(obj.replay_of) if obj.replay_of_id else "",
            "differences": _differences(change),
            "before": documents.pretty(change.before) if change.before is not None else "",
            "after": documents.pretty(change.after) if change.after is not None else "",
            "attempts": [shown_exchange(each) for each in story.attempts(obj)],
            "lines": [(each, _colour(each)) for each in story.lines(obj)],
            "workbench": _workbench(request, obj),
            "may_requeue": self.offers(request, self.requeue) and story.may_requeue(obj),
            "remote": story.remote(obj),
            "may_replay": self.offers(request, self.replay) and obj.integration.enabled,
            "may_cancel": self.offers(request, self.cancel) and story.may_cancel(obj),
        }


def _workbench(request: HttpRequest, obj: IntegrationObject) -> str:
    """Where its record lies on the workbench of its integration, for who may try mappings."""
    if obj.integration.deleted_at or not allowed(request, "test:mapping"):
        return ""
    page = reverse("admin:integrations_integration_workbench", args=[obj.integration_id])
    return f"{page}?{urlencode({'record': str(obj.entity_id)})}"


def _differences(change: Any) -> list[Any]:
    """What an update changed, field by field, as the audit trail has it; nothing of others."""
    if change.before is None or change.after is None:
        return []
    return list(difference.rows(difference.changes(change.before, change.after)))


def _replay_of(integration: Integration, rows: list[int], asked: dict[str, Any]) -> Replay:
    of = integration.platform_id
    return Replay(platform_id=of, integration=integration, rows=rows, **asked)


def _told_before(integration: Integration, rows: list[int]) -> int:
    """How many of them are replays, and tell what was told before."""
    chosen = IntegrationObject.objects.of(integration.platform_id).filter(pk__in=rows)
    return chosen.exclude(replay_of=None).count()


def _with(request: HttpRequest, status: str) -> str:
    """The list as it is asked for now, but with this status and from its first page."""
    query = request.GET.copy()
    for name in ("status__exact", "p"):
        query.pop(name, None)
    if status:
        query["status__exact"] = status
    return f"?{query.urlencode()}"


def _colour(line: Log) -> str:
    known = line.level in Level.values
    return LEVEL_COLOURS[Level(line.level)] if known else "default"
