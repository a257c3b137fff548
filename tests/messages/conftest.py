from typing import Any

import pytest

from tests.connectors.conftest import mail
from tests.queue.conftest import queue

__all__ = ["mail", "queue"]

CUSTOMER = {
    "name": "Acme Corp",
    "contactDetails": [
        {"type": "phone", "value": "+31 20 123"},
        {"type": "email", "value": "ann@acme.example"},
    ],
}
TEMPLATE = {
    "name": "Delivered",
    "subject": "Order {{transportOrder.name}} was delivered",
    "body": "Dear {{transportOrder.customer.name}},\n\nyour order is {{transportOrder.status}}.\n",
}


@pytest.fixture
def template(api: Any) -> dict[str, Any]:
    """A template, as the API shows it."""
    made: dict[str, Any] = api.ok("POST", "messageTemplate", TEMPLATE)["messageTemplate"]
    return made


@pytest.fixture
def automation(template: dict[str, Any]) -> dict[str, Any]:
    """What makes an automation that tells the customer of a realized order."""
    return {
        "name": "Order realized",
        "enabled": True,
        "trigger": "transportOrder.status.realized",
        "messageTemplate": {"id": template["id"]},
    }
