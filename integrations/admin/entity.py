"""On every entity's page: what the integrations made of its changes."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from integrations import entities, explain, replay, story
from integrations.admin.links import STATUS_COLOURS, link_to, list_of, page_of
from integrations.models import Email, IntegrationObject, Status
from otms.accounts.asking import allowed
from otms.accounts.platform_admin import PlatformAdmin

NEWEST = 10


class QueueOnPage(PlatformAdmin):
    """The pages of an entity, each with its part of the queue on top."""

    entity: str
    change_form_outer_before_template = "admin/integrations/queue_of_entity.html"

    def beside(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        shown: dict[str, Any] = {"mails": self._mails(request, record)}
        if allowed(request, "get:integration:object"):
            shown["queue"] = self._queue(request, record)
        return {**super().beside(request, record), **shown}

    def _mails(self, request: HttpRequest, record: Any) -> list[dict[str, Any]]:
        """The mail that an order was made of, and those that answer it."""
        if self.entity != "transportOrder" or not allowed(request, "get:integration:email"):
            return []
        of_platform = Email.objects.of(request.user.platform)  # type: ignore[union-attr]
        found = of_platform.filter(transport_order_id=record.pk).order_by("created_at", "id")
        lean = found.only("subject", "address", "reply_to", "created_at")
        return [{"mail": each, "link": link_to(each)} for each in lean[:NEWEST]]

    def _queue(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        of_record = (
            IntegrationObject.objects.of(request.user.platform)  # type: ignore[union-attr]
            .filter(entity_id=record.pk, entity=self.entity)
            .select_related("integration__gate", "change", "since")
            .order_by("-pk")
        )
        rows = list(of_record[: NEWEST + 1])
        found = explain.record(request.user.platform, self.entity, record.pk)  # type: ignore[union-attr]
        return {
            "told": _told(found),
            "may_tell": allowed(request, replay.ACTION),
            "record": record.pk,
            "why": found.why,
            "rows": [
                {
                    "row": row,
                    "colour": STATUS_COLOURS[Status(row.status)],
                    "integration": link_to(row.integration),
                    "page": page_of(row),
                    "why": Truncator(row.reason or row.error).chars(120),
                    "in_short": story.in_short(row),
                }
                for row in rows[:NEWEST]
            ],
            "more": len(rows) > NEWEST,
            "all": list_of(IntegrationObject, q=record.pk),
        }


def _told(found: explain.Explanation) -> list[dict[str, Any]]:
    """Each integration that is about such records: how far it is, in words, or why not."""
    return [
        {
            "integration": link_to(told.integration),
            "label": told.object.status if told.object else _("not queued"),
            "colour": STATUS_COLOURS[Status(told.object.status)] if told.object else "default",
            "page": page_of(told.object) if told.object else "",
            "why": told.why,
            "tell": reverse("admin:integrations_integration_tell", args=[told.integration.pk])
            if told.missed
            else "",
        }
        for told in found.integrations
    ]


def put_on_pages() -> None:
    """The pages of the entities were made by apps that never heard of integrations."""
    for key in entities.known():
        model = entities.load(key).root
        if admin.site.is_registered(model):
            pages = type(admin.site.get_model_admin(model))
            admin.site.unregister(model)
            admin.site.register(model, type(pages.__name__, (QueueOnPage, pages), {"entity": key}))


put_on_pages()
