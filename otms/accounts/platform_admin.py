"""The admin shows one platform, that of the person who looks: all admins of ours build on this."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.models import LogEntry
from django.db import models
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
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from otms.accounts.asking import Asking, allowed, is_owned
from otms.accounts.platform_forms import (
    ExactDecimalField,
    JsonWidget,
    PlatformForm,
    RecordForm,
)
from otms.accounts.trail_admin import TrailAdmin
from otms.accounts.zone import moment
from otms.api import intake
from otms.api.errors import Full
from otms.db.fields import DocumentField


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


class PlatformAdmin(OwnPlatform, TrailAdmin):
    """The pages of a kind of record; what is another platform's is not found."""

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
        about["crumb"] = self._called(request) or title
        return TemplateResponse(request, template, {**frame, **about, **shown})

    def _called(self, request: HttpRequest) -> str | Promise:
        """What the action is called that this page is of; nothing for what is none."""
        address = request.resolver_match.url_name if request.resolver_match else None
        name = (address or "").removeprefix(f"{self.opts.app_label}_{self.opts.model_name}_")
        return getattr(getattr(self, name, None), "short_description", "")

    def beside(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """What the page of a record shows beside its fields, for its template."""
        return {}

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, obj: Any = None, **kwargs: Any
    ) -> Any:
        if obj is not None:
            context |= self.beside(request, obj)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    # What may be done: by the noun, and by what each action asks for.

    def acts(self) -> dict[str, str]:
        """Every action of ours, and the permission that it takes; none: nobody may."""
        lists = (self.actions, self.actions_list, self.actions_row, self.acts_on_one)
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
