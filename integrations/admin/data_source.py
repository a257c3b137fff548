"""The steps of an integration on its page: where each delivers to, and what it sends there."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.text import capfirst, format_lazy
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from integrations import connectors, data_source, definition
from integrations.admin.links import pretty
from integrations.connectors import base
from integrations.models import DataSource
from otms.accounts.inlines import PlatformStackedInline
from otms.accounts.platform_forms import JsonWidget, PlatformForm, PlatformFormSet

MAPPING_HELP = format_lazy(
    _(
        "What is sent: target names and where each value comes from, for example<br>{example}<br>"
        "Empty: the whole document is sent as it is."
    ),
    example='<code>{"erp_order_id": "$.transportOrder.id", '
    '"customer_name": "$.transportOrder.customer.name", "source": "OTMS"}</code>',
)
STEP_FILTERS_HELP = format_lazy(
    _(
        "Of this step alone: where they say no it is left out, and the others are not. For "
        "example<br>{example}"
    ),
    example='<code>[{"field": "$.transportOrder.customer.name", "operator": "eq", '
    '"value": "Acme"}]</code>',
)
REMEMBER_HELP = _(
    "Where the answer says what the target calls the record, such as <code>$.id</code>: its next "
    "change updates that one, and mappings see the id at <code>$.remote.&lt;name&gt;</code>."
)
SUCCESS_HELP = format_lazy(
    _("Empty: any 2xx. Or the answers that count: {example}"),
    example='<code>{"status": [200, 201], '
    '"body": [{"field": "$.error", "operator": "missing"}]}</code>',
)
LABELS = {"url": "URL", "tls": "TLS", "id": "ID"}
# What `_label()` makes of the names of settings.
NAMES = (
    gettext_noop("host"),
    gettext_noop("port"),
    gettext_noop("database"),
    gettext_noop("user"),
    gettext_noop("password"),
    gettext_noop("schema"),
    gettext_noop("table"),
    gettext_noop("key"),
    gettext_noop("version"),
    gettext_noop("TLS"),
    gettext_noop("URL"),
    gettext_noop("webhook URL"),
    gettext_noop("method"),
    gettext_noop("secret"),
    gettext_noop("value"),
    gettext_noop("username"),
    gettext_noop("token"),
    gettext_noop("token URL"),
    gettext_noop("client ID"),
    gettext_noop("client secret"),
    gettext_noop("client auth"),
    gettext_noop("scope"),
    gettext_noop("audience"),
)
STORED = _("•••••••• (stored; leave empty to keep it)")
LOST = _("•••••••• (stored, and no key of this server opens it)")
REQUIRED = "This field is required."


class StepForm(PlatformForm):
    """A data source; its connector's settings are fields of their own, secrets are write-only."""

    connector = forms.ChoiceField(
        label=_("Connector"),
        widget=UnfoldAdminSelectWidget,
        choices=lambda: [(key, gettext(connectors.load(key).label)) for key in connectors.known()],
    )

    dropped: Sequence[str] = ()  # secrets that were not kept: they were for another place

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "use" in self.fields:
            self.fields["use"].required = False
        connector = self.instance.connector
        self.initial.setdefault("connector", connector)
        for name in _fields(connector) if connector in connectors.known() else ():
            value = base.value_at(self.instance.settings or {}, name)
            if value is not None:
                self.initial.setdefault(_named(connector, name), value)
        if connector in connectors.known():
            about = connectors.load(connector).described(self.instance.settings or {})
            for name, text in about.items():
                shown = self.fields[_named(connector, name)]
                said = _("Stored: {text}.").format(text=text)
                shown.help_text = f"{shown.help_text} {said}"
        stored = STORED if self.instance.secrets.are_readable else LOST
        for name in data_source.held(self.instance):
            if field := self.fields.get(_named(connector, name)):
                field.widget.attrs["placeholder"] = stored

    def clean_use(self) -> str:
        """As in the API: left out, it stays as it is."""
        return self.cleaned_data["use"] or self.instance.use

    def clean(self) -> Any:
        given = super().clean()
        connector = self.cleaned_data.get("connector")
        untouched = not (self.instance.secrets.are_readable or self.has_changed())
        if connector in connectors.known() and not untouched:
            had = set(data_source.held(self.instance))
            __, problems = data_source.assembled(
                self.instance, self.instance, self._given(connector)
            )
            for problem in problems:
                if problem.code == "secrets_unreadable":
                    said = f"{problem.field.removeprefix('settings.')}: {problem.message}"
                    self._add_at_piece("settings", ValidationError(said))
            bound_to, settings = connectors.load(connector).bound_to, self.instance.settings
            self.dropped = sorted(
                name
                for name in had - set(data_source.held(self.instance))
                if name in _fields(connector) and bound_to(settings, name) is not None
            )
            for name in self.dropped:
                self.fields[_named(connector, name)].widget.attrs.pop("placeholder", None)
        return given

    @property
    def forgotten(self) -> list[str]:
        """Stored secrets that were for another place, in words."""
        return [gettext(_label(name)) for name in self.dropped]

    def _given(self, connector: str) -> dict[str, Any]:
        """What was typed, as the API would send it; an empty secret is not sent, so it is kept."""
        typed = {
            name: self.cleaned_data.get(_named(connector, name))
            for name, field in _fields(connector).items()
            if self._is_asked(connector, field)
        }
        settings = {name: value for name, value in typed.items() if value not in (None, "")}
        if connector == self.instance.connector:
            settings |= _said_elsewhere(connector, self.instance.settings or {})
        return {"connector": connector, "settings": base.merged({}, settings)}

    def _is_asked(self, connector: str, field: serializers.Field) -> bool:
        """Is it a field of the choice that was made, and not one that the page hides?"""
        when = field.style.get("when", {})
        return all(
            self.cleaned_data.get(_named(connector, name)) in values
            for name, values in when.items()
        )

    def _add_at_piece(self, column: str, error: ValidationError) -> None:
        """What is wrong with a setting is told at the field of its connector."""
        piece, __, message = str(error.messages[0]).partition(": ")
        field = _named(self.cleaned_data.get("connector", ""), piece)
        # Our own checks say it in English, those of the framework in the viewer's language.
        if piece in self.dropped and message in (REQUIRED, gettext(REQUIRED)):
            text = _("This leads to another place now: type the {secret} again.")
            message = text.format(secret=gettext(_label(piece)))
        if column == "settings" and field in self.fields:
            self.add_error(field, message)
        else:
            super()._add_at_piece(column, error)


