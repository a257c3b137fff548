"""A record changed while an integration did not listen: it is told all the same, later."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations import explain, replay
from integrations.admin.links import entity_page, page_of
from integrations.models import IntegrationObject
from integrations.tasks import wake
from otms.accounts.asking import act
from otms.accounts.platform_admin import PlatformAdmin


class MissedChange(PlatformAdmin):
    """What an integration can be told, on the page of the record that it is about."""

    @act(replay.ACTION, _("Send it now"))
    def tell(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        """Queue the last change of the `record` that is posted, and show what becomes of it."""
        integration, page = queryset.get(), ""
        with suppress(ValueError):
            record = UUID(request.POST.get("record", ""))
            page = entity_page(integration.trigger_entity, record, request)
            if change := explain.missed(integration, record):
                queue = IntegrationObject.objects.of(integration.platform_id)
                if row := queue.tell(integration, change, str(request.user)):
                    transaction.on_commit(wake)
                    return HttpResponseRedirect(page_of(row))
        text = gettext("Nothing was queued: it was told of the last change, or is not to be.")
        self.message_user(request, text, messages.WARNING)
        return HttpResponseRedirect(page or page_of(integration))
