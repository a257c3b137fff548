"""What was read may be sent back whole, and nothing changes: the vendor's clients do so."""

import json
from pathlib import Path
from typing import Any

import pytest

from integrations.models import EntityChange, Gate
from integrations.models.gate import FOREVER
from otms import documents
from otms.accounts.models import Platform
from tests import make
from tests.api.conftest import URL
from tests.conftest import Api
from tests.connectors.conftest import mail
from tests.sink import Sink

__all__ = ["mail"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("mail")]

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "reference" / "openapi.json").read_text(encoding="utf-8")
)
ENTITIES = sorted(
    path.removeprefix("/api/")
    for path, operations in SCHEMA["paths"].items()
    if "put" in operations and "get" in SCHEMA["paths"].get(f"{path}/{{id}}", {})
)
# No vendor has these: a field that there is not is refused.
OURS = {"alertRecipient"}
GOODS = {
    "type": "transportEquipment",
    "name": "pallets",
    "description": " four of them \n",
    "quantity": "4.500",
    "weight": {"value": "12.50", "unit": "kg", "tare": None},
    "grossWeight": {"value": 13},
    "width": {"value": 0.8, "unit": "m"},
    "height": {"value": None},
    "length": {"value": 1.20, "unit": "m"},
    "loadMeters": 0.4,
    "barCode": "0012",
    "productType": "flowers",
    "packagingMaterial": "wood",
    "equipmentType": "pallet",
    "equipmentSubType": "EUR",
    "licensePlate": "AB-12-CD",
    "adr": [{"class": "3"}],
    "externalAttributes": {"id": "G-1"},
}
CONSIGNMENT = {
    "name": "first part",
    "consignmentNr": "C-1",
    "description": "ring\ntwice",
    "status": "in_transit",
    "highValueGoods": True,
    "goods": [GOODS, {}],
    "team": {"name": "north"},
    "combined": [1, 2.50, None],
    "consignment": "C-0",
    "originalPhysicalSender": {"name": "Warehouse 3", "city": "Köln"},
    "originalLegalSender": {"name": "Acme"},
    "originalPhysicalAddressee": {"city": "Aalsmeer"},
    "originalLegalAddressee": {},
    "currentLocation": {"administrativeReference": {"street": "Kade", "houseNumber": "1"}},
    "externalAttributes": {"id": "C-1"},
}
# Every field that a caller may write, but the id and the nonce.
RICH: dict[str, Any] = {
    "appInstallation": {
        "name": "Drivers",
        "settings": {
            "webhookUrl": "",  # an address of the other system
            "text": "{{transportOrder.name}} {webhookUrl}\nis planned",
            "statuses": ["planned"],
        },
    },
    "alertRecipient": {
        "name": "On call",
        "integrationId": None,  # all of them
        "email": None,  # it has a webhook
        "url": "https://93.184.216.34/alerts",
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "enabled": False,
    },
    "business": {
        "name": "Acme Corp",
        "alias": "acme",
        "description": " since 1901",
        "relationType": "customer",
        "coc": "12345678",
        "vat": "NL001",
        "eori": "NL002",
        "scacCode": "ACME",
        "transportLicenseNumber": "T-1",
        "industry": "flowers",
        "website": "https://acme.example",
        "verified": True,
        "contactDetails": [{"type": "email", "value": "a@acme.example"}],
        "documents": [{"name": "licence"}],
        "logo": {"url": "https://acme.example/logo.png"},
        "banners": [],
        "partOf": None,  # a business that is made first
        "externalAttributes": {"erp": {"id": 7.10}},
    },
    "consignment": CONSIGNMENT,
    "integration": {
        "name": "ERP",
        "type": "configured",
        "description": " text ",
        "enabled": False,
        "redact": ["$..email"],
        "trigger": {"entity": "transportOrder", "actions": ["updated", "created"]},
        "filters": [{"not": {"field": "$.transportOrder.status", "operator": "eq", "value": 1.50}}],
        "dataSources": [
            {
                "name": "orders",
                "connector": "webhook",
                "settings": {"url": URL, "secret": "hush-hush, and long enough"},
                "mapping": {"id": "$.transportOrder.id", "price": 2.50},
                "success": {"status": [200, 201]},
            },
            {"connector": "webhook", "settings": {"url": URL}},
        ],
        "schedule": {
            "integrationSchedulerScheduleValue": 10,
            "integrationSchedulerScheduleType": "minutes",
        },
        "delivery": {"onPoison": "block", "retry": {"schedule": [5, 30.5], "on": ["5xx", 429]}},
        "inbound": {"name": "$.number"},
    },
    "messageAutomation": {
        "type": "messageAutomation",
        "name": "Order changed",
        "description": " text ",
        "enabled": False,
        "trigger": "transportOrder.updated",
        "automationConfig": {
            "triggerType": "trigger",
            "triggerEvent": "afterUpdatingTransportOrder",
            "schedule": {
                "integrationSchedulerScheduleValue": 10,
                "integrationSchedulerScheduleType": "minutes",
            },
        },
        "messageTemplate": {"name": "Changed", "subject": "Changed", "body": " It is changed.\n"},
        "recipients": ["Ann <ann@acme.example>", "$.transportOrder.externalAttributes.mail"],
    },
    "messageTemplate": {
        "name": "Changed",
        "subject": "Order {{transportOrder.name}}",
        "body": " It is changed.\n",
    },
    "transportOrder": {
        "orderId": "4711",
        "name": "Aalsmeer - Wien",
        "type": "express",
        "status": "planned",
        "description": "line\nline",
        "referenceDescription": " PO 9 ",
        "customer": {
            "name": "Acme Corp",
            "coc": "1",
            "vat": "2",
            "contactDetails": [{"type": "phone", "value": "1"}],
            "externalAttributes": {"id": "D-1"},
        },
        "consignments": [CONSIGNMENT, {}],
        "externalAttributes": {"id": "SO-1", "price": 12.50, "odd key": [True, 1, "1"]},
    },
}


