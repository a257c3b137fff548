"""The page on which filters and mappings are written, with what they make of a real record."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.forms import Media, Script
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from integrations.admin.bench import BUTTONS, Bench
from integrations.models import Integration
from otms.accounts.asking import act
from otms.accounts.flash import is_live
from otms.accounts.platform_admin import PlatformAdmin

EDITOR = Media(
    js=(  # type: ignore[arg-type] # a Script has its own attributes
        "django_ace/ace/ace.js",
        "django_ace/ace/mode-json.js",
        "django_ace/ace/theme-github_light_default.js",
        "django_ace/ace/theme-github_dark.js",
        "django_ace/ace/ext-language_tools.js",
        Script("integrations/workbench.js", type="module"),
    )
)


class WorkbenchPage(PlatformAdmin):
    """A page of an integration: what is written on the left, a record, and what comes of it."""

    @act("test:mapping", _("Workbench"), icon="experiment")
    def workbench(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The workbench; POST shows what comes of what was typed, and saves it when asked to."""
        return never_cache(self._workbench)(request, object_id)

    def _workbench(self, request: HttpRequest, object_id: str) -> HttpResponse:
        integration = self.found(request, object_id)
        if not self.has_view_permission(request, integration):
            raise PermissionDenied  # it is shown what it says
        sources = list(integration.data_sources.all())
        if not sources:
            return self._page(request, integration, sources=[])
        asked = request.POST.get("source") or request.GET.get("source")
        place = next((n for n, each in enumerate(sources) if str(each.pk) == asked), 0)
        bench = Bench(self, request, integration, sources, place)
        if is_live(request):
            seen = "admin/integrations/workbench_seen.html"
            return TemplateResponse(request, seen, {"seen": bench.seen()})
        asked = "take" if "version" in request.POST else request.POST.get("do", "")
        if asked in BUTTONS and (answer := BUTTONS[asked](bench)):
            return answer
        return self._page(request, integration, **bench.shown())

    def _page(self, request: HttpRequest, integration: Integration, **shown: Any) -> HttpResponse:
        template = "admin/integrations/workbench.html"
        title = gettext("Workbench of {name}").format(name=integration)
        return self.page(request, template, title, integration, editor=EDITOR, **shown)
