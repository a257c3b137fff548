"""The steps of an integration on its page: where each delivers to, and what it sends there."""

from typing import Any

from django import forms
from django.http import HttpRequest
from rest_framework import serializers
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from integrations import connectors, definition
from integrations.admin.links import pretty
from integrations.models import DataSource
from otms.accounts.platform_admin import JsonWidget, PlatformForm, PlatformStackedInline

MAPPING_HELP = (
    "What is sent: target names and where each value comes from, for example<br>"
    '<code>{"erp_order_id": "$.transportOrder.id", '
    '"customer_name": "$.transportOrder.customer.name", "source": "OTMS"}</code><br>'
    "Empty: the whole document is sent as it is."
)
SUCCESS_HELP = 'Empty: any 2xx. Or the answers that count: <code>{"status": [200, 201]}</code>'
STORED = "•••••••• (stored; leave empty to keep it)"


class StepForm(PlatformForm):
    """A data source; its connector's settings are fields of their own, secrets are write-only."""

    connector = forms.ChoiceField(
        widget=UnfoldAdminSelectWidget,
        choices=lambda: [(key, connectors.load(key).label) for key in connectors.known()],
    )
    settings_fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("connector", self.instance.connector)
        for name in self.settings_fields:
            self.initial.setdefault(name, (self.instance.settings or {}).get(name))
            if name in self.instance.secrets:
                self.initial[name] = None
                self.fields[name].widget.attrs["placeholder"] = STORED

    def clean(self) -> Any:
        given = super().clean()
        connector = self.cleaned_data.get("connector")
        if connector in connectors.known():
            had = set(self.instance.secrets)
            definition.assembled(
                self.instance, self.instance, self._given(connectors.load(connector))
            )
            self.dropped = sorted(had - set(self.instance.secrets))
        return given

    def _given(self, connector: Any) -> dict[str, Any]:
        """What was typed, as the API would send it; an empty secret is not sent, so it is kept."""
        typed = {
            name: self.cleaned_data.get(name)
            for name in connector.Settings().fields
            if self.cleaned_data.get(name) not in (None, "")
        }
        unseen = {
            name: value
            for name, value in (self.instance.settings or {}).items()
            if name not in self.settings_fields
        }
        return {"connector": self.cleaned_data["connector"], "settings": {**unseen, **typed}}


def _form_field(name: str, field: serializers.Field) -> forms.Field:
    """A connector's setting as a field of a form; whether it is required, the connector says."""
    common: dict[str, Any] = {
        "label": "Signing secret" if name == "secret" else name.replace("_", " ").capitalize(),
        "help_text": field.help_text or "",
        "required": False,
    }
    if name == "url":
        common["label"] = "URL"
    if field.write_only:
        widget = UnfoldAdminPasswordWidget({"autocomplete": "new-password"})
        return forms.CharField(widget=widget, strip=False, **common)
    if isinstance(field, serializers.BooleanField):
        return forms.BooleanField(widget=UnfoldBooleanSwitchWidget(), **common)
    return forms.CharField(widget=UnfoldAdminTextInputWidget(), **common)


def _settings_fields() -> dict[str, forms.Field]:
    """The settings of all connectors there are, so that a new one needs no line here."""
    found: dict[str, forms.Field] = {}
    for key in connectors.known():
        for name, field in connectors.load(key).Settings().fields.items():
            found.setdefault(name, _form_field(name, field))
    return found


SETTINGS_FIELDS = _settings_fields()
DataSourceForm: Any = type(
    "DataSourceForm", (StepForm,), {**SETTINGS_FIELDS, "settings_fields": SETTINGS_FIELDS}
)


class DataSourceInline(PlatformStackedInline):
    """The steps of an integration, in their order."""

    model = DataSource
    form = DataSourceForm
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "connector"),
                    *SETTINGS_FIELDS,
                    "mapping",
                    "success",
                )
            },
        ),
    )

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        helped = {"mapping": (MAPPING_HELP, 8), "success": (SUCCESS_HELP, 1)}
        if db_field.name in helped:
            text, rows = helped[db_field.name]
            kwargs |= {"help_text": text, "widget": JsonWidget({"rows": rows})}
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What keeps an integration keeps its steps: `obj` is the integration."""
        return not (obj and obj.keeper) and super().has_change_permission(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        return ((None, {"fields": ("name", "connector", "target", "what", "success")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if self.has_change_permission(request, obj) else ("target", "what")

    @display(description="Settings")
    def target(self, source: DataSource) -> str:
        return pretty(source.settings)

    @display(description="Mapping")
    def what(self, source: DataSource) -> str:
        return pretty(source.mapping)

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else 1
