"""The demo platform: a person, two integrations and a handful of orders. Twice changes nothing."""

import secrets
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from integrations import definition
from integrations.core import signing
from integrations.models import DataSource, Integration
from otms.accounts.models import PersonalToken, Platform, User
from otms.accounts.roles import OWNER
from otms.orders.models import TransportOrder
from otms.orders.saving import create_order

PLATFORM = "Demo"
USERNAME = "demo"
ERP = "ERP"
ERP_PATH = "/orders"
PLANNING = "Planning board"

GUIDE_MAPPING = {
    "erp_order_id": "$.transportOrder.id",
    "customer_name": "$.transportOrder.customer.name",
    "status": "$.transportOrder.status",
    "created_date": "$.transportOrder.createdAt",
}


def _order(
    number: str, status: str, customer: str, sender: str, addressee: str, *goods: tuple[Any, ...]
) -> dict[str, Any]:
    return {
        "order_id": number,
        "name": f"{sender} - {addressee}",
        "status": status,
        "customer": {"name": customer},
        "consignments": [
            {
                "name": f"{number}-1",
                "original_physical_sender": {"name": customer, "city": sender},
                "original_physical_addressee": {"city": addressee},
                "goods": [
                    {
                        "quantity": quantity,
                        "description": description,
                        "weight": {"value": kilograms, "unit": "kg"},
                    }
                    for quantity, description, kilograms in goods
                ],
            }
        ],
    }


ORDERS = [
    _order(
        *("TO-24001", "requested", "Bakker & Zonen Bloemen", "Aalsmeer", "Köln"),
        (24, "trolleys of tulips", 4320),
    ),
    _order(
        *("TO-24002", "accepted", "Zuivelhof Kaas", "Gouda", "Antwerpen"),
        (12, "pallets of cheese", 8640),
    ),
    _order(
        *("TO-24003", "planned", "Weber Maschinenbau GmbH", "Stuttgart", "Rotterdam"),
        *((2, "crated milling machines", 6100), (1, "box of spare parts", 85)),
    ),
    _order(
        *("TO-24004", "requested", "Noordster Vis", "Urk", "Bologna"),
        (18, "pallets of frozen plaice", 12960),
    ),
    _order(
        *("TO-24005", "realized", "Zuivelhof Kaas", "Gouda", "Lyon"),
        (6, "pallets of cheese", 4320),
    ),
]


def platform() -> Platform:
    return Platform.objects.get_or_create(name=PLATFORM)[0]


def erp(of: Platform) -> tuple[int, str]:
    """The port that the ERP had the last time (0: none yet), and the secret it knows."""
    sources = DataSource.objects.of(of).filter(integration__name=ERP, integration__deleted_at=None)
    if source := sources.first():
        return urlsplit(source.settings["url"]).port or 0, source.secrets.get("secret", "")
    return 0, signing.new_secret()


def person(of: Platform, password: str, token: str) -> tuple[str, str]:
    """Password and token of the demo's person: those that are known, if they still work."""
    user = User.objects.filter(username=USERNAME).first()
    if user is None:
        # Whoever tries it is the operator of this deployment too.
        user = User.objects.create_superuser(USERNAME, platform=of)
    user.set_role(OWNER.name)
    if not password or not user.check_password(password):
        password = password or secrets.token_urlsafe(9)
        user.set_password(password)
        user.save()
    kept = PersonalToken.valid(token)
    if kept is None or kept.user != user:
        _, token = PersonalToken.generate(user, "demo")
    return password, token


@transaction.atomic
def integrations(of: Platform, url: str, secret: str) -> None:
    """Two that listen to orders: one sends all of them, one only what is planned."""
    existing = set(Integration.objects.of(of).values_list("name", flat=True))
    everything = {"entity": "transportOrder", "actions": ["created", "updated"]}

    def target(name: str, path: str) -> dict[str, Any]:
        settings = {"url": url + path, "secret": secret}
        return {
            "name": name,
            "connector": "webhook",
            "settings": settings,
            "mapping": GUIDE_MAPPING,
        }

    wanted: list[dict[str, Any]] = [
        {
            "name": ERP,
            "description": "Sends every new and every changed order to the ERP.",
            "trigger": everything,
            "data_sources": [target(ERP, ERP_PATH)],
        },
        {
            "name": PLANNING,
            "description": "Sends orders to the planning board, once they are planned.",
            "trigger": everything,
            "filters": [{"field": "$.transportOrder.status", "operator": "eq", "value": "planned"}],
            "data_sources": [target(PLANNING, "/planning-board")],
        },
    ]
    for given in wanted:
        if given["name"] not in existing:
            definition.save(of, {"type": "configured", **given})


@transaction.atomic
def move(of: Platform, old: str, new: str) -> None:
    """The ERP got another port than the last time: what leads to it is led there."""
    for source in DataSource.objects.of(of).select_related("integration"):
        address = source.settings.get("url", "")
        if address.startswith(f"{old}/"):
            source.settings = {**source.settings, "url": new + address.removeprefix(old)}
            source.save()


def orders(of: Platform) -> None:
    existing = set(TransportOrder.objects.of(of).values_list("order_id", flat=True))
    for order in ORDERS:
        if order["order_id"] not in existing:
            create_order(of, order)
