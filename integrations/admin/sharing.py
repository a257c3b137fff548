"""Pages on which an integration is taken along: a copy of it, and a text to make it of anew."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.text import slugify
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextInputWidget

from integrations import definition, egress, sharing
from integrations.admin.links import page_of
from integrations.api.serializers import IntegrationSerializer
from integrations.core.errors import Problem
from integrations.models import Integration
from otms import yaml_text
from otms.accounts.asking import act
from otms.accounts.platform_admin import PlatformAdmin
from otms.accounts.platform_forms import JsonWidget
from otms.api.errors import flatten

NOT_READ = _("Choose a file, or write the text.")


class CopyForm(forms.Form):
    """What the copy is called."""

    name = forms.CharField(label=_("Name"), max_length=200, widget=UnfoldAdminTextInputWidget)


class ImportForm(forms.Form):
    """A text of YAML or JSON, typed or as a file."""

    file = forms.FileField(
        label=_("A file"),
        required=False,
        widget=UnfoldAdminFileFieldWidget({"accept": ".yaml,.yml"}),
    )
    text = forms.CharField(label=_("Or its text"), required=False, widget=JsonWidget({"rows": 20}))

    def clean(self) -> Any:
        given = super().clean() or {}
        text = given.get("text") or ""
        if file := given.get("file"):
            if file.size > yaml_text.LONGEST:
                text = gettext("The file is larger than {most:,} bytes.")
                raise ValidationError(text.format(most=yaml_text.LONGEST))
            try:
                text = file.read().decode("utf-8-sig")
            except UnicodeDecodeError:
                raise ValidationError(gettext("The file is not UTF-8.")) from None
        if not text.strip():
            raise ValidationError(NOT_READ)
        return {**given, "text": text}

    def show_text(self) -> None:
        """What was in the file stands in the box, to be mended there."""
        self.data = {**self.data, "text": self.cleaned_data["text"]}


class SharingPages(PlatformAdmin):
    """Duplicate, export as YAML, and import."""

    @act("create:integration", _("Duplicate"), icon="content_copy")
    def duplicate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks for a name; POST makes the copy, which is paused, and shows it."""
        integration = self._seen(request, object_id)
        form = CopyForm(request.POST or None, initial={"name": f"Copy of {integration}"[:200]})
        if form.is_valid():
            try:
                made = sharing.copy(integration, form.cleaned_data["name"])
            except (definition.Invalid, definition.Owned, ValidationError) as error:
                form.add_error(None, str(error))
            else:
                text = gettext("It is paused: look at it, then resume it.")
                self.message_user(request, text, messages.SUCCESS)
                return HttpResponseRedirect(page_of(made))
        title = gettext("Duplicate {name}").format(name=integration)
        return self._sheet(request, "duplicate", title, form, integration)

    @act("get:integration", _("Export"), icon="download", url_path="export")
    def export_yaml(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Its YAML, as a file."""
        integration = self._seen(request, object_id)
        text = sharing.as_yaml(integration)
        answer = HttpResponse(text, content_type="application/yaml; charset=utf-8")
        name = f"{slugify(integration.name) or 'integration'}.yaml"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    @act("create:integration", _("Import"), icon="upload", url_path="import")
    def import_yaml(self, request: HttpRequest) -> HttpResponse:
        """Asks for a text; POST makes an integration of it, which is paused, and shows it."""
        form = ImportForm(request.POST or None, request.FILES or None)
        if form.is_valid():
            made, problems = _made(request, form.cleaned_data["text"])
            if made:
                self._warn_of_namesakes(request, made)
                text = gettext("It is paused: look at it, type its secrets, then resume it.")
                self.message_user(request, text, messages.SUCCESS)
                return HttpResponseRedirect(page_of(made))
            for each in problems:
                form.add_error(None, f"{each.field}: {each.message}".removeprefix(": "))
            form.show_text()
        return self._sheet(request, "import", gettext("Import an integration"), form, None)

    def _warn_of_namesakes(self, request: HttpRequest, made: Integration) -> None:
        living = Integration.objects.of(made.platform_id).living().filter(name=made.name)
        if living.exclude(pk=made.pk).exists():
            text = gettext("There is another one called {name}: it stays as it is.")
            self.message_user(request, text.format(name=made.name), messages.WARNING)

    def _seen(self, request: HttpRequest, id: str) -> Any:
        integration = self.found(request, id)
        if not self.has_view_permission(request, integration):
            raise PermissionDenied  # it would be shown what it says
        return integration

    def _sheet(
        self, request: HttpRequest, name: str, title: str, form: Any, original: Any
    ) -> HttpResponse:
        sheet, button, why = "admin/integrations/sheet.html", BUTTONS[name], WHY[name]
        return self.page(request, sheet, title, original, form=form, button=button, why=why)


BUTTONS = {"duplicate": _("Duplicate"), "import": _("Import")}
WHY = {
    "duplicate": _(
        "The copy has the same filters, steps, settings and secrets. It is paused, and nothing "
        "that waits goes with it."
    ),
    "import": _(
        "What Export gave, or what the API takes. It becomes a new integration, which is paused."
    ),
}


def _made(request: HttpRequest, text: str) -> tuple[Integration | None, list[Problem]]:
    """The integration that the text describes, else what is wrong with it."""
    try:
        given = yaml_text.loads(text)
    except yaml_text.NotYaml as error:
        return None, [Problem("", "invalid", str(error))]
    reader = IntegrationSerializer(data=given)
    if not reader.is_valid():
        details = serializers.ValidationError(reader.errors).get_full_details()
        return None, [Problem(**each) for each in flatten(details)]
    said = {
        name: each for name, each in reader.validated_data.items() if name not in ("id", "nonce")
    }
    platform = request.user.platform  # type: ignore[union-attr]
    try:
        with egress.remembering():
            return definition.save(platform, {**said, "enabled": False}), []
    except definition.Invalid as error:
        return None, error.problems
