"""A mail as it is brought in, and what its answer warns of."""

from collections.abc import Callable
from typing import Any

CALL = "integration/email"
VENDORS = "transportOrder/mail/receiver"
BODY = "Pickup: 3011 AA Rotterdam, 24-03-2026\nDelivery: Köln\n20 EUR pallets, 12.400 kg"

Send = Callable[..., Any]


def mail(body: str = BODY, **more: Any) -> dict[str, Any]:
    return {"from": "Ann <ann@example.com>", "subject": "Order 4711", "body": body, **more}


def codes(answer: Any) -> list[str]:
    return [each["code"] for each in answer["email"]["warnings"]]
