"""What is saved of messages is what was meant; what could never be sent is refused."""

import uuid
from typing import Any

import pytest

from integrations.messages.happenings import dotted, trigger_events
from integrations.models import Integration, MessageAutomation, MessageTemplate
from otms.accounts.models import Platform
from tests import make
from tests.api.conftest import queued
from tests.conftest import Api
from tests.messages.conftest import TEMPLATE

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mail")]

ENDS = {"subject": "s", "body": "b"}


def create(api: Api, automation: dict[str, Any], **fields: Any) -> Any:
    return api.ok("POST", "messageAutomation", {**automation, **fields})["messageAutomation"]


def carried_out(api: Api, made: Any) -> Any:
    """The integration that does it."""
    return api.ok("GET", f"integration/{made['id']}")["integration"]


def told(api: Api, path: str, body: Any, method: str = "POST") -> dict[str, str]:
    """The code of each problem, by its field."""
    errors = api.refused(method, path, body)["errors"]
    return {each["field"]: each["code"] for each in errors}


# Templates.


def test_a_template_is_made_read_changed_and_deleted(api: Api, template: Any) -> None:
    assert {key: template[key] for key in TEMPLATE} == TEMPLATE
    path = f"messageTemplate/{template['id']}"
    assert api.ok("GET", path)["messageTemplate"] == template
    same = api.ok("PUT", "messageTemplate", template)
    assert "warnings" not in same
    assert same["messageTemplate"] == template
    listed = api.ok("GET", "messageTemplates/0/20")
    assert [each["id"] for each in listed["messageTemplates"]] == [template["id"]]
    assert api.ok("POST", "messageTemplates/0/20", {"name": "Delivered"})["totalResults"] == 1
    assert api.ok("POST", "messageTemplates/0/20", {"name": "Other"})["totalResults"] == 0
    assert api.ok("DELETE", path)["messageTemplate"]["id"] == template["id"]
    api.refused("GET", path, code=404)


@pytest.mark.parametrize(
    ("texts", "problems"),
    [
        ({"subject": "Order {{transportOrder.name"}, {"subject": "open_place"}),
        ({"body": "{{transport order}}"}, {"body": "invalid_path"}),
        ({"body": "{{ }}"}, {"body": "invalid_path"}),
        ({"subject": ""}, {"subject": "blank"}),
    ],
)
def test_a_place_that_cannot_be_filled_is_refused(
    api: Api, template: Any, texts: dict[str, str], problems: dict[str, str]
) -> None:
    assert told(api, "messageTemplate", {**TEMPLATE, **texts}) == problems
    assert told(api, "messageTemplate", {"id": template["id"], **texts}, "PUT") == problems
    stored = api.ok("GET", f"messageTemplate/{template['id']}")["messageTemplate"]
    assert stored == template


def test_a_misspelt_place_is_told(api: Api) -> None:
    texts = {"subject": "{{transportOrder.nmae}}", "body": "{{transportOrdr.name}}"}
    made = api.ok("POST", "messageTemplate", {**TEMPLATE, **texts})
    found = {each["field"]: each for each in made["warnings"]}
    assert {each["code"] for each in found.values()} == {"unknown_path"}
    assert "Did you mean `$.transportOrder.name`?" in found["subject"]["message"]
    assert "Did you mean `$.transportOrder.name`?" in found["body"]["message"]


def test_a_template_that_is_sent_is_not_deleted(api: Api, automation: Any) -> None:
    made = create(api, automation)
    path = f"messageTemplate/{automation['messageTemplate']['id']}"
    assert "sent by Order realized:" in api.refused("DELETE", path, code=409)["message"]
    api.ok("DELETE", f"messageAutomation/{made['id']}")
    api.ok("DELETE", path)


def test_a_change_made_from_an_older_copy_is_refused(
    api: Api, template: Any, automation: Any
) -> None:
    api.ok("PUT", "messageTemplate", {"id": template["id"], "name": "Other"})
    api.refused("PUT", "messageTemplate", template, code=409)
    made = create(api, automation)
    api.ok("PUT", "messageAutomation", {"id": made["id"], "name": "Other"})
    api.refused("PUT", "messageAutomation", made, code=409)


# Automations.


