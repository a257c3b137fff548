"""An automation is an integration, made, changed, copied and deleted in its own words."""

import uuid
from typing import Any

import pytest

from integrations.models import Integration, MessageAutomation
from otms.accounts.models import Platform
from tests import make
from tests.api.conftest import queued
from tests.conftest import Api
from tests.messages.conftest import TEMPLATE
from tests.messages.writing import carried_out, create, told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mail")]


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


def test_a_change_made_from_an_older_copy_is_refused(
    api: Api, template: Any, automation: Any
) -> None:
    api.ok("PUT", "messageTemplate", {"id": template["id"], "name": "Other"})
    api.refused("PUT", "messageTemplate", template, code=409)
    made = create(api, automation)
    api.ok("PUT", "messageAutomation", {"id": made["id"], "name": "Other"})
    api.refused("PUT", "messageAutomation", made, code=409)


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
