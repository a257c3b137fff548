"""An automation that could never send anything is refused, and what was meant is told."""

import uuid
from typing import Any

import pytest

from integrations.messages.happenings import dotted, trigger_events
from integrations.models import Integration, MessageTemplate
from otms.accounts.models import Platform
from tests.conftest import Api
from tests.messages.writing import ENDS, create, told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mail")]


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        (
            {"trigger": "trip.created"},
            "trigger",
            "There are messages about business, event, transp",
        ),
        ({"trigger": "transportOrdr.created"}, "trigger", "Did you mean `transportOrder`?"),
        ({"trigger": "consignment.status.planned"}, "trigger", "not about 'consignment'"),
        (
            {"trigger": "transportOrder.status.realised"},
            "trigger",
            "Did you mean `transportOrder.status.realized`?",
        ),
        ({"trigger": "transportOrder.name.x"}, "trigger", "there are: transportOrder.created"),
        ({"trigger": None}, "trigger", "Say when"),
        (
            {"automationConfig": {"triggerEvent": "afterCreatingTrip"}},
            "automationConfig.triggerEvent",
            "no message would ever be sent",
        ),
        (
            {"automationConfig": {"triggerEvent": "afterLocationUpdateEvent"}},
            "automationConfig.triggerEvent",
            "there are: afterCreatingBusiness",
        ),
        (
            {"automationConfig": {"triggerEvent": "afterCreatingTransportOrders"}},
            "automationConfig.triggerEvent",
            "Did you mean `afterCreatingTransportOrder`?",
        ),
        (
            {"automationConfig": {"triggerType": "scheduler"}},
            "automationConfig.triggerType",
            "scheduler is not available",
        ),
        (
            {"automationConfig": {"triggerType": "listener"}},
            "automationConfig.triggerType",
            "listener is not available",
        ),
        ({"automationConfig": {"triggerType": "trigger"}}, "automationConfig.triggerEvent", "Say"),
        (
            {
                "trigger": "transportOrder.created",
                "automationConfig": {"triggerEvent": "afterUpdatingTransportOrder"},
            },
            "automationConfig.triggerEvent",
            "not what the trigger says",
        ),
        ({"type": "fileRequestAutomation"}, "type", "there is messageAutomation"),
        ({"messageTemplate": None}, "messageTemplate", ""),
        ({"messageTemplate": {"id": str(uuid.uuid4())}}, "messageTemplate.id", "no messageTemp"),
        ({"messageTemplate": {"subject": "s"}}, "messageTemplate.body", "or subject and body"),
        (
            {"messageTemplate": {"subject": "{{", "body": "b"}},
            "messageTemplate.subject",
            "has no end",
        ),
        ({"recipients": []}, "recipients", "1 to 50"),
        ({"recipients": "ann@acme.example"}, "recipients", "Write a list"),
        ({"recipients": ["ann"]}, "recipients[0]", "not an e-mail address"),
        ({"recipients": ["a@b.example", "$."]}, "recipients[1]", ""),
        (
            {"trigger": "event.created", "messageTemplate": ENDS},
            "recipients",
            "say whom to write to",
        ),
    ],
)
def test_what_can_never_be_sent_is_refused(
    api: Api, automation: Any, platform: Platform, given: dict[str, Any], field: str, says: str
) -> None:
    body = {**automation, **({"trigger": None} if "automationConfig" in given else {}), **given}
    error = api.refused("POST", "messageAutomation", body)["errors"][0]
    assert error["field"] == field
    assert says in error["message"]
    assert not Integration.objects.of(platform).exists()
    assert MessageTemplate.objects.of(platform).count() == 1


def test_nothing_is_offered_that_is_not_alike(api: Api, automation: Any) -> None:
    config = {"triggerEvent": "afterCreatingTrip"}
    body = {**automation, "trigger": None, "automationConfig": config}
    assert "Did you mean" not in api.refused("POST", "messageAutomation", body)["message"]


def test_every_trigger_there_is_makes_an_automation(api: Api, automation: Any) -> None:
    body = {**automation, "messageTemplate": ENDS, "recipients": ["ann@acme.example"]}
    for number, spelling in enumerate(
        [{"trigger": each} for each in dotted()]
        + [{"trigger": None, "automationConfig": {"triggerEvent": e}} for e in trigger_events()]
    ):
        create(api, body, **spelling, name=f"Number {number}")
    assert len(dotted()) > 25
    assert len(trigger_events()) > 15


def test_what_does_not_fit_the_trigger_is_told(api: Api, automation: Any) -> None:
    body = {**automation, "trigger": "business.created", "recipients": ["$.business.mail"]}
    made = api.ok("POST", "messageAutomation", body)
    assert {each["field"] for each in made["warnings"]} == {
        "messageTemplate.subject",
        "messageTemplate.body",
        "recipients[0]",
    }


def test_without_a_mail_server_it_is_saved_with_a_warning(
    api: Api, automation: Any, settings: Any
) -> None:
    settings.EMAIL_HOST = ""
    (warning,) = api.ok("POST", "messageAutomation", automation)["warnings"]
    assert warning["code"] == "no_mail_server"
    assert "EMAIL_URL" in warning["message"]


@pytest.mark.parametrize(
    ("trigger", "meant"),
    [
        ("transportOrder.realized", "transportOrder.status.realized"),
        ("transportOrder.status.realised", "transportOrder.status.realized"),
        ("transportOrder.status.create", "transportOrder.created"),
    ],
)
def test_what_was_meant_is_told_by_the_last_word(
    api: Api, automation: dict[str, Any], trigger: str, meant: str
) -> None:
    told = api.refused("POST", "messageAutomation", {**automation, "trigger": trigger})
    assert f"Did you mean `{meant}`?" in told["message"]


def test_texts_beside_the_id_of_a_template_are_refused(
    api: Api, template: Any, automation: dict[str, Any]
) -> None:
    both = {"messageTemplate": {"id": template["id"], **ENDS}}
    assert told(api, "messageAutomation", {**automation, **both}) == {
        "messageTemplate.id": "contradiction"
    }
