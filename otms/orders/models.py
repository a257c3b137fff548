"""Business, TransportOrder, Consignment, Goods, Event: the vendor's fields and statuses.

Field names and statuses are Transportial's (docs.transportial.com: core concepts, transport order,
consignment, events); the goods are Open Trip Model 5. Statuses are lower snake_case on the wire.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from otms.accounts.tenancy import Record
from otms.db.fields import DocumentField

# Of an order, of a consignment, of an order: a save reads and writes all of them.
MOST_CONSIGNMENTS = 1000
MOST_GOODS = 1000
MOST_GOODS_IN_ALL = 5000


class OrderStatus(models.TextChoices):
    CONCEPT = "concept"
    REQUESTED = "requested"
    ACCEPTED = "accepted"
    CALCULATED_TRIP = "calculated_trip"
    PARTIALLY_PLANNED = "partially_planned"
    PLANNED = "planned"
    ACTUAL = "actual"
    REALIZED = "realized"
    CANCELLED = "cancelled"
    DECLINED = "declined"


class ConsignmentStatus(models.TextChoices):
    DRAFT = "draft"
    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    IN_TRANSIT = "in_transit"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    PARTIALLY_PLANNED = "partially_planned"
    PLANNED = "planned"
    PARTIALLY_COMPLETED = "partially_completed"
    PARTIALLY_IN_TRANSIT = "partially_in_transit"
    CONCEPT = "concept"


class GoodsType(models.TextChoices):
    ITEMS = "items"
    TRANSPORT_EQUIPMENT = "transportEquipment", "transport equipment"


class EventType(models.TextChoices):
    ARRIVAL = "ArrivalEvent", "arrival"
    DEPARTURE = "DepartureEvent", "departure"
    GATE_IN = "GateInEvent", "gate in"
    GATE_OUT = "GateOutEvent", "gate out"
    START_MOVING = "StartMovingEvent", "start moving"
    STOP_MOVING = "StopMovingEvent", "stop moving"
    SENSOR_UPDATE = "SensorUpdateEvent", "sensor update"
    CAPACITY_CHANGE = "CapacityChangeEvent", "capacity change"
    START_ENGINE = "StartEngineEvent", "start engine"
    STOP_ENGINE = "StopEngineEvent", "stop engine"
    GENERAL = "GeneralEvent", "general"


class LifeCycle(models.TextChoices):
    REQUESTED = "requested"
    PLANNED = "planned"
    PROJECTED = "projected"
    ACTUAL = "actual"
    REALIZED = "realized"


def _text(length: int = 255, **options: Any) -> Any:
    return models.CharField(max_length=length, blank=True, **options)


def _document() -> Any:
    return DocumentField(null=True, blank=True)


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

    name = models.CharField(max_length=255)
    alias = _text()
    description = models.TextField(blank=True)
    relation_type = _text(60)
    coc = _text(60, verbose_name="chamber of commerce number")
    vat = _text(60, verbose_name="VAT number")
    eori = _text(60, verbose_name="EORI number")
    scac_code = _text(20, verbose_name="SCAC code")
    transport_license_number = _text(60)
    industry = _text(120)
    website = _text(500)
    verified = models.BooleanField(default=False)
    contact_details = _document()
    documents = _document()
    logo = _document()
    banners = _document()
    # PROTECT: to be part of nothing any more is a change, and is made by somebody.
    part_of = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="parts")
    external_attributes = _document()

    class Meta:
        verbose_name_plural = "businesses"
        indexes = [
            models.Index(fields=["platform", "-created_at", "id"], name="business_newest"),
            models.Index(fields=["platform", "name"], name="business_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.part_of_id == self.pk:
            raise ValidationError({"part_of": "A business is no part of itself."})


class TransportOrder(Written):
    """An order to transport goods for a customer; it owns its consignments and their goods."""

    order_id = _text()
    name = _text()
    type = _text(60, default="standard")
    status = models.CharField(
        max_length=30, choices=OrderStatus.choices, default=OrderStatus.REQUESTED
    )
    description = models.TextField(blank=True)
    reference_description = _text(500)
    customer = models.ForeignKey(
        Business, models.PROTECT, null=True, blank=True, related_name="transport_orders"
    )
    external_attributes = _document()

    class Meta:
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
    name = _text()
    consignment_nr = _text(verbose_name="consignment number")
    description = models.TextField(blank=True)
    status = models.CharField(
        max_length=30, choices=ConsignmentStatus.choices, default=ConsignmentStatus.REQUESTED
    )
    high_value_goods = models.BooleanField(default=False)
    team = _document()
    combined = _document()
    consignment = _document()
    original_physical_sender = _document()
    original_legal_sender = _document()
    original_physical_addressee = _document()
    original_legal_addressee = _document()
    current_location = _document()
    external_attributes = _document()

    class Meta:
        ordering = ["position", "created_at", "id"]

    def __str__(self) -> str:
        return self.name or self.consignment_nr or f"consignment {self.position + 1}"


class Goods(Written):
    """What is carried: items, or equipment that holds them."""

    consignment = models.ForeignKey(Consignment, models.CASCADE, related_name="goods")
    position = models.PositiveIntegerField(default=0, editable=False)
    type = models.CharField(max_length=30, choices=GoodsType.choices, default=GoodsType.ITEMS)
    name = _text()
    description = models.TextField(blank=True)
    quantity = models.DecimalField(max_digits=18, decimal_places=6, null=True, blank=True)
    weight = _document()
    gross_weight = _document()
    width = _document()
    height = _document()
    length = _document()
    load_meters = models.DecimalField(max_digits=18, decimal_places=6, null=True, blank=True)
    bar_code = _text()
    product_type = _text()
    packaging_material = _text()
    equipment_type = _text(60)
    equipment_sub_type = _text(60)
    license_plate = _text(30)
    adr = _document()
    external_attributes = _document()

    class Meta:
        ordering = ["position", "created_at", "id"]
        verbose_name_plural = "goods"

    def __str__(self) -> str:
        return self.description or self.name or f"goods {self.position + 1}"


class Event(Written):
    """What happened on the way, or shall: an arrival, a stop, a measurement.

    It is a fact: it keeps naming its transport order when that is deleted.
    """

    type = models.CharField(max_length=30, choices=EventType.choices)
    date_time = models.DateTimeField("date and time")
    life_cycle = models.CharField(
        max_length=10, choices=LifeCycle.choices, default=LifeCycle.ACTUAL
    )
    name = _text()
    description = models.TextField(blank=True)
    location = _document()
    transport_order = models.ForeignKey(
        TransportOrder,
        models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        related_name="events",
    )
    external_attributes = _document()

    class Meta:
        indexes = [
            models.Index(fields=["platform", "-created_at", "id"], name="event_newest"),
            models.Index(fields=["platform", "type", "-created_at"], name="event_by_type"),
            models.Index(fields=["platform", "date_time"], name="event_by_time"),
            models.Index(fields=["platform", "name"], name="event_by_name"),
        ]

    def __str__(self) -> str:
        return (
            self.name
            or f"{self.get_type_display().capitalize()} at {self.date_time:%Y-%m-%d %H:%M}"
        )
