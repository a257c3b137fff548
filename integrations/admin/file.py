"""Files: what somebody sent us, as it came."""

from io import BytesIO
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from integrations import http
from integrations.admin.links import link_to, on_one_line
from integrations.models import File
from otms.accounts import audit
from otms.accounts.fact_admin import FactAdmin

BEGINNING = 4096


@admin.register(File)
class FileAdmin(FactAdmin):
    none_yet = _("Files that were uploaded, such as those of imports, would be here.")
    noun = "integration:file"
    list_display = ("created", "name", "format", "how_large", "integration_link", "uploaded_by")
    list_filter = ("format", "integration", "created_at")
    list_select_related = ("integration",)
    ordering = ("-created_at", "-id")
    search_fields = ("original_name",)
    fields = (
        "original_name",
        "format",
        "encoding",
        "how_large",
        "purpose",
        "integration_link",
        "uploaded_by",
        "created",
        "download",
        "beginning",
    )
    readonly_fields = fields
    a_look_is = "get:integration:file"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("content")

    def get_urls(self) -> list[Any]:
        own = path(
            "<uuid:id>/download/",
            self.admin_site.admin_view(self.send),
            name="integrations_file_download",
        )
        return [own, *super().get_urls()]

    def send(self, request: HttpRequest, id: UUID) -> FileResponse:
        """The bytes, to be kept and never shown: whoever sent them may have put a page in there."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if (stored := self.get_queryset(request).filter(pk=id).first()) is None:
            raise Http404
        audit.looked("get:integration:file", stored)
        return FileResponse(
            BytesIO(stored.content),
            as_attachment=True,
            filename=stored.original_name or str(stored.pk),
            content_type="application/octet-stream",
        )

    @display(description=_("Name"))
    def name(self, stored: File) -> str:
        return on_one_line(stored.original_name or stored.pk)

    @display(description=_("Size"), ordering="size")
    def how_large(self, stored: File) -> str:
        return on_one_line(filesizeformat(stored.size))

    @display(description=_("Integration"))
    def integration_link(self, stored: File) -> str:
        return link_to(stored.integration)

    @display(description=_("As it came"))
    def download(self, stored: File) -> str:
        address = reverse("admin:integrations_file_download", args=[stored.pk])
        return format_html('<a class="text-link" href="{}">{}</a>', address, _("Download"))

    @display(description=_("Its beginning"))
    def beginning(self, stored: File) -> str:
        if not stored.encoding:
            return "-"
        text = http.as_text(bytes(stored.content[:BEGINNING]))
        return render_to_string("admin/integrations/pre.html", {"text": text})
