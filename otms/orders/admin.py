"""The records of transport: orders with their parts, businesses, and events."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import Q
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from otms.accounts.inlines import PlatformStackedInline, PlatformTabularInline
from otms.accounts.platform_admin import PlatformAdmin
from otms.accounts.platform_forms import JsonWidget, PlatformForm
from otms.accounts.zone import moment
from otms.db import names, newest
from otms.db.fields import DocumentField
from otms.orders.models import (
    Business,
    Consignment,
    Event,
    Goods,
    OrderStatus,
    TransportOrder,
)

STATUS_COLOURS = {
    **dict.fromkeys((OrderStatus.CONCEPT, OrderStatus.REQUESTED), "info"),
    **dict.fromkeys(
        (
            OrderStatus.ACCEPTED,
            OrderStatus.CALCULATED_TRIP,
            OrderStatus.PARTIALLY_PLANNED,
            OrderStatus.PLANNED,
            OrderStatus.ACTUAL,
        ),
        "primary",
    ),
    OrderStatus.REALIZED: "success",
    OrderStatus.CANCELLED: "danger",
    OrderStatus.DECLINED: "danger",
}
SHORT_TEXT: dict[Any, Any] = {models.TextField: {"widget": UnfoldAdminTextareaWidget({"rows": 2})}}


MOST_CALLED_SO = 100


class SearchedInNewest(PlatformAdmin):
    """Parts of what is in `search_fields` are looked for in the newest records; what is whole in
    one of `called` is found in all."""

    called: tuple[str, ...] = ()

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        found, several = super().get_search_results(request, queryset, search_term)
        every = self.get_queryset(request).select_related(None).order_by()
        term = search_term.strip()
        if not term or names.is_none(term) or not (those := newest.among(every)):
            return found, several
        for name in self.called:  # each by its own index
            ids = every.filter(~those, **{name: term}).values_list("pk", flat=True)
            if ids := list(ids[:MOST_CALLED_SO]):
                those |= Q(pk__in=ids)
        return found.filter(those), several


class GoodsInline(PlatformTabularInline):
    """What a consignment carries, in its order."""

    model = Goods
    noun = "transportOrder"
    verbose_name_plural = _("goods")
    fields = ("description", "type", "quantity", "weight", "load_meters", "packaging_material")
    formfield_overrides = {
        **PlatformTabularInline.formfield_overrides,
        **SHORT_TEXT,
        DocumentField: {
            "widget": JsonWidget({"rows": 2, "placeholder": '{"value": 1, "unit": "kg"}'})
        },
    }
    hide_title = True

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 1 if obj is None or obj._state.adding else 0


class ConsignmentForm(PlatformForm):
    def has_changed(self) -> bool:
        """Goods make a consignment even if nothing else of it is filled in."""
        goods = [nested.formset for nested in getattr(self, "nested_formsets", ())]
        return super().has_changed() or any(formset.has_changed() for formset in goods)


class ConsignmentInline(PlatformStackedInline):
    """The parts of an order, each with its goods."""

    model = Consignment
    noun = "transportOrder"
    form = ConsignmentForm
    inlines = (GoodsInline,)
    formfield_overrides = {**PlatformStackedInline.formfield_overrides, **SHORT_TEXT}
    fieldsets = (
        (
            None,
            {"fields": (("name", "consignment_nr"), ("status", "high_value_goods"), "description")},
        ),
        (
            _("Parties, place and references (JSON)"),
            {
                "classes": ("collapse",),
                "fields": (
                    "original_physical_sender",
                    "original_physical_addressee",
                    "original_legal_sender",
                    "original_legal_addressee",
                    "current_location",
                    "team",
                    "combined",
                    "consignment",
                    "external_attributes",
                ),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("goods")

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else 1


@admin.register(TransportOrder)
class TransportOrderAdmin(SearchedInNewest):
    """An order with its consignments and their goods: one page, one save, one change."""

    none_yet = _("Orders come in over the API, from files and mails, or are added here.")
    noun = takes_in = "transportOrder"
    list_display = ("reference", "order_id", "customer", "status_label", "type", "created")
    list_select_related = ("customer",)
    list_filter = ("status", "created_at")
    search_fields = ("name", "order_id", "customer__name")
    called = ("name", "order_id")
    search_help_text = format_lazy(
        _("Name or order number; parts of them, or of a customer, in the newest {n} orders"),
        n=f"{newest.LOOKED_THROUGH:,}",
    )
    ordering = ("-created_at", "id")
    autocomplete_fields = ("customer",)
    inlines = (ConsignmentInline,)
    formfield_overrides = {**PlatformAdmin.formfield_overrides, **SHORT_TEXT}
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "order_id"),
                    ("status", "type"),
                    "customer",
                    "description",
                    "reference_description",
                )
            },
        ),
        (
            _("External attributes (JSON)"),
            {"classes": ("collapse",), "fields": ("external_attributes",)},
        ),
    )
    warn_unsaved_form = True

    @display(description=_("Reference"), ordering="name")
    def reference(self, order: TransportOrder) -> str:
        return order.reference

    @display(description=_("Status"), ordering="status", label=STATUS_COLOURS)
    def status_label(self, order: TransportOrder) -> Any:
        return order.status, order.get_status_display()


@admin.register(Business)
class BusinessAdmin(PlatformAdmin):
    """Companies: customers, shippers, carriers."""

    none_yet = _("Customers, shippers and other companies that orders are about would be here.")
    noun = takes_in = "business"
    list_display = ("name", "alias", "relation_type", "coc", "verified", "created")
    list_filter = ("verified", "created_at")
    search_fields = ("name", "alias", "coc", "vat")
    ordering = ("name", "id")
    autocomplete_fields = ("part_of",)
    formfield_overrides = {**PlatformAdmin.formfield_overrides, **SHORT_TEXT}
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "alias"),
                    ("relation_type", "industry"),
                    "part_of",
                    "description",
                    "website",
                    "verified",
                )
            },
        ),
        (
            _("Registrations"),
            {"fields": (("coc", "vat"), ("eori", "scac_code"), "transport_license_number")},
        ),
        (
            _("Contact details, documents and attributes (JSON)"),
            {
                "classes": ("collapse",),
                "fields": (
                    "contact_details",
                    "documents",
                    "logo",
                    "banners",
                    "external_attributes",
                ),
            },
        ),
    )


@admin.register(Event)
class EventAdmin(SearchedInNewest):
    """What happened on the way."""

    none_yet = _("What was reported about orders on their way would be here.")
    noun = takes_in = "event"
    list_display = ("__str__", "type", "happened", "life_cycle", "order", "created")
    list_select_related = ("transport_order",)
    list_filter = ("type", "life_cycle", "date_time")
    search_fields = ("name", "transport_order__name", "transport_order__order_id")
    called = ("name", "transport_order__name", "transport_order__order_id")
    search_help_text = format_lazy(
        _("Name, or its order's name or number; parts of them in the newest {n} events"),
        n=f"{newest.LOOKED_THROUGH:,}",
    )
    ordering = ("-created_at", "id")
    autocomplete_fields = ("transport_order",)
    formfield_overrides = {**PlatformAdmin.formfield_overrides, **SHORT_TEXT}
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("type", "life_cycle"),
                    "date_time",
                    "transport_order",
                    "name",
                    "description",
                )
            },
        ),
        (
            _("Location and external attributes (JSON)"),
            {"classes": ("collapse",), "fields": ("location", "external_attributes")},
        ),
    )

    @display(description=_("Happened"), ordering="date_time")
    def happened(self, event: Event) -> str:
        return moment(event.date_time)

    @display(description=_("Transport order"))
    def order(self, event: Event) -> str:
        if event.transport_order_id is None:
            return "-"
        # An order may be deleted; the event keeps its id.
        deleted = gettext("{id} (deleted)").format(id=str(event.transport_order_id)[:8])
        return str(event.transport_order or deleted)
