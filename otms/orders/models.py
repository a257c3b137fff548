"""Business, TransportOrder, Consignment, Goods, Event: the vendor's fields and statuses.

Field names and statuses are Transportial's (docs.transportial.com: core concepts, transport order,
consignment, events); the goods are Open Trip Model 5. Statuses are lower snake_case on the wire.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from otms.accounts.tenancy import Record
from otms.db.fields import DocumentField

# Of an order, of a consignment, of an order: a save reads and writes all of them.
MOST_CONSIGNMENTS = 1000
MOST_GOODS = 1000
MOST_GOODS_IN_ALL = 5000


class OrderStatus(models.TextChoices):
    CONCEPT = "concept", _("Concept")
    REQUESTED = "requested", _("Requested")
    ACCEPTED = "accepted", _("Accepted")
    CALCULATED_TRIP = "calculated_trip", _("Calculated Trip")
    PARTIALLY_PLANNED = "partially_planned", _("Partially Planned")
    PLANNED = "planned", _("Planned")
    ACTUAL = "actual", _("Actual")
    REALIZED = "realized", _("Realized")
    CANCELLED = "cancelled", _("Cancelled")
    DECLINED = "declined", _("Declined")


class ConsignmentStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    REQUESTED = "requested", _("Requested")
    CONFIRMED = "confirmed", _("Confirmed")
    IN_TRANSIT = "in_transit", _("In Transit")
    COMPLETED = "completed", _("Completed")
    CANCELLED = "cancelled", _("Cancelled")
    PARTIALLY_PLANNED = "partially_planned", _("Partially Planned")
    PLANNED = "planned", _("Planned")
    PARTIALLY_COMPLETED = "partially_completed", _("Partially Completed")
    PARTIALLY_IN_TRANSIT = "partially_in_transit", _("Partially In Transit")
    CONCEPT = "concept", _("Concept")


class GoodsType(models.TextChoices):
    ITEMS = "items", _("Items")
    TRANSPORT_EQUIPMENT = "transportEquipment", _("transport equipment")


class EventType(models.TextChoices):
    ARRIVAL = "ArrivalEvent", _("arrival")
    DEPARTURE = "DepartureEvent", _("departure")
    GATE_IN = "GateInEvent", _("gate in")
    GATE_OUT = "GateOutEvent", _("gate out")
    START_MOVING = "StartMovingEvent", _("start moving")
    STOP_MOVING = "StopMovingEvent", _("stop moving")
    SENSOR_UPDATE = "SensorUpdateEvent", _("sensor update")
    CAPACITY_CHANGE = "CapacityChangeEvent", _("capacity change")
    START_ENGINE = "StartEngineEvent", _("start engine")
    STOP_ENGINE = "StopEngineEvent", _("stop engine")
    GENERAL = "GeneralEvent", _("general")


class LifeCycle(models.TextChoices):
    REQUESTED = "requested", _("Requested")
    PLANNED = "planned", _("Planned")
    PROJECTED = "projected", _("Projected")
    ACTUAL = "actual", _("Actual")
    REALIZED = "realized", _("Realized")


def _text(called: Any = None, length: int = 255, **options: Any) -> Any:
    return models.CharField(called, max_length=length, blank=True, **options)


def _document(called: Any = None) -> Any:
    return DocumentField(called, null=True, blank=True)


class Written(Record):
    """A record that people write down with what is said of others in it."""

    class Meta:
        abstract = True

    @property
    def audit_name(self) -> str:
        """No text of it, which may be a person's name: what is in the audit trail stays there."""
        return str(self.pk)[:8]


