"""Alerts: what happened that somebody should know, who is told, and what became of that."""

from collections import Counter
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from integrations.admin.checked_first import CheckedFirst
from integrations.admin.data_source import LOST, STORED
from integrations.admin.links import link_to, on_one_line, shortened
from integrations.alerts import saving, sending
from integrations.core.spellings import MASK
from integrations.definition import Invalid
from integrations.models import Alert, AlertRecipient
from integrations.models.alert import Kind, NoticeOutcome
from otms.accounts.asking import act
from otms.accounts.fact_admin import FactAdmin
from otms.accounts.platform_admin import PlatformAdmin
from otms.accounts.platform_forms import RecordForm
from otms.accounts.zone import moment

KIND_COLOURS = {Kind.TROUBLE: "warning", Kind.RECOVERED: "success", Kind.SUSPENDED: "danger"}
KIND_WORDS = {
    Kind.TROUBLE: _("trouble"),
    Kind.RECOVERED: _("recovered"),
    Kind.SUSPENDED: _("suspended"),
}
OUTCOME_WORDS = {
    "": _("waiting"),
    NoticeOutcome.SENT: _("sent"),
    NoticeOutcome.GIVEN_UP: _("given up"),
    NoticeOutcome.LEFT_OUT: _("left out"),
}
FIELDS = ("name", "integration", "email", "url", "enabled")
WAYS = ("email", "url", "secret", "unsigned")
TRY = _("When it is saved, choose it in the list, and Send a test there.")
MOST_TESTS = 2  # of one click: somebody waits for each