def test_an_automation_is_an_integration(api: Api, automation: Any) -> None:
    made = create(api, automation)
    assert {key: made[key] for key in ("type", "name", "enabled", "trigger")} == {
        "type": "messageAutomation",
        "name": "Order realized",
        "enabled": True,
        "trigger": "transportOrder.status.realized",
    }
    assert (made["automationConfig"], made["recipients"]) == (None, None)
    assert made["messageTemplate"] == {**automation["messageTemplate"], "name": "Delivered"}
    found = carried_out(api, made)
    assert found["type"] == "messageAutomation"
    assert found["trigger"] == {"entity": "transportOrder", "actions": ["created", "updated"]}
    assert found["filters"] == [
        {"field": "$.transportOrder.status", "operator": "changedTo", "value": "realized"}
    ]
    (source,) = found["dataSources"]
    assert source["connector"] == "email"
    assert source["mapping"]["to"] == [
        "$.transportOrder.customer.contactDetails[?(@.type=='email')].value"
    ]
    assert source["mapping"]["subject"] == {"$text": TEMPLATE["subject"]}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"recipients": ["ann@acme.example", "$.transportOrder.externalAttributes.mail"]},
        {
            "trigger": None,
            "automationConfig": {
                "triggerType": "trigger",
                "triggerEvent": "afterUpdatingTransportOrder",
                "schedule": {
                    "integrationSchedulerScheduleValue": 1,
                    "integrationSchedulerScheduleType": "hours",
                    "milliseconds": 3600000,
                },
            },
        },
    ],
)
def test_what_was_read_may_be_sent_back(api: Api, automation: Any, more: Any) -> None:
    made = create(api, automation, **more)
    source = carried_out(api, made)["dataSources"][0]["id"]
    read = api.ok("GET", f"messageAutomation/{made['id']}")["messageAutomation"]
    assert read == made
    again = api.ok("PUT", "messageAutomation", read)
    assert "warnings" not in again
    assert again["messageAutomation"] == made
    assert carried_out(api, made)["dataSources"][0]["id"] == source


def test_a_schedule_of_the_config_is_that_of_the_integration(api: Api, automation: Any) -> None:
    schedule = {"integrationSchedulerScheduleValue": 1, "integrationSchedulerScheduleType": "hours"}
    config = {"triggerEvent": "afterCreatingTransportOrder", "schedule": schedule}
    made = create(api, automation, trigger=None, automationConfig=config)
    assert carried_out(api, made)["schedule"]["milliseconds"] == 3_600_000
    schedule["integrationSchedulerScheduleType"] = "moons"
    body = {"id": made["id"], "automationConfig": config}
    errors = api.refused("PUT", "messageAutomation", body)["errors"]
    assert errors[0]["field"].startswith("automationConfig.schedule.")


def test_a_new_spelling_takes_the_place_of_both(api: Api, automation: Any) -> None:
    made = create(api, automation)
    config = {"triggerType": "trigger", "triggerEvent": "afterCreatingTransportOrder"}
    body = {"id": made["id"], "automationConfig": config}
    changed = api.ok("PUT", "messageAutomation", body)["messageAutomation"]
    assert (changed["trigger"], changed["automationConfig"]) == (None, config)
    assert carried_out(api, made)["trigger"]["actions"] == ["created"]
    assert carried_out(api, made)["filters"] == []


def test_what_is_said_in_other_words_is_a_change(api: Api, automation: Any) -> None:
    made = create(api, automation)
    usual = carried_out(api, made)["dataSources"][0]["mapping"]["to"]
    changed = api.ok("PUT", "messageAutomation", {"id": made["id"], "recipients": usual})
    assert changed["messageAutomation"]["recipients"] == usual
    api.refused("PUT", "messageAutomation", made, code=409)


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


def test_it_is_changed_where_it_was_made(api: Api, automation: Any) -> None:
    made = create(api, automation)
    found = carried_out(api, made)
    told = api.refused("PUT", "integration", {"id": made["id"], "name": "Mine"}, code=409)
    assert "PUT /api/messageAutomation" in told["message"]
    api.refused("PUT", "integration", {"id": made["id"], "dataSources": []}, code=409)
    api.refused("DELETE", f"integration/{made['id']}", code=409)
    api.ok("PUT", "integration", found)
    assert not api.ok("PUT", "integration", {"id": made["id"], "enabled": False})["integration"][
        "enabled"
    ]
    assert create(api, automation)["name"] == made["name"]


def test_a_deleted_automation_leaves_its_history(api: Api, automation: Any) -> None:
    made = create(api, automation)
    waiting = queued(Integration.objects.across_platforms().get(pk=made["id"]))
    gone = api.ok("DELETE", f"messageAutomation/{made['id']}")["messageAutomation"]
    assert gone == made
    api.refused("GET", f"messageAutomation/{made['id']}", code=404)
    api.refused("GET", f"integration/{made['id']}", code=404)
    (row,) = api.ok("GET", f"integration/{made['id']}/objects/0/20")["objects"]
    assert (row["id"], row["status"]) == (str(waiting.uuid), "CANCELLED")


