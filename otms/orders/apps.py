from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "otms.orders"
    verbose_name = "Orders"