def writable(entity: str) -> set[str]:
    body = SCHEMA["paths"][f"/api/{entity}"]["put"]["requestBody"]["content"]["application/json"]
    shape = SCHEMA["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
    return set(shape["properties"]) - {"id", "nonce"}


def made(api: Api, entity: str, platform: Platform, sink: Sink) -> Any:
    """A record with every field filled in, as GET shows it."""
    if entity == "consignment":
        order = api.ok("POST", "transportOrder", {"consignments": [CONSIGNMENT]})
        id = order["transportOrder"]["consignments"][0]["id"]
    elif entity == "appInstallation":
        body = RICH[entity]
        settings = {**body["settings"], "webhookUrl": sink.url("/slack/open")}
        answer = api.ok("POST", "app/slack/install", {**body, "settings": settings})
        id = answer["appInstallation"]["id"]
    else:
        body = dict(RICH[entity])
        if entity == "business":
            body["partOf"] = {"id": str(make.BusinessFactory(platform=platform).pk)}
        answer = api.ok("POST", entity, body)
        assert "warnings" not in answer
        id = answer[entity]["id"]
    return read(api, entity, id)


def read(api: Api, entity: str, id: str) -> Any:
    return documents.loads(api("GET", f"{entity}/{id}").content)[entity]


def changes() -> int:
    return EntityChange.objects.across_platforms().count()


def test_the_records_are_rich() -> None:
    assert {"business", "consignment", "integration", "transportOrder"} <= set(ENTITIES)
    for entity in ENTITIES:
        assert entity in RICH, f"say here what a {entity} with every field is"
        assert set(RICH[entity]) == writable(entity)


@pytest.mark.parametrize("entity", ENTITIES)
def test_a_record_that_was_read_is_sent_back_and_is_unchanged(
    api: Api, platform: Platform, entity: str, sink: Sink
) -> None:
    record = made(api, entity, platform, sink)
    before = changes()
    answer = api.ok("PUT", entity, record)
    assert "warnings" not in answer
    assert answer[entity]["updatedAt"] == record["updatedAt"]
    again = read(api, entity, record["id"])
    assert documents.dumps(again) == documents.dumps(record)
    assert changes() == before


@pytest.mark.parametrize("entity", [each for each in ENTITIES if each not in OURS])
def test_what_the_vendor_has_beside_it_is_ignored_and_told(
    api: Api, platform: Platform, entity: str, sink: Sink
) -> None:
    record = made(api, entity, platform, sink)
    before = changes()
    planted: list[str] = []
    sent = with_odd_keys(record, entity, planted)
    answer = api.ok("PUT", entity, sent)
    assert {each["field"] for each in answer["warnings"]} == set(planted)
    again = read(api, entity, record["id"])
    assert documents.dumps(again) == documents.dumps(record)
    assert changes() == before


def test_an_integration_that_was_suspended_goes_on_when_it_is_sent_back(
    api: Api, platform: Platform, sink: Sink
) -> None:
    record = made(api, "integration", platform, sink)
    record = api.ok("PUT", "integration", {"id": record["id"], "enabled": True})["integration"]
    Gate.objects.update(paused_until=FOREVER, pause_reason="It answered 410.")
    suspended = read(api, "integration", record["id"])
    assert suspended["health"]["state"] == "SUSPENDED"
    answer = api.ok("PUT", "integration", suspended)["integration"]
    assert answer["health"]["state"] == "HEALTHY"
    assert answer["updatedAt"] == record["updatedAt"]


def test_null_in_a_retry_policy_is_its_default(api: Api) -> None:
    retry = {"giveUpAfter": None, "on": None, "schedule": None}
    body = {"name": "ERP", "type": "configured", "delivery": {"retry": retry}}
    shown = api.ok("POST", "integration", body)["integration"]["delivery"]["retry"]
    assert shown == {"giveUpAfter": "P3D", "on": [408, 425, 429, "5xx", "network"]}


# Parts that are the vendor's shapes; the others are ours, or the caller's own documents.
PARTS = {"customer", "consignments", "goods", "contactDetails", "partOf"}


def with_odd_keys(record: Any, entity: str, planted: list[str], path: str = "") -> Any:
    """The record with a key that is not ours in it and in each of its parts."""
    if isinstance(record, list):
        return [
            with_odd_keys(each, entity, planted, f"{path}[{place}]")
            for place, each in enumerate(record)
        ]
    if not isinstance(record, dict):
        return record
    where = f"{path}." if path else ""
    planted.append(f"{where}geoFence")
    parts = {
        key: with_odd_keys(value, entity, planted, f"{where}{key}")
        for key, value in record.items()
        if key in PARTS
    }
    return {**record, **parts, "geoFence": {"radius": 5}}
