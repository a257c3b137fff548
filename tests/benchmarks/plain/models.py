"""An order with its customer, consignments and goods, and the attempts to deliver it."""

from django.db import models


class Customer(models.Model):
    name = models.CharField(max_length=255, unique=True)

    def __str__(self) -> str:
        return self.name


class Order(models.Model):
    order_id = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    status = models.CharField(max_length=60)
    description = models.TextField(blank=True)
    reference_description = models.CharField(max_length=500, blank=True)
    external_attributes = models.JSONField(null=True)
    customer = models.ForeignKey(Customer, models.PROTECT)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.name


class Consignment(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="consignments")
    name = models.CharField(max_length=255)
    status = models.CharField(max_length=60)

    def __str__(self) -> str:
        return self.name


class Goods(models.Model):
    consignment = models.ForeignKey(Consignment, models.CASCADE, related_name="goods")
    description = models.TextField()
    quantity = models.DecimalField(max_digits=18, decimal_places=6)
    weight = models.JSONField(null=True)

    def __str__(self) -> str:
        return self.description


class Attempt(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="attempts")
    request = models.TextField()
    status = models.IntegerField()
    answer = models.TextField(blank=True)
    milliseconds = models.FloatField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.order_id}: {self.status}"
