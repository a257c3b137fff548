"""What is suggested for an example, as the tests ask for it."""

from typing import Any

import otms.urls  # noqa: F401  the entities are known by their routes
from integrations.api import shapes
from integrations.core.suggestion import Suggested, Suggestion, suggest

ORDER = "$.transportOrder."
ONE = "$.transportOrder.consignments[0]."
EACH = "$.transportOrder.consignments[*]."
GOODS = "$.transportOrder.consignments[*].goods[*]"
DOCUMENT = {
    "transportOrder": {
        "orderId": "4711",
        "createdAt": "2026-03-20T10:30:00Z",
        "customer": {"name": "Acme"},
        "consignments": [
            {
                "originalPhysicalAddressee": {"city": "Ulm"},
                "goods": [
                    {"description": "chairs", "quantity": 2, "grossWeight": {"value": 10}},
                    {"description": "tables", "quantity": 3, "grossWeight": {"value": 20}},
                ],
            }
        ],
    }
}


def suggested(example: Any, format: str | None = None, entity: str = "transportOrder") -> Suggested:
    return suggest(example, format, entity, shapes.document(entity))


def told(example: Any, **options: Any) -> dict[str, Suggestion]:
    return {each.target: each for each in suggested(example, **options).suggestions}
