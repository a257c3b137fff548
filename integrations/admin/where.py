"""One box for whatever somebody has in their hands of an order; it leads to the order's page."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations import entities
from integrations.admin.links import STATUS_COLOURS, entity_label, list_of, page_of
from integrations.models import IntegrationObject, Status
from integrations.where import MOST, Found, find
from otms.accounts.asking import act
from otms.accounts.fact_admin import FactAdmin
from otms.db.newest import LOOKED_THROUGH

# What somebody looks for who asks where something is.
WORST_FIRST = (
    *(Status.ERROR, Status.RETRY, Status.QUEUE),
    *(Status.SUCCESS, Status.SKIPPED, Status.CANCELLED),
)


class WhereIsIt(FactAdmin):
    """A page of the queue that asks where something is."""

    actions_list = ("where",)

    @act("get:integration:object", _("Where is it?"), icon="search", url_path="where")
    def where(self, request: HttpRequest) -> HttpResponse:
        """The record's page if one is meant, else a list of those that may be."""
        asked = request.GET.get("q", "").strip()
        found = []
        if asked:
            found = find(request.user.platform.pk, asked, _seen(request))  # type: ignore[union-attr]
        shown = self._shown(request, found)
        if len(shown) == 1:
            return HttpResponseRedirect(shown[0]["page"])
        context = {
            **self.admin_site.each_context(request),
            "title": _("Where is it?"),
            "asked": asked,
            "found": shown,
            "most": MOST if len(shown) == MOST else 0,
            "newest": f"{LOOKED_THROUGH:,}",
        }
        return TemplateResponse(request, "admin/integrations/where.html", context)

    def _shown(self, request: HttpRequest, found: list[Found]) -> list[dict[str, Any]]:
        """Each with the record's own page; with what is queued of it, where that is not there or
        not allowed."""
        platform = request.user.platform  # type: ignore[union-attr]
        records: dict[UUID, Any] = {}
        for key in {each.entity for each in found}:
            living = entities.load(key).root._default_manager.of(platform)
            records |= living.in_bulk([each.id for each in found if each.entity == key])
        last = _newest(platform, found)
        called = {id: row.reference for id, rows in last.items() for row in rows}
        shown = []
        for each in found:
            record, page = records.get(each.id), list_of(IntegrationObject, q=each.id)
            name = gettext("{name} (deleted)").format(name=called.get(each.id) or each.id)
            if record is not None:
                name = str(record)
                if admin.site.get_model_admin(type(record)).has_view_permission(request):
                    page = page_of(record)
            label = entity_label(each.entity)
            statuses = {Status(row.status) for row in last[each.id]}
            labels = [(one, STATUS_COLOURS[one]) for one in WORST_FIRST if one in statuses]
            told = {"label": label, "page": page, "how": each.how, "called": name}
            shown.append({**told, "statuses": labels})
        return shown


def _seen(request: HttpRequest) -> list[str]:
    """The kinds of records that this person may look through."""
    return [
        key
        for key in entities.known()
        if admin.site.get_model_admin(entities.load(key).root).has_view_permission(request)
    ]


def _newest(platform: Any, found: list[Found]) -> dict[UUID, list[IntegrationObject]]:
    """The newest object that each integration has of these records."""
    queued = IntegrationObject.objects.of(platform).order_by()
    of_each = queued.filter(entity_id__in={each.id for each in found})
    newest = of_each.values("entity_id", "integration").annotate(newest=Max("pk"))
    rows: dict[UUID, list[IntegrationObject]] = defaultdict(list)
    wanted = queued.filter(pk__in=newest.values("newest")).order_by("pk")
    for row in wanted.only("entity_id", "reference", "status"):
        rows[row.entity_id].append(row)
    return rows
