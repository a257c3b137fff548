"""The admin shows one platform, that of the person who looks: all admins of ours build on this."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin import FieldListFilter, RelatedFieldListFilter, ShowFacets
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, models, transaction
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.timezone import localtime
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, StackedInline, TabularInline
from unfold.decorators import display
from unfold.paginator import InfinitePaginator
from unfold.views import ChangeList

from otms.accounts import actor, audit
from otms.accounts.asking import Asking, allowed, is_owned
from otms.accounts.platform_forms import (
    ExactDecimalField,
    JsonWidget,
    PlatformForm,
    PlatformFormSet,
    RecordForm,
)
from otms.api import intake
from otms.api.errors import Full
from otms.db import names
from otms.db.fields import DocumentField

NEWEST = 100  # entries that a History shows


def moment(at: datetime | None) -> str:
    """A point in time, to the second: what happened first matters here."""
    if at is None:
        return "-"
    text = f"{localtime(at):%Y-%m-%d %H:%M:%S}"
    return format_html('<span class="whitespace-nowrap">{}</span>', text)


class RowsOfList(ChangeList):
    """A page of a list, read here: what the database can't take is a fault of the address."""

    def get_results(self, request: HttpRequest) -> None:
        narrowed = self.filter_params or self.query
        try:
            super().get_results(request)
            len(self.result_list)
        except (ValueError, OverflowError, DatabaseError) as error:
            if not narrowed:
                raise
            raise IncorrectLookupParameters(error) from error
        # Else the page offers to show all of what it shows, or tells how many nobody counted.
        if not narrowed or isinstance(self.paginator, InfinitePaginator):
            self.full_result_count = self.result_count


