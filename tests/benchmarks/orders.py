"""The orders that are posted, the same to all."""

import json
from typing import Any

from tests.benchmarks.target import mark


def order(run: str, number: int) -> dict[str, Any]:
    """What is posted, the same to all."""
    return {
        "orderId": f"SO-{number}",
        "name": mark(run, number),
        "status": "requested",
        "description": "Deliver before noon, and ring at the gate of the warehouse.",
        "referenceDescription": f"PO 2026-{number:08}",
        "externalAttributes": {"erp": {"id": f"SO-{number}", "company": "NL01", "site": "RTM"}},
        "customer": {"name": "Acme Corp"},
        "consignments": [
            {
                "name": "First part",
                "status": "requested",
                "goods": [
                    {
                        "description": "Pallets of paint",
                        "quantity": 20,
                        "weight": {"value": 8400.5, "unit": "kg"},
                    }
                ],
            }
        ],
    }


def request(path: str, headers: dict[str, str], body: Any) -> bytes:
    """A POST as it goes over the wire."""
    data = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(data)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data
