"""Integrations: who listens to what, what is sent where, and how it goes."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.text import capfirst, format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminTextareaWidget,
)

from integrations import definition, entities, glance, pressure, story
from integrations.admin import credential
from integrations.admin.chart import shown_day
from integrations.admin.checked_first import CheckedFirst
from integrations.admin.data_source import DataSourceInline
from integrations.admin.first import FirstPage
from integrations.admin.integration_form import IntegrationForm
from integrations.admin.links import health_label, link_to, list_of, pretty, shortened
from integrations.admin.missed import MissedChange
from integrations.admin.replaying import ReplayPage
from integrations.admin.sharing import SharingPages
from integrations.admin.signing import SigningPage
from integrations.admin.workbench import WorkbenchPage
from integrations.api import shapes
from integrations.models import (
    Integration,
    IntegrationObject,
    Log,
    RequestLog,
)
from integrations.models.integration import IntegrationQuerySet
from otms.accounts.asking import act, allowed
from otms.accounts.list_admin import RowsOfList
from otms.accounts.platform_admin import PlatformAdmin
from otms.accounts.platform_forms import JsonWidget
from otms.accounts.zone import moment

FILTERS_HELP = format_lazy(
    _(
        "All of them must hold, or nothing is sent, for example<br>{example}<br>"
        "<code>[]</code> lets every change through."
    ),
    example='<code>[{"field": "$.transportOrder.status", "operator": "eq", '
    '"value": "accepted"}]</code>',
)
DELIVERY_HELP = format_lazy(
    _("What differs from the usual, for example<br>{example}"),
    example='<code>{"timeout": 30, "concurrency": 2, "onPoison": "block", '
    '"retry": {"giveUpAfter": "P1D"}}</code>',
)
INBOUND_HELP = format_lazy(
    _(
        "What becomes of each imported row, for example<br>{example}<br>"
        "Empty: rows are transport orders in our own form."
    ),
    example='<code>{"externalId": "$.number", "name": "$.number", '
    '"customer": {"name": "$.debtor"}}</code>',
)
REDACT_HELP = format_lazy(
    _(
        "Paths of personal data: in the record (without <code>transportOrder</code>), in what the "
        "mapping makes, and in the answers. The logs show *** there, for example<br>{example}<br>"
        "The record before and after its change is shown as it is to who may see an object."
    ),
    example='<code>["$.customer.contactDetails[*].value", "$.contact.mail", "$..phone"]</code>',
)
SCHEDULE_HELP = format_lazy(
    _("Empty: at once. Or collected and sent at every tick:<br>{example}"),
    example='<code>{"integrationSchedulerScheduleValue": 15, '
    '"integrationSchedulerScheduleType": "minutes"}</code>',
)

LISTS: tuple[tuple[Any, Any, str], ...] = (
    (_("Queue"), IntegrationObject, "get:integration:object"),
    (_("Logs"), Log, "get:integration:logs"),
    (_("Request logs"), RequestLog, "get:integration:requestLogs"),
)


class IntegrationList(RowsOfList):
    """A page of integrations with their health: the same few queries for any number of them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        found: list[Any] = list(self.result_list)
        for each, shown in zip(found, definition.shown(found), strict=True):
            each.shown = shown
        self.result_list: Any = found