class RecipientForm(RecordForm):
    """A mailbox or a webhook; the signing secret is write-only."""

    secret = forms.CharField(
        label=_("Signing secret"),
        required=False,
        strip=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "new-password"}),
        help_text=_(
            "Of a webhook: signs what is sent, whsec_ and base64, whsk_ for ed25519, or any text."
        ),
    )
    unsigned = forms.BooleanField(
        label=_("Forget the signing secret"),
        required=False,
        help_text=_("Send without a signature."),
    )

    class Meta:
        model = AlertRecipient
        fields = FIELDS
        widgets = {"email": UnfoldAdminTextInputWidget, "url": UnfoldAdminTextInputWidget}
        labels = {"email": _("E-mail"), "url": "URL"}
        help_texts = {
            "name": _("For people: who that is."),
            "email": _("One address. Or, in its place, the URL of a webhook:"),
            "url": _("It is called with POST: https://..."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "secret" not in self.fields:
            return
        held = saving.signs(self.instance)
        if held:
            readable = self.instance.secrets.are_readable
            self.fields["secret"].widget.attrs["placeholder"] = STORED if readable else LOST
        else:
            del self.fields["unsigned"]

    def clean(self) -> Any:
        given = super().clean()
        if not self.errors:
            try:
                saving.checked(self.typed, self.stored())
            except Invalid as error:
                for problem in error.problems:
                    name = problem.field if problem.field in self.fields else None
                    self.add_error(name, problem.message)
        return given

    @property
    def typed(self) -> dict[str, Any]:
        """As the API would send it; an empty secret is the stored one."""
        given = {name: self.cleaned_data[name] for name in FIELDS}
        secret = self.cleaned_data.get("secret")
        if self.cleaned_data.get("unsigned") or not given["url"]:
            given["secret"] = secret or None
        elif secret or saving.signs(self.instance):
            given["secret"] = secret or MASK
        return given

    def stored(self) -> AlertRecipient:
        """As it is in the database; a new one, if it is not."""
        stored = AlertRecipient.objects.of(self.platform).filter(pk=self.instance.pk).first()
        return stored or AlertRecipient(pk=self.instance.pk, platform=self.platform)


@admin.register(AlertRecipient)
class AlertRecipientAdmin(PlatformAdmin, CheckedFirst):
    none_yet = _(
        "Nobody is told yet when deliveries fail. A recipient is a mailbox or a webhook, of one "
        "integration or of all."
    )
    noun = "alertRecipient"
    form = RecipientForm
    list_display = ("recipient", "switched", "way", "alerts_of", "created")
    list_filter = ("enabled", "integration")
    list_select_related = ("integration", "platform")
    search_fields = ("name", "email", "url")
    ordering = ("-created_at", "id")
    actions = ("send_test",)
    warn_unsaved_form = True
    keeps_trail = True
    fieldsets = (
        (None, {"fields": ("name", "integration", "enabled")}),
        (_("How it is told"), {"fields": WAYS, "description": TRY}),
    )

    @display(description=_("Recipient"))
    def recipient(self, recipient: AlertRecipient) -> str:
        return recipient.name or recipient.where

    @display(description=_("Enabled"), label={"on": "success", "off": "default"})
    def switched(self, recipient: AlertRecipient) -> tuple[str, str]:
        if recipient.enabled:
            return "on", pgettext("switch", "on")
        return "off", pgettext("switch", "off")

    @display(description=_("Enabled"))
    def is_on(self, recipient: AlertRecipient) -> str:
        return self.switched(recipient)[1]

    @display(description=_("How"))
    def way(self, recipient: AlertRecipient) -> str:
        if recipient.email:
            return gettext("e-mail to {address}").format(address=recipient.email)
        return gettext("webhook {address}").format(address=recipient.where)

    @display(description=_("Alerts of"))
    def alerts_of(self, recipient: AlertRecipient) -> str:
        of = recipient.integration
        return link_to(of) if of else gettext("all integrations")

    @act("test:alertRecipient", _("Send a test"))
    def send_test(self, request: HttpRequest, queryset: Any) -> None:
        for recipient in queryset[:MOST_TESTS]:
            test = sending.tried(recipient)
            if test.sent:
                level, text = messages.SUCCESS, _("{name}: a test was sent. {said}")
            else:
                level, text = messages.ERROR, _("{name}: the test did not arrive. {said}")
            self.message_user(request, text.format(name=recipient, said=test.said), level)
        if (left := queryset.count() - MOST_TESTS) > 0:
            text = _("{n} more were chosen than are tested at once: choose these again.")
            self.message_user(request, text.format(n=left), messages.WARNING)

    # The page of one.

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return ((None, {"fields": ("recipient", "is_on", "way", "alerts_of")}),)
        signed = obj is not None and saving.signs(obj)
        return [
            (
                name,
                {**of, "fields": [each for each in of["fields"] if signed or each != "unsigned"]},
            )
            for name, of in super().get_fieldsets(request, obj)
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        may_change = obj is None or self.has_change_permission(request, obj)
        return () if may_change else ("recipient", "is_on", "way", "alerts_of")

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        if field := form.base_fields.get("integration"):
            field.empty_label = gettext("All integrations")
        return form

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        saved = saving.save(form.platform, form.typed, form.stored())
        form.instance.refresh_from_db()
        for problem in saving.warnings(saved):
            self.message_user(request, problem.message, messages.WARNING)

    def delete_model(self, request: HttpRequest, obj: AlertRecipient) -> None:
        saving.delete(obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        with transaction.atomic():
            for recipient in queryset:
                saving.delete(recipient)


@admin.register(Alert)
class AlertAdmin(FactAdmin):
    none_yet = _("When deliveries fail, and when they work again, it would be here.")
    noun = "alerts"
    list_display = ("created", "kind_label", "integration_link", "said", "told")
    list_filter = ("kind", "integration", "created_at")
    list_select_related = ("integration",)
    ordering = ("-created_at", "id")
    fields = ("kind", "integration_link", "target", "message", "began", "created", "notices")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("notices")

    @display(description=_("What"), label=KIND_COLOURS)
    def kind_label(self, alert: Alert) -> Any:
        return alert.kind, KIND_WORDS[Kind(alert.kind)]

    @display(description=_("Integration"))
    def integration_link(self, alert: Alert) -> str:
        return link_to(alert.integration)

    @display(description=_("Delivers to"))
    def target(self, alert: Alert) -> str:
        return str(alert.data_source or "-")

    @display(description=_("Message"))
    def said(self, alert: Alert) -> str:
        return shortened(alert.message, 100)

    @display(description=_("Since"))
    def began(self, alert: Alert) -> str:
        return moment(alert.since)

    @display(description=_("Told"))
    def told(self, alert: Alert) -> str:
        counts = Counter(each.outcome for each in alert.notices.all())
        found = [f"{counts[each]} {word}" for each, word in OUTCOME_WORDS.items() if counts[each]]
        if not found:
            add = reverse("admin:integrations_alertrecipient_add")
            text = gettext('nobody: <a class="text-link" href="{add}">add a recipient</a>')
            return format_html(text, add=add)
        return on_one_line(", ".join(found))

    @display(description=_("Who was told"))
    def notices(self, alert: Alert) -> str:
        rows = [(each.to, _became(each)) for each in alert.in_order]
        lines = format_html_join("", "<li>{}: {}</li>", rows)
        if not rows:
            return gettext("nobody: there was no recipient")
        return format_html("<ul>{}</ul>", lines)


def _became(notice: Any) -> str:
    """What became of a notice, in words."""
    if notice.outcome == NoticeOutcome.SENT:
        return format_html(gettext("sent {at}"), at=moment(notice.finished_at))
    if notice.outcome:
        return f"{OUTCOME_WORDS[notice.outcome]}: {notice.error}"
    if notice.error:
        text = gettext("is tried again {at}: {error}")
        return format_html(text, at=moment(notice.due_at), error=notice.error)
    return gettext("waits")
