"""Automations to begin with: each can be sent to POST /messageAutomation as it stands."""

from typing import Any

READY: list[dict[str, Any]] = [
    {
        "name": "Order received",
        "description": "Thanks the customer for an order, as soon as it is there.",
        "trigger": "transportOrder.created",
        "messageTemplate": {
            "name": "Order received",
            "subject": "We have received your order {{transportOrder.name}}",
            "body": (
                "Dear {{transportOrder.customer.name}},\n\n"
                "thank you for your order {{transportOrder.name}}. We will tell you when it is "
                "accepted.\n"
            ),
        },
    },
    {
        "name": "Order accepted",
        "description": "Tells the customer that the order will be carried out.",
        "trigger": "transportOrder.status.accepted",
        "messageTemplate": {
            "name": "Order accepted",
            "subject": "Your order {{transportOrder.name}} is accepted",
            "body": (
                "Dear {{transportOrder.customer.name}},\n\n"
                "we have accepted your order {{transportOrder.name}}.\n"
            ),
        },
    },
    {
        "name": "Order realized",
        "description": "Tells the customer that everything was delivered.",
        "trigger": "transportOrder.status.realized",
        "messageTemplate": {
            "name": "Order realized",
            "subject": "Your order {{transportOrder.name}} was delivered",
            "body": (
                "Dear {{transportOrder.customer.name}},\n\n"
                "your order {{transportOrder.name}} was carried out completely.\n"
            ),
        },
    },
    {
        "name": "Order cancelled",
        "description": "Tells the customer that the order will not be carried out.",
        "trigger": "transportOrder.status.cancelled",
        "messageTemplate": {
            "name": "Order cancelled",
            "subject": "Your order {{transportOrder.name}} was cancelled",
            "body": (
                "Dear {{transportOrder.customer.name}},\n\n"
                "your order {{transportOrder.name}} was cancelled.\n"
            ),
        },
    },
]
