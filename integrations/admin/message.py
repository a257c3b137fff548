"""Messages: what is written, when it is sent and to whom."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html_join
from django.utils.text import format_lazy
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from integrations import definition, entities
from integrations.admin.links import link_to, list_of, page_of, shortened
from integrations.api import shapes
from integrations.messages import happenings, saving
from integrations.models import (
    Integration,
    IntegrationObject,
    MessageAutomation,
    MessageTemplate,
)
from otms.accounts.asking import act
from otms.accounts.platform_admin import PlatformAdmin
from otms.accounts.platform_forms import RecordForm
from otms.accounts.zone import moment

PLACES_HELP = format_lazy(
    _("Values of the record stand in double braces: {examples}."),
    examples="<code>{{transportOrder.name}}</code>, <code>{{transportOrder.customer.name}}</code>, "
    "<code>{{transportOrder.status}}</code>",
)
RECIPIENTS_HELP = _(
    "An address on each line, or a path to some, such as "
    "<code>$.transportOrder.externalAttributes.mail</code>.<br>"
    "Empty: the customer, at each address of its contact details whose type is email."
)


@admin.register(MessageTemplate)
class MessageTemplateAdmin(PlatformAdmin):
    none_yet = _(
        "What a message says is written in a template, with places for what is in a record."
    )
    noun = "messageTemplate"
    list_display = ("name", "written", "sent_by", "created")
    search_fields = ("name", "subject")
    ordering = ("name", "id")
    fields = ("name", "subject", "body")
    warn_unsaved_form = True
    keeps_trail = True

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("automations__integration")

    @display(description=_("Subject"), ordering="subject")
    def written(self, template: MessageTemplate) -> str:
        return shortened(template.subject, 80)

    @display(description=_("Sent by"))
    def sent_by(self, template: MessageTemplate) -> Any:
        links = [(link_to(each),) for each in template.automations.all()]
        return format_html_join(", ", "{}", links) or gettext("none yet")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "body":
            kwargs |= {"widget": UnfoldAdminTextareaWidget({"rows": 12}), "help_text": PLACES_HELP}
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        platform = request.user.platform  # type: ignore[union-attr]
        stored = MessageTemplate.objects.of(platform).get(pk=obj.pk) if change else None
        saving.save_template(platform, {"id": obj.pk, **form.cleaned_data}, stored)

    def delete_model(self, request: HttpRequest, obj: MessageTemplate) -> None:
        saving.delete_template(obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        with transaction.atomic():
            for template in queryset:
                saving.delete_template(template)


def _choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """All that can happen, by the kind of record."""
    return [
        (
            entities.load(key).label,
            [(each.spelled, each.words) for each in happenings.dotted().values() if each[0] == key],
        )
        for key in reversed(entities.known())  # the transport order is what most are about
    ]


class AutomationForm(RecordForm):
    """Name and switch are the integration's; the recipients are lines."""

    name = forms.CharField(label=_("Name"), max_length=200, widget=UnfoldAdminTextInputWidget)
    description = forms.CharField(
        label=_("Description"), required=False, widget=UnfoldAdminTextareaWidget({"rows": 2})
    )
    enabled = forms.BooleanField(
        label=_("Enabled"), required=False, initial=True, widget=UnfoldBooleanSwitchWidget
    )
    trigger = forms.ChoiceField(label=_("When"), widget=UnfoldAdminSelectWidget, choices=_choices)
    recipients = forms.CharField(
        label=pgettext_lazy("recipient", "To"),
        required=False,
        help_text=RECIPIENTS_HELP,
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            of = self.instance.integration
            self.initial.update({name: getattr(of, name) for name in saving.OWN})
            self.initial["trigger"] = saving.meant(self.instance).spelled
        else:
            self.initial.setdefault("trigger", "transportOrder.status.realized")
        self.initial["recipients"] = "\n".join(self.instance.recipients or ())

    def clean_recipients(self) -> list[str] | None:
        lines = self.cleaned_data["recipients"].splitlines()
        return [line.strip() for line in lines if line.strip()] or None

    def clean(self) -> Any:
        given = super().clean()
        if found := happenings.dotted().get(self.cleaned_data.get("trigger", "")):
            to = self.cleaned_data.get("recipients")
            for problem in saving.recipient_problems(to, found.entity):
                self.add_error("recipients", problem.message)
        return given


@admin.register(MessageAutomation)
class MessageAutomationAdmin(PlatformAdmin):
    none_yet = _("An automation sends a message when something happens to an order.")
    noun = "messageAutomation"
    form = AutomationForm
    list_display = ("name", "switched", "happening", "sends", "addressees", "made")
    list_filter = ("integration__enabled", "template")
    list_select_related = ("integration", "template")
    search_fields = ("integration__name", "template__name")
    ordering = ("integration__name", "pk")
    actions = ("switch_on", "switch_off", "duplicate")
    actions_detail = ("see_messages", "see_integration")
    warn_unsaved_form = True
    keeps_trail = True
    fieldsets = (
        (None, {"fields": ("name", "description", "enabled")}),
        (_("What it sends"), {"fields": ("trigger", "template", "recipients")}),
    )

    # The list.

    @display(description=_("Name"), ordering="integration__name")
    def name(self, automation: MessageAutomation) -> str:
        return automation.integration.name

    @display(description=_("Sends"), label={"on": "success", "off": "default"})
    def switched(self, automation: MessageAutomation) -> tuple[str, str]:
        if automation.integration.enabled:
            return "on", pgettext("switch", "on")
        return "off", pgettext("switch", "off")

    @display(description=_("Sends"))
    def is_on(self, automation: MessageAutomation) -> str:
        return self.switched(automation)[1]

    @display(description=_("When"))
    def happening(self, automation: MessageAutomation) -> str:
        return saving.meant(automation).words

    @display(description=_("Template"), ordering="template__name")
    def sends(self, automation: MessageAutomation) -> str:
        return link_to(automation.template)

    @display(description=pgettext_lazy("recipient", "To"))
    def addressees(self, automation: MessageAutomation) -> str:
        if automation.recipients is None:
            return gettext("the customer")
        return shortened(", ".join(automation.recipients), 60)

    @display(description=_("Created"), ordering="integration__created_at")
    def made(self, automation: MessageAutomation) -> str:
        return moment(automation.created_at)

    @act("update:messageAutomation", _("Switch on"))
    def switch_on(self, request: HttpRequest, queryset: Any) -> None:
        self._switch(request, queryset, True, _("{n}: Switched on."))

    @act("update:messageAutomation", _("Switch off"))
    def switch_off(self, request: HttpRequest, queryset: Any) -> None:
        self._switch(request, queryset, False, _("{n}: Switched off."))

    def _switch(self, request: HttpRequest, queryset: Any, on: bool, done: Any) -> None:
        with transaction.atomic():
            switched = [each for each in queryset if saving.switch(each, on)]
        self.message_user(request, done.format(n=len(switched)), messages.SUCCESS)

    @act("duplicate:messageAutomation", _("Duplicate"))
    def duplicate(self, request: HttpRequest, queryset: Any) -> None:
        with transaction.atomic():
            for automation in queryset:
                saving.duplicate(automation)
        self.message_user(request, _("The copies are switched off."), messages.SUCCESS)

    # The page of one.

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        return ((None, {"fields": ("name", "is_on", "happening", "sends", "addressees")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        may_change = obj is None or self.has_change_permission(request, obj)
        return () if may_change else ("name", "is_on", "happening", "sends", "addressees")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        platform = request.user.platform  # type: ignore[union-attr]
        given = dict(form.cleaned_data)
        given["message_template"] = {"id": given.pop("template").pk}
        stored = None
        if change:
            stored = MessageAutomation.objects.of(platform).get(pk=obj.pk)
            if saving.meant(stored).spelled == given["trigger"]:
                del given["trigger"]  # it stays in the words in which it was given
        obj.integration = saving.save_automation(platform, given, stored).integration
        obj._state.adding = False
        for text in _warnings(obj.integration):
            self.message_user(request, text, messages.WARNING)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Its integration is deleted softly: nothing goes with it."""
        if not self.has_delete_permission(request):
            return [], {}, {self.opts.verbose_name}, []
        text = _("{name}: what waits to be sent is cancelled, what was sent can still be read")
        told = [text.format(name=each) for each in objs]
        return told, {self.opts.verbose_name_plural: len(told)}, set(), []

    def delete_model(self, request: HttpRequest, obj: MessageAutomation) -> None:
        saving.delete(obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        with transaction.atomic():
            for automation in queryset:
                saving.delete(automation)

    @act("get:integration:object", _("Messages"), icon="outgoing_mail")
    def see_messages(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(list_of(IntegrationObject, integration__id__exact=object_id))

    @act("get:integration", _("Integration"), icon="conversion_path")
    def see_integration(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(page_of(Integration(pk=object_id)))


def _warnings(integration: Integration) -> Iterator[str]:
    """What was saved and will probably not do what is meant."""
    stored = Integration.objects.of(integration.platform_id).get(pk=integration.pk)
    yield from (problem.message for problem in definition.warnings(stored))
    yield from (each["message"] for each in shapes.warnings(stored))