@admin.register(Integration)
class IntegrationAdmin(
    FirstPage,
    WorkbenchPage,
    ReplayPage,
    MissedChange,
    SharingPages,
    SigningPage,
    PlatformAdmin,
    CheckedFirst,
):
    none_yet = _("An integration listens to changes and sends what others want to know of them.")
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
    acts_on_one = (*actions, "tell")
    actions_list = ("first", "import_yaml")
    actions_detail = (
        *("workbench", "replay", "credentials", "signing"),
        *("duplicate", "export_yaml"),
    )
    change_form_outer_before_template = "admin/integrations/glance.html"
    warn_unsaved_form = True
    keeps_trail = True
    fieldsets = (
        (None, {"fields": (("name", "type"), "description", "enabled")}),
        (_("Listens to"), {"fields": ("entity", "actions", "filters")}),
        (
            _("How it delivers"),
            {"classes": ("collapse",), "fields": ("schedule", "delivery")},
        ),
        (_("What it imports"), {"classes": ("collapse",), "fields": ("inbound",)}),
        (_("What the logs keep"), {"classes": ("collapse",), "fields": ("redact",)}),
    )

    # The list.

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).living().prefetch_related("data_sources")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return IntegrationList

    @display(description=_("Health"))
    def health(self, integration: Any) -> str:
        text, colour = health_label(integration.shown)
        if definition.unreadable(integration):
            text = gettext("secrets can't be read")
        reason = integration.shown["health"]["reason"]
        label = {"text": text, "type": colour, "label_title": reason}
        return render_to_string("unfold/helpers/label.html", label)

    @display(description=_("Listens to"))
    def trigger_words(self, integration: Any) -> str:
        key = integration.trigger.get("entity", "")
        label = entities.load(key).label if key in entities.known() else key
        actions = integration.trigger.get("actions", [])
        return f"{label}: {', '.join(str(story.DONE.get(each, each)) for each in actions)}"

    @display(description=_("Target"))
    def target(self, integration: Any) -> Any:
        found = [
            source["settings"].get("url") or source["connector"]
            for source in integration.shown["dataSources"]
        ]
        if not found:
            return gettext("none yet")
        text = found[0]
        if len(found) > 1:
            text = _("{target} and {n} more").format(target=text, n=len(found) - 1)
        return shortened(text, 80)

    @display(description=_("Waiting"))
    def waiting(self, integration: Any) -> Any:
        count = integration.shown["health"]["queued"]
        where = list_of(IntegrationObject, integration__id__exact=integration.pk)
        return format_html('<a class="text-link" href="{}">{}</a>', where, count) if count else 0

    @display(description=_("Last delivery"))
    def last_delivery(self, integration: Any) -> Any:
        last = integration.shown["health"]["lastSuccessAt"]
        return moment(datetime.fromisoformat(last)) if last else gettext("never")

    @act("update:integration", _("Pause"))
    def pause(self, request: HttpRequest, queryset: IntegrationQuerySet) -> None:
        text = _("{n} paused: changes are not queued for them now.")
        self._switch(request, queryset, False, text)

    @act("update:integration", _("Resume"))
    def resume(self, request: HttpRequest, queryset: IntegrationQuerySet) -> None:
        self._switch(request, queryset, True, _("{n} resumed."))

    def _switch(
        self, request: HttpRequest, queryset: IntegrationQuerySet, on: bool, done: Any
    ) -> None:
        with transaction.atomic():
            switched = [integration for integration in queryset if integration.switch(on)]
        self.message_user(request, done.format(n=len(switched)), messages.SUCCESS)

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

    @display(description=_("Filters"))
    def conditions(self, integration: Integration) -> str:
        return pretty(integration.filters)

    def beside(self, request: HttpRequest, integration: Integration) -> dict[str, Any]:
        shown = super().beside(request, integration)
        if request.method != "GET":  # what was typed is wrong: that is told, and nothing else
            return shown
        self._say_on_top(request, integration)
        return {**shown, **self._glance(request, integration)}

    def _say_on_top(self, request: HttpRequest, integration: Integration) -> None:
        """Why it may not be delivering, and who else keeps it."""
        reason = integration.gate.pause_reason
        if not integration.enabled:
            text = gettext(
                "Paused: what waits is kept, but changes that are saved meanwhile are not "
                "queued for it, nor later."
            )
            self.message_user(request, text, messages.WARNING)
        if integration.enabled and reason:
            text = gettext("Suspended: {reason} It goes on when somebody resumes it.")
            self.message_user(request, text.format(reason=reason), messages.WARNING)
        for troubled in integration.gate.trouble.values():
            if troubled.is_on and not reason:
                text = gettext("In trouble: {how}")
                text = text.format(how=story.failing(troubled))
                self.message_user(request, text, messages.WARNING)
        for facts in pressure.of_platform(integration.platform_id):
            self.message_user(request, pressure.told(facts)["text"], messages.WARNING)
        if keeper := integration.keeper:
            text = format_html(
                gettext("{keeper} keeps it as it is: change it there."), keeper=_page(keeper)
            )
            self.message_user(request, text, messages.INFO)

    def _glance(self, request: HttpRequest, integration: Integration) -> dict[str, Any]:
        """How it goes, for the top of its page, and where to look and what to do about it."""
        (shown,) = definition.shown([integration])
        day = glance.of([integration])[integration.pk]
        handle = "pause" if integration.enabled else "resume"
        gate = integration.gate
        suspended = integration.enabled and bool(gate.pause_reason)
        troubled = any(each.is_on for each in gate.trouble.values())
        again = _("Resume") if suspended else _("Try now") if troubled else ""
        told = {
            **shown_day(day, shown["health"]),
            "health": shown["health"],
            "label": health_label(shown),
            "handle": handle if self.offers(request, getattr(self, handle)) else "",
            "again": again if integration.enabled and self.offers(request, self.resume) else "",
            "lists": [
                (name, list_of(model, integration__id__exact=integration.pk))
                for name, model, takes in LISTS
                if allowed(request, takes)
            ],
        }
        return {"glance": told}

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
                text = _(
                    "{step} leads to another place now, so its stored {secret} was forgotten: it "
                    "goes without until you type one."
                ).format(step=each.instance, secret=name)
                self.message_user(request, text, messages.WARNING)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Deleting is soft: nothing goes with it, whatever points at it."""
        if not self.has_delete_permission(request):
            return [], {}, {self.opts.verbose_name}, []
        text = _("{name}: what waits in its queue is cancelled, its history can still be read")
        told = [text.format(name=each) for each in objs]
        kept = [f"{each}. {each.kept_by}" for each in objs if each.keeper]
        return told, {self.opts.verbose_name_plural: len(told)}, set(), kept

    def delete_model(self, request: HttpRequest, obj: Integration) -> None:
        obj.retire()

    def delete_queryset(self, request: HttpRequest, queryset: IntegrationQuerySet) -> None:
        with transaction.atomic():
            for integration in queryset:
                integration.retire()

    @act("generate:integration:credentials", _("Credentials"), icon="key")
    def credentials(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The credentials there are; POST makes a new one and shows its secrets this once."""
        return never_cache(self._credentials)(request, object_id)

    def _credentials(self, request: HttpRequest, object_id: str) -> HttpResponse:
        integration = self.found(request, object_id)
        if "revoke" in request.POST:
            if revoked := credential.revoke(request, integration):
                text = _("Revoked: {what} is refused from now on.").format(what=revoked)
                self.message_user(request, text, messages.SUCCESS)
            # With a place of its own: else a browser goes back to where the form was.
            return HttpResponseRedirect(f"{request.path}#content")
        form = credential.CredentialForm(
            request.POST if request.method == "POST" else None,
            initial=credential.again(request, integration),
        )
        shown = None
        if form.is_valid():
            shown = form.generate(integration)
        return self.page(
            request,
            "admin/integrations/credentials.html",
            _("Credentials of {name}").format(name=integration),
            integration,
            cut_short=shown.pop("cut_short") if shown else "",
            shown=shown,
            form=form,
            rows=credential.rows(integration),
            may_revoke=allowed(request, "delete:integration:credential"),
        )


def _page(keeper: Any) -> str:
    """The record that keeps an integration, as a link if it has a page."""
    name = f"{capfirst(keeper._meta.verbose_name)} {keeper}"
    return link_to(keeper, name) if admin.site.is_registered(type(keeper)) else name
