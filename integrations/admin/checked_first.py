"""Pages that check what was typed before a transaction is open."""

from contextlib import suppress
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_protect

from integrations.models import Stale

TRIES = 3
DjangoAdmin: Any = admin.ModelAdmin


class CheckedFirst(DjangoAdmin):
    """Checking what was typed resolves host names, so only saving it is in a transaction.

    Named after PlatformAdmin in the bases: unfold's part of the view comes before this one, which
    takes the place of Django's, where all of it is in a transaction.
    """

    @method_decorator(csrf_protect)
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        for _ in range(TRIES):
            # Whoever was faster came first: then it is read, checked and saved once more.
            with suppress(Stale):
                return self._changeform_view(request, object_id, form_url, extra_context)
        text = gettext("Not saved: others keep changing it at this moment. Try again.")
        self.message_user(request, text, messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing yet: it is saved together with its parts."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        with transaction.atomic():
            super().save_model(request, form.instance, form, change)
            super().save_related(request, form, formsets, change)
