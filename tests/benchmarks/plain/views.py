"""The one call there is, and its address."""

from django.db import transaction
from django.urls import path
from rest_framework import generics
from rest_framework.serializers import BaseSerializer

from tests.benchmarks.plain.models import Order
from tests.benchmarks.plain.serializers import OrderSerializer
from tests.benchmarks.plain.tasks import deliver


class OrderView(generics.CreateAPIView[Order]):
    queryset = Order.objects.all()
    serializer_class = OrderSerializer

    def perform_create(self, serializer: BaseSerializer[Order]) -> None:
        with transaction.atomic():
            order = serializer.save()
            transaction.on_commit(lambda: deliver.delay(order.pk))


urlpatterns = [path("orders", OrderView.as_view())]
