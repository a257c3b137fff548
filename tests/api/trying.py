"""An integration that is tried, and what is seen of it."""

from typing import Any

from integrations.api import shapes
from integrations.models import (
    Integration,
    RequestLog,
)
from otms.accounts.models import Platform
from otms.urls import router  # where every viewset is registered, which the example is made of
from tests import make
from tests.conftest import Api

__all__ = ["router"]

MAPPING = {"id": "$.transportOrder.id", "name": "$.transportOrder.name", "by": "api"}
STATUS = "$.transportOrder.status"
PLANNED = [{"field": STATUS, "operator": "eq", "value": "planned"}]
EXAMPLE = shapes.example("transportOrder")["transportOrder"]


def lively(platform: Platform, url: str, **fields: Any) -> Integration:
    return make.integration(url, **{"platform": platform, "mapping": MAPPING, **fields})


def tried(api: Api, integration: Integration, **body: Any) -> Any:
    return api.ok("POST", f"integration/{integration.pk}/test", body)["test"]


def logged(integration: Integration) -> RequestLog:
    return RequestLog.objects.of(integration.platform).get()