class Business(Written):
    """A company: customer, shipper, carrier."""

    name = models.CharField(_("name"), max_length=255)
    alias = _text(_("alias"))
    description = models.TextField(_("description"), blank=True)
    relation_type = _text(_("relation type"), 60)
    coc = _text(_("chamber of commerce number"), 60)
    vat = _text(_("VAT number"), 60)
    eori = _text(_("EORI number"), 60)
    scac_code = _text(_("SCAC code"), 20)
    transport_license_number = _text(_("transport license number"), 60)
    industry = _text(_("industry"), 120)
    website = _text(_("website"), 500)
    verified = models.BooleanField(_("verified"), default=False)
    contact_details = _document(_("contact details"))
    documents = _document(_("documents"))
    logo = _document(_("logo"))
    banners = _document(_("banners"))
    # PROTECT: to be part of nothing any more is a change, and is made by somebody.
    part_of = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="parts",
        verbose_name=_("part of"),
    )
    external_attributes = _document(_("external attributes"))

    class Meta:
        verbose_name = _("business")
        verbose_name_plural = _("businesses")
        indexes = [
            models.Index(fields=["platform", "-created_at", "id"], name="business_newest"),
            models.Index(fields=["platform", "name"], name="business_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.part_of_id == self.pk:
            raise ValidationError({"part_of": gettext("A business is no part of itself.")})


class TransportOrder(Written):
    """An order to transport goods for a customer; it owns its consignments and their goods."""

    order_id = _text(_("order id"))
    name = _text(_("name"))
    type = _text(_("type"), 60, default="standard")
    status = models.CharField(
        _("status"), max_length=30, choices=OrderStatus.choices, default=OrderStatus.REQUESTED
    )
    description = models.TextField(_("description"), blank=True)
    reference_description = _text(_("reference description"), 500)
    customer = models.ForeignKey(
        Business,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="transport_orders",
        verbose_name=_("customer"),
    )
    external_attributes = _document(_("external attributes"))

    class Meta:
        verbose_name = _("transport order")
        verbose_name_plural = _("transport orders")
        indexes = [
            models.Index(fields=["platform", "-created_at", "id"], name="order_newest"),
            models.Index(fields=["platform", "status", "-created_at"], name="order_by_status"),
            models.Index(fields=["platform", "-updated_at"], name="order_by_update"),
            models.Index(fields=["platform", "name"], name="order_by_name"),
            models.Index(fields=["platform", "order_id"], name="order_by_order_id"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """What people call the order: its name, else its number, else the start of its id."""
        return self.name or self.order_id or str(self.pk)[:8]


class Consignment(Written):
    """A part of a transport order, from one sender to one addressee."""

    transport_order = models.ForeignKey(TransportOrder, models.CASCADE, related_name="consignments")
    position = models.PositiveIntegerField(default=0, editable=False)
    name = _text(_("name"))
    consignment_nr = _text(_("consignment number"))
    description = models.TextField(_("description"), blank=True)
    status = models.CharField(
        _("status"),
        max_length=30,
        choices=ConsignmentStatus.choices,
        default=ConsignmentStatus.REQUESTED,
    )
    high_value_goods = models.BooleanField(_("high value goods"), default=False)
    team = _document(_("team"))
    combined = _document(_("combined"))
    consignment = _document(_("consignment"))
    original_physical_sender = _document(_("original physical sender"))
    original_legal_sender = _document(_("original legal sender"))
    original_physical_addressee = _document(_("original physical addressee"))
    original_legal_addressee = _document(_("original legal addressee"))
    current_location = _document(_("current location"))
    external_attributes = _document(_("external attributes"))

    class Meta:
        ordering = ["position", "created_at", "id"]
        verbose_name = _("consignment")
        verbose_name_plural = _("consignments")

    def __str__(self) -> str:
        place = gettext("consignment {number}").format(number=self.position + 1)
        return self.name or self.consignment_nr or place


class Goods(Written):
    """What is carried: items, or equipment that holds them."""

    consignment = models.ForeignKey(Consignment, models.CASCADE, related_name="goods")
    position = models.PositiveIntegerField(default=0, editable=False)
    type = models.CharField(
        _("type"), max_length=30, choices=GoodsType.choices, default=GoodsType.ITEMS
    )
    name = _text()
    description = models.TextField(_("description"), blank=True)
    quantity = models.DecimalField(
        _("quantity"), max_digits=18, decimal_places=6, null=True, blank=True
    )
    weight = _document(_("weight"))
    gross_weight = _document()
    width = _document()
    height = _document()
    length = _document()
    load_meters = models.DecimalField(
        _("load meters"), max_digits=18, decimal_places=6, null=True, blank=True
    )
    bar_code = _text()
    product_type = _text()
    packaging_material = _text(_("packaging material"))
    equipment_type = _text(length=60)
    equipment_sub_type = _text(length=60)
    license_plate = _text(length=30)
    adr = _document()
    external_attributes = _document()

    class Meta:
        ordering = ["position", "created_at", "id"]
        verbose_name = _("goods line")
        verbose_name_plural = _("goods")

    def __str__(self) -> str:
        place = gettext("goods {number}").format(number=self.position + 1)
        return self.description or self.name or place


class Event(Written):
    """What happened on the way, or shall: an arrival, a stop, a measurement.

    It is a fact: it keeps naming its transport order when that is deleted.
    """

    type = models.CharField(_("type"), max_length=30, choices=EventType.choices)
    date_time = models.DateTimeField(_("date and time"))
    life_cycle = models.CharField(
        _("life cycle"), max_length=10, choices=LifeCycle.choices, default=LifeCycle.ACTUAL
    )
    name = _text(_("name"))
    description = models.TextField(_("description"), blank=True)
    location = _document(_("location"))
    transport_order = models.ForeignKey(
        TransportOrder,
        models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        related_name="events",
        verbose_name=_("transport order"),
    )
    external_attributes = _document(_("external attributes"))

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["platform", "-created_at", "id"], name="event_newest"),
            models.Index(fields=["platform", "type", "-created_at"], name="event_by_type"),
            models.Index(fields=["platform", "date_time"], name="event_by_time"),
            models.Index(fields=["platform", "name"], name="event_by_name"),
        ]

    def __str__(self) -> str:
        if self.name:
            return self.name
        return gettext("{event} at {time}").format(
            event=capfirst(self.get_type_display()), time=f"{self.date_time:%Y-%m-%d %H:%M}"
        )
