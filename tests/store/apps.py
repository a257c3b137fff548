"""Apps that tests install, and what is told of them."""

from typing import Any

from integrations.models import (
    AppAccessToken,
    AppInstallation,
    DataSource,
    Integration,
)
from otms.accounts.models import Platform
from tests.conftest import Api
from tests.sink import Sink

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def hook(sink: Sink, secret: str = SECRET, **more: Any) -> dict[str, Any]:
    """The settings of a signed webhook whose receiver knows the secret."""
    return {"url": sink.url(f"/signed/{SECRET}"), "secret": secret, **more}


def installed(api: Api, app: str, settings: Any, **more: Any) -> Any:
    body = {"settings": settings, **more}
    return api.ok("POST", f"app/{app}/install", body)["appInstallation"]


def errors(told: Any) -> list[tuple[str, str]]:
    return [(each["field"], each["code"]) for each in told["errors"]]


def nothing_is_there(platform: Platform) -> bool:
    models: list[Any] = [AppInstallation, AppAccessToken, Integration, DataSource]
    return not any(model.objects.of(platform).exists() for model in models)
