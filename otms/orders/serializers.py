"""What callers send: vendor entities, read leniently (unknown keys become warnings)."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from otms.api.serializers import (
    DocumentValue,
    IdField,
    NonceField,
    ObjectValue,
    WireSerializer,
    associated,
)
from otms.documents import DocumentError, loads
from otms.orders import models


class RecordSerializer(WireSerializer):
    """The fields that every record has; only `id` may be chosen by the client, and only once."""

    lenient = True
    examples = {
        "createdAt": "2026-03-20T10:30:00Z",
        "updatedAt": "2026-03-20T11:00:00Z",
        "externalAttributes": {"erp": {"id": "SO-1001"}},
    }
    earlier = {"updatedAt": "2026-03-20T10:30:00Z"}

    id = IdField(required=False)
    nonce = NonceField()
    uuid = serializers.UUIDField(read_only=True)
    primary_platform_id = serializers.UUIDField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(
        read_only=True, help_text="Sent with an update, it must be the stored one (else 409)."
    )
    external_attributes = ObjectValue(required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> Any:
        # An answer has its id under both names; some clients keep the other one.
        if isinstance(data, dict) and "uuid" in data and data.get("id") is None:
            data = {**data, "id": data["uuid"]}
        return super().to_internal_value(data)


def _text(length: int = 255, **options: Any) -> serializers.CharField:
    """A name or a code; blanks around it are taken off, or a search would not find it."""
    return serializers.CharField(required=False, allow_blank=True, max_length=length, **options)


def _free_text(length: int = 10_000) -> serializers.CharField:
    """What a person wrote, kept as it is."""
    return _text(length, trim_whitespace=False)


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "value": {"type": ["number", "string", "null"]},
            "unit": {"type": ["string", "null"]},
        },
    }
)
class MeasureValue(ObjectValue):
    """`{"value": 12.5, "unit": "kg"}`; the value is a number or numeric text."""

    form = '{"value": 12, "unit": "kg"}'

    def to_internal_value(self, data: Any) -> Any:
        measure = super().to_internal_value(data)
        if not isinstance(measure.get("unit"), str | None):
            error = ErrorDetail('Write a unit as text, such as "kg".', "invalid")
            raise serializers.ValidationError({"unit": [error]})
        if (value := measure.get("value")) is None:
            return measure
        if isinstance(value, str):
            try:
                value = loads(value.strip())
            except DocumentError:
                value = None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            error = ErrorDetail("Write a number, such as 12.5.", "invalid")
            raise serializers.ValidationError({"value": [error]})
        if value < 0:
            error = ErrorDetail("Write 0 or more.", "min_value")
            raise serializers.ValidationError({"value": [error]})
        return {**measure, "value": value}


def _document(field: type[DocumentValue] = ObjectValue) -> DocumentValue:
    return field(required=False, allow_null=True)


def _number() -> serializers.DecimalField:
    return serializers.DecimalField(18, 6, min_value=0, required=False, allow_null=True)


class ContactDetail(WireSerializer):
    lenient = True
    form = '{"type": "email", "value": "a@b.example"}'
    examples = {"type": "email", "value": "ann@acme.example"}

    type = serializers.CharField(max_length=60)
    value = serializers.CharField(max_length=500)


class Reference(WireSerializer):
    """Another record, by its id."""

    lenient = True
    form = '{"id": "123e4567-e89b-12d3-a456-426614174000"}'

    id = IdField()


class BusinessSerializer(RecordSerializer):
    examples = {
        "name": "Acme Corporation",
        "alias": "Acme",
        "description": "Makes paint.",
        "relationType": "customer",
        "coc": "24385716",
        "vat": "NL123456789B01",
        "eori": "NL123456789",
        "scacCode": "ACME",
        "transportLicenseNumber": "NIWO-12345",
        "industry": "paint",
        "website": "https://acme.example",
        "verified": True,
        "documents": [{"name": "terms.pdf", "url": "https://acme.example/terms.pdf"}],
        "logo": {"url": "https://acme.example/logo.svg"},
        "banners": [{"url": "https://acme.example/banner.png"}],
    }
    earlier = {"verified": False}

    name = serializers.CharField(max_length=255)
    alias = _text()
    description = _free_text()
    relation_type = _text(60)
    coc = _text(60)
    vat = _text(60)
    eori = _text(60)
    scac_code = _text(20)
    transport_license_number = _text(60)
    industry = _text(120)
    website = _text(500)
    verified = serializers.BooleanField(required=False)
    contact_details = ContactDetail(many=True, required=False, allow_null=True)
    documents = _document(DocumentValue)
    logo = _document()
    banners = _document(DocumentValue)
    part_of = Reference(required=False, allow_null=True)


class CustomerSerializer(WireSerializer):
    """The customer: `{"id": ...}` is a known business, `{"name": ...}` is found by name or made."""

    lenient = True
    form = '{"name": "Acme"}'
    examples = {
        "name": "Acme Corporation",
        "coc": "24385716",
        "vat": "NL123456789B01",
        "externalAttributes": {"erp": {"id": "C-77"}},
    }

    id = IdField(required=False)
    name = _text()
    coc = _text(60)
    vat = _text(60)
    contact_details = ContactDetail(many=True, required=False, allow_null=True)
    external_attributes = ObjectValue(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("id") and not attrs.get("name"):
            raise serializers.ValidationError("Name the customer by id or by name.", "required")
        return attrs


class GoodsSerializer(RecordSerializer):
    form = '{"description": "pallets", "quantity": 4}'
    examples = {
        "type": "items",
        "name": "Paint",
        "description": "Pallets of paint",
        "quantity": 20,
        "weight": {"value": Decimal("8400.5"), "unit": "kg"},
        "grossWeight": {"value": Decimal("8650.5"), "unit": "kg"},
        "width": {"value": Decimal("0.8"), "unit": "m"},
        "height": {"value": Decimal("1.5"), "unit": "m"},
        "length": {"value": Decimal("1.2"), "unit": "m"},
        "loadMeters": Decimal("8.4"),
        "barCode": "8712345678906",
        "productType": "paint",
        "packagingMaterial": "pallet",
        "equipmentType": "container",
        "equipmentSubType": "40ft",
        "licensePlate": "12-ABC-3",
        "adr": {"unNumber": "1263", "class": "3"},
    }

    type = serializers.ChoiceField(models.GoodsType.choices, required=False)
    name = _text()
    description = _free_text()
    quantity = _number()
    weight = _document(MeasureValue)
    gross_weight = _document(MeasureValue)
    width = _document(MeasureValue)
    height = _document(MeasureValue)
    length = _document(MeasureValue)
    load_meters = _number()
    bar_code = _text()
    product_type = _text()
    packaging_material = _text()
    equipment_type = _text(60)
    equipment_sub_type = _text(60)
    license_plate = _text(30)
    adr = _document(DocumentValue)


class ConsignmentSerializer(RecordSerializer):
    form = '{"name": "first part", "goods": [{"description": "pallets", "quantity": 4}]}'
    examples = {
        "name": "First part",
        "consignmentNr": "4711-1",
        "description": "Ring at the gate",
        "status": "requested",
        "highValueGoods": True,
        "team": {"name": "Rotterdam"},
        "combined": {"number": "R-12"},
        "consignment": {"name": "4711-0"},
        "originalPhysicalSender": {"name": "Warehouse 3", "city": "Rotterdam", "country": "NL"},
        "originalLegalSender": {"name": "Acme Corporation", "city": "Rotterdam", "country": "NL"},
        "originalPhysicalAddressee": {"name": "Gate B", "city": "Antwerp", "country": "BE"},
        "originalLegalAddressee": {"name": "Paint & Co", "city": "Brussels", "country": "BE"},
        "currentLocation": {
            "name": "A16",
            "latitude": Decimal("51.7"),
            "longitude": Decimal("4.6"),
        },
    }

    name = _text()
    consignment_nr = _text()
    description = _free_text()
    status = serializers.ChoiceField(models.ConsignmentStatus.choices, required=False)
    high_value_goods = serializers.BooleanField(required=False)
    goods = GoodsSerializer(many=True, required=False)
    team = _document(DocumentValue)
    combined = _document(DocumentValue)
    consignment = _document(DocumentValue)
    original_physical_sender = _document()
    original_legal_sender = _document()
    original_physical_addressee = _document()
    original_legal_addressee = _document()
    current_location = _document()


class TransportOrderSerializer(RecordSerializer):
    examples = {
        "orderId": "SO-1001",
        "name": "4711",
        "type": "standard",
        "status": "requested",
        "description": "Deliver before noon",
        "referenceDescription": "PO 20260320",
    }
    earlier = {"status": "concept"}

    order_id = _text()
    name = _text()
    type = _text(60)
    status = serializers.ChoiceField(models.OrderStatus.choices, required=False)
    description = _free_text()
    reference_description = _free_text(500)
    customer = CustomerSerializer(required=False, allow_null=True)
    consignments = ConsignmentSerializer(many=True, required=False)

    def to_internal_value(self, data: Any) -> Any:
        # Before anything is built of them: so many parts would keep a worker busy.
        if wrong := _too_many(data.get("consignments")):
            raise serializers.ValidationError({"consignments": wrong})
        return super().to_internal_value(data)


class OrderOfEvent(Reference):
    """The transport order that an event is about, by its id; what else is shown is read only."""

    examples = {
        "orderId": "SO-1001",
        "name": "4711",
        "externalAttributes": {"erp": {"id": "SO-1001"}},
    }

    order_id = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    external_attributes = ObjectValue(read_only=True)


class EventSerializer(RecordSerializer):
    examples = {
        "type": "ArrivalEvent",
        "dateTime": "2026-03-22T10:00:00Z",
        "lifeCycle": "actual",
        "name": "Arrived at the gate",
        "description": "Waits for dock 7",
        "location": {"name": "Warehouse 3", "city": "Rotterdam", "country": "NL"},
        "externalAttributes": {"boardComputer": {"id": "T-1"}},
    }
    earlier = {"lifeCycle": "planned"}

    type = serializers.ChoiceField(models.EventType.choices)
    date_time = serializers.DateTimeField()
    life_cycle = serializers.ChoiceField(models.LifeCycle.choices, required=False)
    name = _text()
    description = _free_text()
    location = _document()
    transport_order = OrderOfEvent(required=False, allow_null=True)


def _too_many(consignments: Any) -> Any:
    """What is wrong with an order of more parts than it may have."""
    if not isinstance(consignments, list):
        return None
    if len(consignments) > models.MOST_CONSIGNMENTS:
        text = f"An order has at most {models.MOST_CONSIGNMENTS} consignments."
        return [ErrorDetail(text, "too_many")]
    parts = [associated(each) for each in consignments]
    goods = [each.get("goods") if isinstance(each, dict) else None for each in parts]
    counts = [len(each) if isinstance(each, list) else 0 for each in goods]
    text = f"A consignment has at most {models.MOST_GOODS} goods."
    wrong = {
        place: {"goods": [ErrorDetail(text, "too_many")]}
        for place, count in enumerate(counts)
        if count > models.MOST_GOODS
    }
    return wrong or too_many_goods(sum(counts))


def too_many_goods(count: int) -> list[ErrorDetail]:
    """What is wrong with an order of so many goods, if anything is."""
    text = f"An order has at most {models.MOST_GOODS_IN_ALL} goods in all its consignments."
    return [ErrorDetail(text, "too_many")] if count > models.MOST_GOODS_IN_ALL else []
