"""One box for whatever somebody has in their hands of an order; it leads to the order's page."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations import entities
from integrations.admin.links import entity_label, list_of, page_of
from integrations.models import IntegrationObject
from integrations.where import MOST, Found, find
from otms.accounts.asking import act
from otms.accounts.platform_admin import FactAdmin


class WhereIsIt(FactAdmin):
    """A page of the queue that asks where something is."""

    actions_list = ("where",)

    @act("get:integration:object", _("Where is it?"), icon="search", url_path="where")
    def where(self, request: HttpRequest) -> HttpResponse:
        """The record's page if one is meant, else a list of those that may be."""
        asked = request.GET.get("q", "").strip()
        found = find(request.user.platform.pk, asked) if asked else []  # type: ignore[union-attr]
        shown = self._shown(request, found)
        if len(shown) == 1:
            return HttpResponseRedirect(shown[0]["page"])
        context = {
            **self.admin_site.each_context(request),
            "title": _("Where is it?"),
            "asked": asked,
            "found": shown,
            "most": MOST if len(shown) == MOST else 0,
            "orders": self._elsewhere(request, asked),
        }
        return TemplateResponse(request, "admin/integrations/where.html", context)

    def _elsewhere(self, request: HttpRequest, asked: str) -> str:
        """Where a part of a name is looked for, for who may see orders."""
        orders = entities.load("transportOrder").root
        may = admin.site.get_model_admin(orders).has_view_permission(request)
        return list_of(orders, q=asked) if may else ""

    def _shown(self, request: HttpRequest, found: list[Found]) -> list[dict[str, Any]]:
        """Each with the record's own page; with what is queued of it, where that is not there or
        not allowed."""
        platform = request.user.platform  # type: ignore[union-attr]
        records: dict[UUID, Any] = {}
        for key in {each.entity for each in found}:
            living = entities.load(key).root._default_manager.of(platform)
            records |= living.in_bulk([each.id for each in found if each.entity == key])
        gone = [each.id for each in found if each.id not in records]
        queued = IntegrationObject.objects.of(platform).order_by()
        newest = queued.filter(entity_id__in=gone).values("entity_id").annotate(newest=Max("pk"))
        last = queued.filter(pk__in=newest.values("newest"))
        called = dict(last.values_list("entity_id", "reference"))
        shown = []
        for each in found:
            record, page = records.get(each.id), list_of(IntegrationObject, q=each.id)
            name = gettext("{name} (deleted)").format(name=called.get(each.id) or each.id)
            if record is not None:
                name = str(record)
                if admin.site.get_model_admin(type(record)).has_view_permission(request):
                    page = page_of(record)
            label = entity_label(each.entity)
            shown.append({"label": label, "page": page, "how": each.how, "called": name})
        return shown
