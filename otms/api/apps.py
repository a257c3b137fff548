from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "otms.api"
    verbose_name = "API"