def _named(connector: str, setting: str) -> str:
    """Two connectors may have settings of one name."""
    return f"{connector}_{setting.replace('.', '_')}"


def _fields(connector: str) -> dict[str, serializers.Field]:
    """What a person may say on this page, by name."""
    leaves = connectors.load(connector).Settings().leaves()
    return {
        name: field
        for name, field in leaves
        if not field.read_only and "elsewhere" not in field.style
    }


def _said_elsewhere(connector: str, settings: dict[str, Any]) -> dict[str, Any]:
    """What there is of settings that another page is for."""
    leaves = connectors.load(connector).Settings().leaves()
    found = {
        name: base.value_at(settings, name) for name, each in leaves if "elsewhere" in each.style
    }
    return {name: value for name, value in found.items() if value is not None}


def _label(name: str) -> str:
    """`webhookUrl` in words: Webhook URL."""
    last = name.rpartition(".")[2]
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", last).lower().split()
    return " ".join(LABELS.get(word, word) for word in words).strip()


def _form_field(connector: str, name: str, field: serializers.Field) -> forms.Field:
    """A connector's setting as a field of a form; whether it is required, the connector says."""
    made = _unconditional(name, field)
    for chosen, values in field.style.get("when", {}).items():
        made.widget.attrs["data-when"] = _named(connector, chosen)
        made.widget.attrs["data-values"] = " ".join(values)
    return made


