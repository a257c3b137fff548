from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        from integrations import checks, pressure, signals  # noqa: F401 - importing registers the checks
        from otms.api import intake

        signals.connect()
        intake.keep(pressure.Door())
