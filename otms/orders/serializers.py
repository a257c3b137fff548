"""What callers send: vendor entities, read leniently (unknown keys become warnings)."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from otms.api.serializers import DocumentValue, IdField, NonceField, ObjectValue, WireSerializer
from otms.documents import DocumentError, loads
from otms.orders import models


class RecordSerializer(WireSerializer):
    """The fields that every record has; only `id` may be chosen by the client, and only once."""

    lenient = True

    id = IdField(required=False)
    nonce = NonceField()
    uuid = serializers.UUIDField(read_only=True)
    primary_platform_id = serializers.UUIDField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(
        read_only=True, help_text="Sent with an update, it must be the stored one (else 409)."
    )
    external_attributes = ObjectValue(required=False, allow_null=True)


def _text(length: int = 255, **options: Any) -> serializers.CharField:
    """A name or a code; blanks around it are taken off, or a search would not find it."""
    return serializers.CharField(required=False, allow_blank=True, max_length=length, **options)


def _free_text(length: int = 10_000) -> serializers.CharField:
    """What a person wrote, kept as it is."""
    return _text(length, trim_whitespace=False)


@extend_schema_field(
    {
        "type": "object",
        "properties": {"value": {"type": ["number", "string", "null"]}, "unit": {"type": "string"}},
    }
)
class MeasureValue(ObjectValue):
    """`{"value": 12.5, "unit": "kg"}`; the value is a number or numeric text."""

    def to_internal_value(self, data: Any) -> Any:
        measure = super().to_internal_value(data)
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
        return {**measure, "value": value}


def _document(field: type[DocumentValue] = ObjectValue) -> DocumentValue:
    return field(required=False, allow_null=True)


def _number() -> serializers.DecimalField:
    return serializers.DecimalField(18, 6, required=False, allow_null=True)


class ContactDetail(WireSerializer):
    lenient = True

    type = serializers.CharField(max_length=60)
    value = serializers.CharField(max_length=500)


class Reference(WireSerializer):
    """Another record, by its id."""

    lenient = True

    id = IdField()


class BusinessSerializer(RecordSerializer):
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
    order_id = _text()
    name = _text()
    type = _text(60)
    status = serializers.ChoiceField(models.OrderStatus.choices, required=False)
    description = _free_text()
    reference_description = _free_text(500)
    customer = CustomerSerializer(required=False, allow_null=True)
    consignments = ConsignmentSerializer(many=True, required=False)