def _unconditional(name: str, field: serializers.Field) -> forms.Field:
    given: dict[str, Any] = getattr(
        field, "_kwargs", {}
    )  # its own label, and none made of its name
    label = given.get("label") or _label(name)
    common: dict[str, Any] = {
        "label": capfirst(_(label)),
        "help_text": _(str(field.help_text)) if field.help_text else "",
        "required": False,
    }
    usual = {} if field.default in (serializers.empty, None) else {"placeholder": field.default}
    if lines := field.style.get("lines"):
        area = _WriteOnlyArea if field.write_only else UnfoldAdminTextareaWidget
        return forms.CharField(widget=area({"rows": lines, "spellcheck": "false"}), **common)
    if field.write_only:
        secret = UnfoldAdminPasswordWidget({"autocomplete": "new-password"})
        return forms.CharField(widget=secret, strip=False, **common)
    if isinstance(field, serializers.BooleanField):
        return forms.BooleanField(widget=UnfoldBooleanSwitchWidget(), **common)
    if isinstance(field, serializers.ChoiceField):
        none: Any = _("none") if "none" in field.choices else "-"
        if usual:
            none = format_lazy(_("{value} (as usual)"), value=field.default)
        choices = [("", none), *(each for each in field.choices.items() if each[0] != "none")]
        return forms.ChoiceField(widget=UnfoldAdminSelectWidget, choices=choices, **common)
    if isinstance(field, serializers.IntegerField):
        return forms.IntegerField(widget=UnfoldAdminIntegerFieldWidget(usual), **common)
    return forms.CharField(widget=UnfoldAdminTextInputWidget(usual), **common)


class _WriteOnlyArea(UnfoldAdminTextareaWidget):
    """A secret of several lines: never shown, not even what was typed a moment ago."""

    def format_value(self, value: Any) -> None:
        return None


SETTINGS_FIELDS: dict[str, forms.Field] = {
    _named(key, name): _form_field(key, name, field)
    for key in connectors.known()
    for name, field in _fields(key).items()
}
DataSourceForm: Any = type("DataSourceForm", (StepForm,), dict(SETTINGS_FIELDS))


class StepsFormSet(PlatformFormSet):
    """The steps together: one that asks needs a name, and one behind it."""

    def clean(self) -> None:
        super().clean()
        kept = [form for form in self.forms if form not in self.deleted_forms]
        there = [form for form in kept if form.has_changed() or not form.instance._state.adding]
        sources = [form.instance for form in there]
        if problems := list(definition.together(sources, self.instance.delivery)):
            raise ValidationError([problem.message for problem in problems])


class DataSourceInline(PlatformStackedInline):
    """The steps of an integration, in their order."""

    class Media:
        js = ("integrations/data_source.js",)

    model = DataSource
    noun = "integration"
    form = DataSourceForm
    formset = StepsFormSet
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    ("use", "connector"),
                    *SETTINGS_FIELDS,
                    "filters",
                    "mapping",
                    "success",
                    "remember",
                )
            },
        ),
    )

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        helped = {
            "filters": (STEP_FILTERS_HELP, 2),
            "mapping": (MAPPING_HELP, 8),
            "success": (SUCCESS_HELP, 2),
        }
        if db_field.name == "remember":
            kwargs["help_text"] = REMEMBER_HELP
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
        return (
            (
                None,
                {
                    "fields": (
                        "name",
                        "use",
                        "connector",
                        "target",
                        "filters",
                        "what",
                        "success",
                        "remember",
                    )
                },
            ),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if self.has_change_permission(request, obj) else ("target", "what")

    @display(description=_("Settings"))
    def target(self, source: DataSource) -> str:
        return pretty(source.settings)

    @display(description=_("Mapping"))
    def what(self, source: DataSource) -> str:
        return pretty(source.mapping)

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else 1