class ListedAdmin(ModelAdmin):
    """Pages whose list has an answer to whatever it is asked."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return RowsOfList

    def response_action(self, request: HttpRequest, queryset: Any) -> Any:
        """An id that no record can have is not found, as others that are not there."""
        try:
            with transaction.atomic():
                queryset.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME)).exists()
        except (ValueError, OverflowError, ValidationError, DatabaseError):
            raise Http404 from None
        return super().response_action(request, queryset)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        if names.is_none(search_term):
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)


class OwnPlatform(Asking):
    """What a page and a part of a page have in common: rows and choices of one platform."""

    form: type[PlatformForm] = PlatformForm
    formfield_overrides: dict[Any, Any] = {
        DocumentField: {"widget": JsonWidget},
        models.DecimalField: {"form_class": ExactDecimalField},
    }

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(platform=request.user.platform)  # type: ignore[misc, union-attr]

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> Any:
        """The choices of a relation, whether a select or an autocomplete shows them."""
        queryset: Any = super().get_field_queryset(db, db_field, request)  # type: ignore[misc]
        if not is_owned(db_field.remote_field.model):
            return queryset
        every = db_field.remote_field.model._default_manager.using(db)
        choices: Any = every if queryset is None else queryset
        return choices.filter(platform=request.user.platform)  # type: ignore[union-attr]


class PlatformAdmin(OwnPlatform, ListedAdmin):
    """The pages of a kind of record; what is another platform's is not found.

    What is done on them is in the audit trail, and History reads it there. Django's own log of the
    admin is not written: it would be a second one, that knows less.
    """

    # Do the verbs that save these records write the trail themselves?
    keeps_trail = False
    none_yet: str | Promise = ""  # of an empty list: what would be in it
    # What kind of record a save makes longer queues with: refused while there is no room for it.
    takes_in = ""
    form: type[PlatformForm] = RecordForm
    acts_on_one: tuple[str, ...] = ()  # actions of the list that a record's page has a button for
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50

    # Pages of our own, beside those that Django makes.

    def found(self, request: HttpRequest, object_id: str) -> Any:
        """The record that such a page is about; 404 where this platform has none."""
        record = self.get_object(request, object_id)
        if record is None:
            raise Http404
        return record

    def page(
        self, request: HttpRequest, template: str, title: str, original: Any = None, **shown: Any
    ) -> TemplateResponse:
        """What this template makes of what is shown, in the frame that all pages have."""
        frame = self.admin_site.each_context(request)
        about = {"opts": self.opts, "original": original, "title": title}
        return TemplateResponse(request, template, {**frame, **about, **shown})

    # What may be done: by the noun, and by what each action asks for.

    def acts(self) -> dict[str, str]:
        """Every action of ours, and the permission that it takes; none: nobody may."""
        lists = (self.actions, self.actions_list, self.actions_row)
        own = [
            each
            for kind in (*lists, self.actions_detail, self.actions_submit_line)
            for each in kind
        ]
        return {name: getattr(getattr(self, name), "asks", "") for name in own}

    def permissions(self) -> set[str]:
        return super().permissions() | {each for each in self.acts().values() if each}

    def get_urls(self) -> list[Any]:
        label = f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path(
                f"<str:pk>/{verb}/",
                self.admin_site.admin_view(self._one(verb)),
                name=f"{label}_{verb}",
            )
            for verb in self.acts_on_one
        ] + super().get_urls()

    def _one(self, verb: str) -> Callable[..., HttpResponse]:
        """The action on one record: its page's button."""

        def act(request: HttpRequest, pk: str) -> HttpResponse:
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            record = self.get_object(request, pk)
            if record is None:
                raise Http404
            chosen = self.get_queryset(request).filter(pk=record.pk)
            shown: HttpResponse | None = getattr(self, verb)(request, chosen)
            page = reverse(
                f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[record.pk]
            )
            return shown or HttpResponseRedirect(page)

        return act

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        found = super().get_actions(request)
        return {
            name: each
            for name, each in found.items()
            if name == "delete_selected" or self.offers(request, each[0])
        }

    def _filter_unfold_actions_by_permissions(
        self, request: HttpRequest, actions: Any, object_id: Any = None
    ) -> Any:
        found = super()._filter_unfold_actions_by_permissions(request, actions, object_id)
        return [each for each in found if self.offers(request, each.method)]

    def offers(self, request: Any, method: Any) -> bool:
        return hasattr(method, "asks") and (method.own or allowed(request, method.asks))

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """A list is narrowed by its filters: by another column one could guess what it hides."""
        filters = self.get_list_filter(request)
        names = [getattr(each, "parameter_name", each) for each in filters]
        named = any(lookup == name or lookup.startswith(f"{name}__") for name in names)
        return named and super().lookup_allowed(lookup, value, request)

    def _get_obj_does_not_exist_redirect(self, *args: Any) -> HttpResponse:
        raise Http404

    def get_paginator(self, request: HttpRequest, queryset: Any, *args: Any, **kwargs: Any) -> Any:
        # A history: the id of a record that is gone may have been given to one of another platform.
        if queryset.model is LogEntry:
            queryset = queryset.filter(user__platform=request.user.platform)  # type: ignore[union-attr]
        return super().get_paginator(request, queryset, *args, **kwargs)

    @display(description=_("Created"), ordering="created_at")
    def created(self, record: Any) -> str:
        return moment(record.created_at)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        (name, options), *others = super().get_fieldsets(request, obj)
        fields = [each for each in options["fields"] if each != "as_read"]
        if obj is not None and self.has_change_permission(request, obj):
            fields += ["as_read"] if issubclass(self.form, RecordForm) else []
        return [(name, {**options, "fields": fields}), *others]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        form.platform = request.user.platform  # type: ignore[union-attr]
        if self.takes_in:
            form.refusal = partial(self._refusal, request)
        return form

    def _refusal(self, request: HttpRequest) -> Full | None:
        """Why nothing of this kind may be saved or deleted now."""
        return intake.refusal(request.user, self.takes_in) if self.takes_in else None

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST" and (refused := self._refusal(request)):
            return self._not_deleted(request, refused)
        return super().delete_view(request, *args, **kwargs)

    def response_action(self, request: HttpRequest, queryset: Any) -> Any:
        deletes = request.POST.get("action") == "delete_selected"
        if deletes and (refused := self._refusal(request)):
            return self._not_deleted(request, refused)
        return super().response_action(request, queryset)

    def _not_deleted(self, request: HttpRequest, refused: Full) -> HttpResponse:
        text = gettext("Not deleted. {why}").format(why=refused.detail)
        self.message_user(request, text, messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.platform = request.user.platform  # type: ignore[union-attr]
        super().save_model(request, obj, form, change)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        self._write_down("create", obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        self._write_down("update", obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        for record in queryset:
            self._write_down("delete", record, "")

    def _write_down(self, verb: str, record: Any, message: Any) -> None:
        """Which fields: what stood in them, the queue has, and a person may want it erased."""
        if not self.keeps_trail:
            note = _fields(message) if verb == "update" and message else ""
            audit.record(f"{verb}:{audit.kind(type(record))}", record, note=note)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What the audit trail says of one record."""
        record = self.get_object(request, unquote(object_id))
        if record is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_or_change_permission(request, record):
            raise PermissionDenied
        trail = audit.AuditEntry.objects.of(request.user.platform)  # type: ignore[union-attr]
        found = list(trail.about(record)[: NEWEST + 1])
        everything = reverse("admin:accounts_auditentry_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("History of {record}").format(record=record),
            "subtitle": None,
            "opts": self.opts,
            "original": record,
            "entries": [
                {
                    "at": moment(each.created_at),
                    "who": who(each),
                    "means": each.means if each.actor_kind == actor.PERSON else "",
                    "action": each.action,
                    "note": each.note,
                    "rows": audit.rows(each.changes),
                }
                for each in found[:NEWEST]
            ],
            "more": f"{everything}?q={found[0].entity_id}" if len(found) > NEWEST else "",
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/history.html", context)


def _fields(message: Any) -> str:
    """Which fields were changed, in words, without what the parts of the record are called."""
    for each in message if isinstance(message, list) else []:
        for part in each.values():
            if "object" in part:
                part["object"] = ""
    # Whoever reads it may read another language than who made it.
    with override("en"):
        text = LogEntry(change_message=json.dumps(message)).get_change_message()
    return text.replace(" “”", "")


def who(entry: audit.AuditEntry) -> str:
    """Who it was, in words."""
    match entry.actor_kind:
        case actor.PERSON:
            return str(entry.actor_name)
        case actor.COMMAND:
            if entry.means:
                text = gettext("the command {name} by {person}")
                return text.format(name=entry.actor_name, person=entry.means)
            return gettext("the command {name}").format(name=entry.actor_name)
        case actor.SYSTEM:
            return gettext("the system")
        case actor.NOBODY:
            return gettext("somebody not logged in")
        case actor.APP:
            return gettext("the app {name}").format(name=entry.actor_name)
    return gettext("the integration {name}").format(name=entry.actor_name)


class FactAdmin(PlatformAdmin):
    """Pages of what happened: to be read, never to be changed; newest first, no other order."""

    form = PlatformForm
    verbs = {"view": "get"}
    paginator = InfinitePaginator
    list_disable_select_all = True  # the rows are not counted
    sortable_by = ()
    # Of a page that shows what was sent or came in: what the audit trail calls a look at it.
    a_look_is = ""
    change_form_template = "admin/fact.html"

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, obj: Any = None, **kwargs: Any
    ) -> Any:
        if self.a_look_is and obj is not None:
            audit.looked(self.a_look_is, obj)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        # Without it the breadcrumbs end at the list: a sentence of a log is no name.
        context = {"original": "", "subtitle": None, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)


class PlatformInline(OwnPlatform):
    """The parts of a record, below it on its page: who changes it, changes them."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "change" if obj else "add")

    has_change_permission = has_delete_permission = has_add_permission

    formset = PlatformFormSet
    extra = 0

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)  # type: ignore[misc]
        formset.platform = formset.form.platform = request.user.platform  # type: ignore[union-attr]
        return formset


class PlatformStackedInline(PlatformInline, StackedInline):
    """One part below the other."""


class PlatformTabularInline(PlatformInline, TabularInline):
    """One part in each line of a table."""


class OwnChoicesFilter(RelatedFieldListFilter):
    """`list_filter` by a relation: the choices are the own platform's."""

    def has_output(self) -> bool:
        return True  # Django drops a filter with a single choice, and what was asked with it

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        return field.get_choices(
            include_blank=False,
            ordering=self.field_admin_ordering(field, request, model_admin),
            limit_choices_to={"platform": request.user.platform},  # type: ignore[union-attr]
        )


FieldListFilter.register(
    lambda field: isinstance(field.related_model, type) and is_owned(field.related_model),
    OwnChoicesFilter,
    take_priority=True,
)
