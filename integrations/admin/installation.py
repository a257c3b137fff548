"""The App Store: what there is, what is installed, and the settings of each."""

from itertools import groupby
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from integrations import store
from integrations.admin.checked_first import CheckedFirst
from integrations.admin.data_source import STORED
from integrations.admin.links import link_to, list_of, pretty
from integrations.core.spellings import MASK
from integrations.definition import Invalid
from integrations.models import AppInstallation, InstallationStatus
from integrations.store import App
from integrations.store.installing import change, free_name
from integrations.store.setting import Setting
from otms.accounts.asking import act
from otms.accounts.platform_admin import PlatformAdmin
from otms.accounts.platform_forms import RecordForm

PREFIX = "setting_"  # a setting may be called as a column is
COLOURS = {
    InstallationStatus.INSTALLING: "warning",
    InstallationStatus.ACTIVE: "success",
    InstallationStatus.UNINSTALLED: "default",
}


class SettingsForm(RecordForm):
    """The settings that an app wants; saving asks its target first."""

    app: App
    user: Any

    class Meta:
        model = AppInstallation
        fields = ("name",)
        widgets = {"name": UnfoldAdminTextInputWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            self.instance.app, self.instance.installed_by = self.app.key, str(self.user)
        held = {**self.app.defaults, **self.instance.settings}
        for name in self.app.settings:
            self.initial.setdefault(PREFIX + name, held.get(name))
            if name in self._held:
                field = self.fields[PREFIX + name]
                field.required = False
                field.widget.attrs["placeholder"] = STORED

    def clean(self) -> Any:
        given = super().clean()
        if not self.errors:
            typed = {name: self._typed(name) for name in self.app.settings}
            try:
                self.prepared = change(
                    self.app, self.instance, name=self.cleaned_data["name"], settings=typed
                )
            except Invalid as error:
                for problem in error.problems:
                    field = problem.field.replace("settings.", PREFIX)
                    self.add_error(field if field in self.fields else None, problem.message)
        return given

    @property
    def _held(self) -> Any:
        """The names of the secrets there are; if no key opens them, of all there may be."""
        known = self.instance._state.adding or self.instance.secrets.are_readable
        return self.instance.secrets if known else self.app.secrets

    def _typed(self, name: str) -> Any:
        """What was typed, as the API would send it; an empty secret is the stored one."""
        value = self.cleaned_data.get(PREFIX + name)
        stored = name in self._held
        return MASK if stored and not value else value


def _field(setting: Setting) -> forms.Field:
    """A setting as a field of a form."""
    common: dict[str, Any] = {
        "label": gettext(setting.title),
        "help_text": gettext(setting.description),
        "required": setting.required,
    }
    choices = [(each, each) for each in setting.enum]
    if setting.secret:
        widget = UnfoldAdminPasswordWidget({"autocomplete": "new-password"})
        return forms.CharField(widget=widget, strip=False, **common)
    if setting.type == "array":
        many = UnfoldAdminCheckboxSelectMultipleWidget
        return forms.MultipleChoiceField(widget=many, choices=choices, **common)
    if setting.enum:
        return forms.ChoiceField(widget=UnfoldAdminSelectWidget, choices=choices, **common)
    if setting.type == "boolean":
        return forms.BooleanField(widget=UnfoldBooleanSwitchWidget, **{**common, "required": False})
    if setting.type == "integer":
        return forms.IntegerField(widget=UnfoldAdminIntegerFieldWidget, **common)
    if setting.type == "number":
        return forms.DecimalField(widget=UnfoldAdminDecimalFieldWidget, **common)
    if setting.format == "multiline":
        return forms.CharField(widget=UnfoldAdminTextareaWidget({"rows": 4}), **common)
    return forms.CharField(widget=UnfoldAdminTextInputWidget, **common)


@admin.register(AppInstallation)
class InstallationAdmin(PlatformAdmin, CheckedFirst):
    none_yet = _("Apps that were installed from the App Store would be here.")
    noun = "appInstallation"
    verbs = {**PlatformAdmin.verbs, "add": "install:app"}
    list_display = ("name", "app_name", "state", "message", "made", "installed_by", "created")
    list_filter = ("status",)
    search_fields = ("name", "app")
    ordering = ("-created_at", "id")
    list_before_template = "admin/integrations/app_store.html"
    delete_confirmation_template = "admin/integrations/uninstall.html"
    actions_detail = ("leave",)
    warn_unsaved_form = True
    keeps_trail = True

    # The store, and what is installed.

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("integrations")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        platform = request.user.platform  # type: ignore[union-attr]
        living = AppInstallation.objects.of(platform).living().values_list("app", flat=True)
        installed = list(living)
        apps = sorted(store.apps(), key=lambda app: app.category["name"])
        context = {
            "title": _("App store"),
            "has_add_permission": False,  # each card has a button of its own
            "categories": [
                (gettext(name), [_card(app, installed.count(app.key)) for app in found])
                for name, found in groupby(apps, key=lambda app: app.category["name"])
            ],
            "may_install": self.has_add_permission(request),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    @display(description=_("App"), ordering="app")
    def app_name(self, installation: AppInstallation) -> str:
        app = store.find(installation.app)
        return f"{app.name if app else installation.app} {installation.version}"

    @display(description=_("Status"), ordering="status")
    def state(self, installation: AppInstallation) -> str:
        colour = COLOURS[InstallationStatus(installation.status)]
        label = {"text": installation.status, "type": colour}
        return render_to_string("unfold/helpers/label.html", label)

    @display(description=_("Integrations"))
    def made(self, installation: AppInstallation) -> Any:
        links = [(link_to(each),) for each in installation.integrations.all()]
        return format_html_join(", ", "{}", links) or "-"

    # Installing, and settings.

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        known = obj is None or not (obj.is_uninstalled or store.find(obj.app) is None)
        return known and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        left = obj is None or not obj.is_uninstalled
        return left and super().has_delete_permission(request, obj)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        app = _asked(request)
        if app is None:
            return HttpResponseRedirect(list_of(AppInstallation))
        title = _("Install {app}").format(app=app.name)
        context = {"title": title, "show_save_and_continue": False}
        return super().add_view(request, form_url, {**context, "show_save_and_add_another": False})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        hidden = {"show_save_and_add_another": False, "show_delete": False}
        return super().change_view(request, object_id, form_url, hidden)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        app = _asked(request)
        return {"name": free_name(request.user.platform, app)} if app else {}  # type: ignore[union-attr]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        app = _app(request, obj)
        if app and (obj is None or self.has_change_permission(request, obj)):
            settings = {PREFIX + name: _field(each) for name, each in app.settings.items()}
            wanted = {"app": app, "user": request.user, **settings}
            kwargs["form"] = type("AppSettingsForm", (SettingsForm,), wanted)
        return super().get_form(request, obj, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        app = _app(request, obj)
        if app is None or not (obj is None or self.has_change_permission(request, obj)):
            fields = ("name", "app_name", "state", "message", "made", "shown_settings")
            return ((None, {"fields": fields}),)
        about = format_html('<div class="app-description">{}</div>', gettext(app.description))
        settings = [PREFIX + name for name in app.settings]
        return (
            (None, {"fields": ("name",), "description": about}),
            (_("Settings"), {"fields": settings}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return ()
        return ("app_name", "state", "message", "made", "shown_settings")

    @display(description=_("Settings"))
    def shown_settings(self, installation: AppInstallation) -> str:
        app = store.find(installation.app)
        return pretty(installation.masked(MASK, app.secrets if app else ()))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        form.instance.granted = form.prepared.write()

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        if not obj.granted:
            text = _("{name} is installed: its target said yes, and it works from now on.")
            self.message_user(request, text.format(name=obj), messages.SUCCESS)
            return HttpResponseRedirect(list_of(AppInstallation))
        template = "admin/integrations/app_token.html"
        title = _("{name} is installed").format(name=obj)
        answer = self.page(request, template, title, obj, shown=obj.granted)
        add_never_cache_headers(answer)
        return answer

    # Uninstalling.

    def has_leave_permission(self, request: HttpRequest, object_id: str) -> bool:
        found = self.get_object(request, object_id)
        return found is not None and self.has_delete_permission(request, found)

    @act("delete:appInstallation", _("Uninstall"), icon="delete", permissions=["leave"])
    def leave(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """To the page that says what it means."""
        return HttpResponseRedirect(
            reverse("admin:integrations_appinstallation_delete", args=[object_id])
        )

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What uninstalling means; nothing is deleted."""
        missing = set() if self.has_delete_permission(request) else {gettext("installed app")}
        return [], {}, missing, []

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        found = self.get_object(request, object_id)
        if found is None:
            return super().delete_view(request, object_id, extra_context)
        context = {
            "title": _("Uninstall {name}").format(name=found),
            "integrations": [
                (each, each.queue.filter(due_at__isnull=False).count())
                for each in found.integrations.all()
                if each.deleted_at is None
            ],
            "has_token": found.tokens.filter(revoked_at=None).exists(),
        }
        return super().delete_view(request, object_id, context)

    def delete_model(self, request: HttpRequest, obj: AppInstallation) -> None:
        obj.uninstall()

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> Any:
        text = _("{name} was uninstalled.").format(name=obj_display)
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(list_of(AppInstallation))


def _app(request: HttpRequest, obj: AppInstallation | None) -> App | None:
    return store.find(obj.app) if obj else _asked(request)


def _asked(request: HttpRequest) -> App | None:
    """The app that the address asks to install."""
    return store.find(request.GET.get("app", ""))


def _card(app: App, installed: int) -> dict[str, Any]:
    """An app as the store shows it: the first paragraph is enough to choose."""
    return {
        "app": app,
        "about": gettext(app.description).split("\n")[0],
        "logo": static(app.logo) if app.logo else "",
        "installed": installed,
    }
