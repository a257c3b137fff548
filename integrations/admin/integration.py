"""Integrations: who listens to what, what is sent where, and how it goes."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from integrations import definition, entities, story
from integrations.admin import credential
from integrations.admin.data_source import DataSourceInline
from integrations.admin.links import health_label, link_to, list_of, pretty, shortened
from integrations.api import shapes
from integrations.core import signing
from integrations.models import (
    DataSource,
    Integration,
    IntegrationObject,
    Log,
    RequestLog,
    Stale,
)
from integrations.models.integration import ACTIONS, IntegrationQuerySet
from otms.accounts.asking import act, allowed
from otms.accounts.platform_admin import PlatformAdmin, RowsOfList, moment
from otms.accounts.platform_forms import JsonWidget, RecordForm

FILTERS_HELP = (
    "All of them must hold, or nothing is sent, for example<br>"
    '<code>[{"field": "$.transportOrder.status", "operator": "eq", "value": "accepted"}]</code><br>'
    "<code>[]</code> lets every change through."
)
DELIVERY_HELP = (
    "What differs from the usual, for example<br>"
    '<code>{"timeout": 30, "concurrency": 2, "onPoison": "block", '
    '"retry": {"giveUpAfter": "P1D"}}</code>'
)
INBOUND_HELP = (
    "What becomes of each imported row, for example<br>"
    '<code>{"externalId": "$.number", "name": "$.number", "customer": {"name": "$.debtor"}}</code>'
    "<br>Empty: rows are transport orders in our own form."
)
REDACT_HELP = (
    "Paths of personal data: in the record (without <code>transportOrder</code>), in what the "
    "mapping makes, and in the answers. The logs show *** there, for example<br>"
    '<code>["$.customer.contactDetails[*].value", "$.contact.mail", "$..phone"]</code><br>'
    "The record before and after its change is shown as it is to who may see an object."
)
SCHEDULE_HELP = (
    "Empty: at once. Or collected and sent at every tick:<br>"
    '<code>{"integrationSchedulerScheduleValue": 15, '
    '"integrationSchedulerScheduleType": "minutes"}</code>'
)
TRIES = 3
# How long the signing secret before goes on, in hours: as a person chooses it.
OVERLAPS = {"0": 0, "1": 1, "24": 24, "168": 7 * 24, "720": 30 * 24}
OVERLAP_WORDS = {
    "0": "stops now",
    "1": "signs for another hour",
    "24": "signs for another day",
    "168": "signs for another 7 days",
    "720": "signs for another 30 days",
}
USUAL_OVERLAP = 24


class IntegrationForm(RecordForm):
    """The trigger as two questions instead of a document."""

    entity = forms.ChoiceField(
        label="Changes of",
        widget=UnfoldAdminSelectWidget,
        choices=lambda: [(key, entities.load(key).label) for key in entities.known()],
    )
    actions = forms.MultipleChoiceField(
        label="When it was",
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        choices=[(each, each) for each in ACTIONS],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        trigger = self.instance.trigger or {}
        self.initial.setdefault("entity", trigger.get("entity"))
        self.initial.setdefault("actions", trigger.get("actions"))

    def clean(self) -> Any:
        given = super().clean()
        if "entity" in self.cleaned_data and "actions" in self.cleaned_data:
            self.instance.trigger = {
                "entity": self.cleaned_data["entity"],
                "actions": self.cleaned_data["actions"],
            }
        return given


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
        text = "Not saved: others keep changing it at this moment. Try again."
        self.message_user(request, text, messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing yet: it is saved together with its parts."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        with transaction.atomic():
            super().save_model(request, form.instance, form, change)
            super().save_related(request, form, formsets, change)


class IntegrationList(RowsOfList):
    """A page of integrations with their health: the same few queries for any number of them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        found: list[Any] = list(self.result_list)
        for each, shown in zip(found, definition.shown(found), strict=True):
            each.shown = shown
        self.result_list: Any = found


