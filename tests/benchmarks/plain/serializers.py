"""Nested serializers, as the documentation of Django REST framework has them."""

from typing import Any

from rest_framework import serializers

from tests.benchmarks.plain.models import Consignment, Customer, Goods, Order


class CustomerSerializer(serializers.ModelSerializer[Customer]):
    class Meta:
        model = Customer
        fields = ("id", "name")
        extra_kwargs = {"name": {"validators": []}}


class GoodsSerializer(serializers.ModelSerializer[Goods]):
    class Meta:
        model = Goods
        fields = ("id", "description", "quantity", "weight")


class ConsignmentSerializer(serializers.ModelSerializer[Consignment]):
    goods = GoodsSerializer(many=True)

    class Meta:
        model = Consignment
        fields = ("id", "name", "status", "goods")


class OrderSerializer(serializers.ModelSerializer[Order]):
    orderId = serializers.CharField(source="order_id", max_length=255)
    referenceDescription = serializers.CharField(source="reference_description", max_length=500)
    externalAttributes = serializers.JSONField(source="external_attributes")
    customer = CustomerSerializer()
    consignments = ConsignmentSerializer(many=True)

    class Meta:
        model = Order
        fields = (
            "id",
            "orderId",
            "name",
            "status",
            "description",
            "referenceDescription",
            "externalAttributes",
            "customer",
            "consignments",
            "created_at",
            "updated_at",
        )

    def create(self, validated_data: dict[str, Any]) -> Order:
        consignments = validated_data.pop("consignments")
        customer, _ = Customer.objects.get_or_create(**validated_data.pop("customer"))
        order = Order.objects.create(customer=customer, **validated_data)
        for consignment in consignments:
            goods = consignment.pop("goods")
            made = Consignment.objects.create(order=order, **consignment)
            for each in goods:
                Goods.objects.create(consignment=made, **each)
        return order