def test_a_copy_is_switched_off(api: Api, automation: Any) -> None:
    made = create(api, automation, recipients=["ann@acme.example"], description="for Ann")
    copy = api.ok("POST", f"messageAutomation/{made['id']}/duplicate")["messageAutomation"]
    for key in ("description", "trigger", "messageTemplate", "recipients"):
        assert copy[key] == made[key]
    assert copy["id"] != made["id"]
    assert (copy["name"], copy["enabled"]) == ("Order realized (copy)", False)
    assert not carried_out(api, copy)["enabled"]


def test_they_are_listed_and_searched(api: Api, automation: Any) -> None:
    ids = [create(api, automation, name=f"Number {number}")["id"] for number in range(3)]
    page = api.ok("GET", "messageAutomations/0/2")
    assert [each["id"] for each in page["messageAutomations"]] == [ids[2], ids[1]]
    assert page["totalResults"] == 3
    api.ok("PUT", "messageAutomation", {"id": ids[0], "enabled": False})
    for example in (
        {"name": "Number 0"},
        {"enabled": False},
        {"id": ids[0]},
    ):
        found = api.ok("POST", "messageAutomations/0/20", example)["messageAutomations"]
        assert [each["id"] for each in found] == [ids[0]]
    assert told(api, "messageAutomations/0/20", {"moon": 1}) == {"moon": "unknown_field"}


def test_what_is_ready_made_can_be_sent_as_it_is(api: Api) -> None:
    found = api.ok("GET", "messageAutomation-templates")
    assert len(found["messageAutomationTemplates"]) == found["totalResults"] > 2
    for each in found["messageAutomationTemplates"]:
        made = api.ok("POST", "messageAutomation", each)
        assert "warnings" not in made
        assert made["messageAutomation"]["messageTemplate"]["name"] == each["name"]


def test_the_client_may_choose_the_id(api: Api, automation: Any) -> None:
    id = str(uuid.uuid4())
    assert create(api, automation, id=id, nonce="n-1")["nonce"] == "n-1"
    assert told(api, "messageAutomation", {**automation, "id": id}) == {"id": "taken"}
    assert api.ok("GET", f"messageAutomation/{id}")["messageAutomation"]["id"] == id
    made = api.ok("POST", "messageTemplate", {**TEMPLATE, "id": id})["messageTemplate"]
    assert made["id"] == id
    assert told(api, "messageTemplate", {**TEMPLATE, "id": id}) == {"id": "taken"}


def test_a_call_with_a_key_has_its_effect_once(
    api: Api, automation: Any, platform: Platform
) -> None:
    answers = [
        api("POST", "messageAutomation", automation, headers={"Idempotency-Key": "once"})
        for _ in range(2)
    ]
    assert answers[0].content == answers[1].content
    assert MessageAutomation.objects.of(platform).count() == 1


def test_another_platform_finds_nothing(api: Api, automation: Any) -> None:
    made = create(api, automation)
    other = Api(make.token(make.UserFactory()))
    template = automation["messageTemplate"]["id"]
    for path in (
        f"messageAutomation/{made['id']}",
        f"messageAutomation/{made['id']}/history/0/20",
        f"messageTemplate/{template}",
    ):
        other.refused("GET", path, code=404)
    other.refused("POST", f"messageAutomation/{made['id']}/duplicate", code=404)
    other.refused("PUT", "messageAutomation", {"id": made["id"], "name": "Mine"}, code=404)
    other.refused("DELETE", f"messageTemplate/{template}", code=404)
    assert told(other, "messageAutomation", automation) == {"messageTemplate.id": "unknown"}
    assert other.ok("GET", "messageAutomations/0/20")["totalResults"] == 0
    assert other.ok("GET", "messageTemplates/0/20")["totalResults"] == 0


def test_an_integration_may_not_write_messages(api: Api, automation: Any) -> None:
    made = create(api, automation)
    body = {"integrationId": made["id"]}
    token = api.ok("POST", "integration/generate/credentials", body)["credentials"]["token"]
    Api(token).refused("GET", "messageAutomations/0/20", code=403)
    Api(token).ok("GET", f"integration/{made['id']}/objects/0/20")


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