@admin.register(Integration)
class IntegrationAdmin(PlatformAdmin, CheckedFirst):
    none_yet = "An integration listens to changes and sends what others want to know of them."
    noun = "integration"
    form = IntegrationForm
    list_display = (
        "name",
        "health",
        "trigger_words",
        "target",
        "waiting",
        "last_delivery",
        "type",
    )
    list_filter = ("enabled", "type")
    list_select_related = ("gate",)
    search_fields = ("name", "description")
    ordering = ("name", "id")
    inlines = (DataSourceInline,)
    actions = ("pause", "resume")
    actions_detail = ("see_queue", "see_logs", "see_requests", "credentials", "signing")
    warn_unsaved_form = True
    keeps_trail = True
    fieldsets = (
        (None, {"fields": (("name", "type"), "description", "enabled")}),
        ("Listens to", {"fields": ("entity", "actions", "filters")}),
        (
            "How it delivers",
            {"classes": ("collapse",), "fields": ("schedule", "delivery")},
        ),
        ("What it imports", {"classes": ("collapse",), "fields": ("inbound",)}),
        ("What the logs keep", {"classes": ("collapse",), "fields": ("redact",)}),
    )

    # The list.

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).living().prefetch_related("data_sources")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return IntegrationList

    @display(description="Health")
    def health(self, integration: Any) -> str:
        text, colour = health_label(integration.shown)
        if definition.unreadable(integration):
            text = "secrets can't be read"
        reason = integration.shown["health"]["reason"]
        label = {"text": text, "type": colour, "label_title": reason}
        return render_to_string("unfold/helpers/label.html", label)

    @display(description="Listens to")
    def trigger_words(self, integration: Any) -> str:
        key = integration.trigger.get("entity", "")
        label = entities.load(key).label if key in entities.known() else key
        return f"{label}: {', '.join(integration.trigger.get('actions', []))}"

    @display(description="Target")
    def target(self, integration: Any) -> Any:
        found = [
            source["settings"].get("url") or source["connector"]
            for source in integration.shown["dataSources"]
        ]
        if not found:
            return "none yet"
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        return shortened(f"{found[0]}{more}", 80)

    @display(description="Waiting")
    def waiting(self, integration: Any) -> Any:
        count = integration.shown["health"]["queued"]
        where = list_of(IntegrationObject, integration__id__exact=integration.pk)
        return format_html('<a class="text-link" href="{}">{}</a>', where, count) if count else 0

    @display(description="Last delivery")
    def last_delivery(self, integration: Any) -> Any:
        last = integration.shown["health"]["lastSuccessAt"]
        return moment(datetime.fromisoformat(last)) if last else "never"

    @act("update:integration", "Pause")
    def pause(self, request: HttpRequest, queryset: IntegrationQuerySet) -> None:
        self._switch(request, queryset, False, "paused: changes are not queued for them now")

    @act("update:integration", "Resume")
    def resume(self, request: HttpRequest, queryset: IntegrationQuerySet) -> None:
        self._switch(request, queryset, True, "resumed")

    def _switch(
        self, request: HttpRequest, queryset: IntegrationQuerySet, on: bool, done: str
    ) -> None:
        with transaction.atomic():
            switched = [integration for integration in queryset if integration.switch(on)]
        self.message_user(request, f"{len(switched)} {done}.", messages.SUCCESS)

    # The page of one.

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        fields = ("name", "description", "enabled", "trigger_words", "conditions")
        return ((None, {"fields": fields}),)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What something of ours keeps is changed there; it can still be paused and resumed."""
        kept = obj is not None and obj.keeper is not None
        return not kept and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        kept = obj is not None and obj.keeper is not None
        return not kept and super().has_delete_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        may_change = obj is None or self.has_change_permission(request, obj)
        return () if may_change else ("trigger_words", "conditions")

    @display(description="Filters")
    def conditions(self, integration: Integration) -> str:
        return pretty(integration.filters)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method == "GET" and (integration := self.get_object(request, object_id)):
            reason = integration.gate.pause_reason
            if integration.enabled and reason:
                text = f"Suspended: {reason} Saving it lets it go on."
                self.message_user(request, text, messages.WARNING)
            for troubled in integration.gate.trouble.values():
                if troubled.is_on and not reason:
                    text = f"In trouble: {story.failing(troubled)} Saving it tries at once."
                    self.message_user(request, text, messages.WARNING)
            if keeper := integration.keeper:
                text = format_html("{} keeps it as it is: change it there.", _page(keeper))
                self.message_user(request, text, messages.INFO)
        return super().change_view(request, object_id, form_url, extra_context)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "description":
            kwargs["widget"] = UnfoldAdminTextareaWidget({"rows": 2})
        helped = {
            "filters": (FILTERS_HELP, 6),
            "delivery": (DELIVERY_HELP, 4),
            "schedule": (SCHEDULE_HELP, 3),
            "inbound": (INBOUND_HELP, 6),
            "redact": (REDACT_HELP, 3),
        }
        if db_field.name in helped:
            text, rows = helped[db_field.name]
            kwargs |= {"help_text": text, "widget": JsonWidget({"rows": rows})}
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        with definition.written_down(form.instance):
            super().save_related(request, form, formsets, change)

    def response_add(self, request: HttpRequest, obj: Any, *args: Any, **kwargs: Any) -> Any:
        self._warn(request, obj)
        return super().response_add(request, obj, *args, **kwargs)

    def response_change(self, request: HttpRequest, obj: Any) -> Any:
        self._warn(request, obj)
        return super().response_change(request, obj)

    def _warn(self, request: HttpRequest, integration: Integration) -> None:
        """What was saved and will probably not work, as the API says it."""
        stored = Integration.objects.of(integration.platform_id).get(pk=integration.pk)
        told = [problem.message for problem in definition.warnings(stored)]
        for text in (*told, *(each["message"] for each in shapes.warnings(stored))):
            self.message_user(request, text, messages.WARNING)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        for each in formset.forms:
            for name in each.forgotten:
                text = (
                    f"{each.instance} leads to another place now, so its stored {name} "
                    "was forgotten: it goes without until you type one."
                )
                self.message_user(request, text, messages.WARNING)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Deleting is soft: nothing goes with it, whatever points at it."""
        if not self.has_delete_permission(request):
            return [], {}, {self.opts.verbose_name}, []
        told = [
            f"{each}: what waits in its queue is cancelled, its history can still be read"
            for each in objs
        ]
        kept = [f"{each}. {each.kept_by}" for each in objs if each.keeper]
        return told, {self.opts.verbose_name_plural: len(told)}, set(), kept

    def delete_model(self, request: HttpRequest, obj: Integration) -> None:
        obj.retire()

    def delete_queryset(self, request: HttpRequest, queryset: IntegrationQuerySet) -> None:
        with transaction.atomic():
            for integration in queryset:
                integration.retire()

    @act("get:integration:object", "Queue", icon="low_priority")
    def see_queue(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._rows(IntegrationObject, object_id)

    @act("get:integration:logs", "Logs", icon="article")
    def see_logs(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._rows(Log, object_id)

    @act("get:integration:requestLogs", "Requests", icon="swap_horiz")
    def see_requests(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._rows(RequestLog, object_id)

    def _rows(self, model: Any, id: str) -> HttpResponse:
        return HttpResponseRedirect(list_of(model, integration__id__exact=id))

    @act("generate:integration:credentials", "Credentials", icon="key")
    def credentials(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The credentials there are; POST makes a new one and shows its secrets this once."""
        return never_cache(self._credentials)(request, object_id)

    def _credentials(self, request: HttpRequest, object_id: str) -> HttpResponse:
        integration = self.get_object(request, object_id)
        if integration is None:
            raise Http404
        if "revoke" in request.POST:
            if revoked := credential.revoke(request, integration):
                text = f"Revoked: {revoked} is refused from now on."
                self.message_user(request, text, messages.SUCCESS)
            return HttpResponseRedirect(request.path)
        form = credential.CredentialForm(request.POST if request.method == "POST" else None)
        shown = None
        if form.is_valid():
            shown = form.generate(integration)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": integration,
            "title": f"Credentials of {integration}",
            "cut_short": shown.pop("cut_short") if shown else "",
            "shown": shown,
            "form": form,
            "rows": credential.rows(integration),
            "may_revoke": allowed(request, "delete:integration:credential"),
        }
        return TemplateResponse(request, "admin/integrations/credentials.html", context)

    @act("generate:integration:signingSecret", "Signing", icon="signature")
    def signing(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How its data sources sign; POST makes a new secret and shows it this once."""
        return never_cache(self._signing)(request, object_id)

    def _signing(self, request: HttpRequest, object_id: str) -> HttpResponse:
        integration = self.get_object(request, object_id)
        if integration is None:
            raise Http404
        secret, cut = "", None
        if request.method == "POST":
            try:
                _, secret, cut = definition.new_signing_secret(
                    integration,
                    request.POST.get("source"),
                    scheme="v1a" if request.POST.get("scheme") == "v1a" else "v1",
                    keep=timedelta(hours=OVERLAPS.get(request.POST.get("keep", ""), USUAL_OVERLAP)),
                )
            except (definition.Invalid, definition.Owned, Stale, ValidationError):
                raise Http404 from None
        public = signing.public_key(secret)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": integration,
            "title": f"Signing of {integration}",
            "secret": "" if public else secret,
            "public_key": public,
            "cut_short": definition.cut_short(cut) if cut else "",
            "overlaps": OVERLAP_WORDS,
            "usual_overlap": str(USUAL_OVERLAP),
            "kept_by": integration.kept_by,
            "sources": [_signer(each) for each in integration.data_sources.order_by("position")],
        }
        return TemplateResponse(request, "admin/integrations/signing.html", context)


def _signer(source: DataSource) -> dict[str, Any]:
    """Whether and how a data source signs, for its page."""
    told = definition.told(source)
    return {
        "source": source,
        "signs": source.signs,
        "public_keys": told.get("publicKey", "").split(),
        "is_signed": "secret" in definition.held(source),
        "until": definition.overlap(source),
    }


def _page(keeper: Any) -> str:
    """The record that keeps an integration, as a link if it has a page."""
    name = f"{keeper._meta.verbose_name.capitalize()} {keeper}"
    return link_to(keeper, name) if admin.site.is_registered(type(keeper)) else name
