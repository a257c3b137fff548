"""An integration is one document: made, changed in part, checked whole, deleted softly."""

import uuid
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.models import DataSource, Integration, IntegrationObject, Stale, Status
from otms import documents
from otms.accounts.models import Platform
from tests import make
from tests.api.conftest import GUIDE_BODY, URL, queued, webhook
from tests.conftest import Api

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_address_is_allowed(settings: LazySettings) -> None:
    settings.OTMS_EGRESS_ALLOW = []


def create(api: Api, **fields: Any) -> Any:
    return api.ok("POST", "integration", {**GUIDE_BODY, **fields})["integration"]


def change(api: Api, made: Any, **fields: Any) -> Any:
    return api.ok("PUT", "integration", {"id": made["id"], **fields})["integration"]


def refused(api: Api, **fields: Any) -> dict[str, str]:
    """The code of each problem by its field; the same for making one and for changing one."""
    made = create(api)
    found = []
    for method, body in (
        ("POST", {**GUIDE_BODY, **fields}),
        ("PUT", {"id": made["id"], **fields}),
    ):
        errors = api.refused(method, "integration", body)["errors"]
        assert all(error["message"] for error in errors)
        found.append({error["field"]: error["code"] for error in errors})
    assert found[0] == found[1]
    assert api.ok("GET", f"integration/{made['id']}")["integration"] == made
    return found[0]


def source_of(made: Any, number: int = 0) -> DataSource:
    return DataSource.objects.across_platforms().get(pk=made["dataSources"][number]["id"])


def test_the_guides_body_alone_creates_an_integration(api: Api) -> None:
    made = create(api)
    assert {key: made[key] for key in GUIDE_BODY} == GUIDE_BODY
    assert made["trigger"] == {"entity": "transportOrder", "actions": ["created"]}
    assert (made["filters"], made["dataSources"], made["schedule"]) == ([], [], None)
    assert made["delivery"]["timeout"] == 15
    assert made["health"] == {
        "state": "HEALTHY",
        "reason": "",
        "since": None,
        "queued": 0,
        "oldestDueSeconds": 0,
        "lastSuccessAt": None,
        "targets": [],
        "intake": [],
    }
    assert api.ok("GET", f"integration/{made['id']}")["integration"] == made


def test_name_and_type_are_enough_and_needed(api: Api) -> None:
    made = api.ok("POST", "integration", {"name": "x", "type": "manual"})["integration"]
    assert made["enabled"] is True
    found = api.refused("POST", "integration", {})
    assert [error["field"] for error in found["errors"]] == ["name", "type"]


@pytest.mark.parametrize(
    "type", ["configured", "manual", "fileTemplate", "messageAutomation", "apiAccess"]
)
def test_the_five_types_there_are(api: Api, type: str) -> None:
    assert create(api, type=type)["type"] == type


def test_the_client_may_choose_the_id_but_not_a_taken_one(api: Api) -> None:
    id = str(uuid.uuid4())
    assert create(api, id=id)["id"] == id
    for taken in (id, str(make.integration().pk)):
        found = api.refused("POST", "integration", {**GUIDE_BODY, "id": taken})
        assert found["errors"][0]["code"] == "taken"


def test_an_update_changes_what_is_sent_and_nothing_else(api: Api) -> None:
    made = create(api, dataSources=[webhook()])
    changed = change(api, made, enabled=False, nonce="n-1")
    assert changed.pop("nonce") == "n-1"
    assert changed.pop("enabled") is False
    health = changed.pop("health")
    assert (health["state"], health["reason"]) == ("PAUSED", "The integration is not enabled.")
    assert changed.pop("updatedAt") > made["updatedAt"]
    assert changed == {key: made[key] for key in changed}


def test_an_integration_is_sent_back_whole(api: Api) -> None:
    made = create(
        api,
        dataSources=[
            webhook(
                settings={"secret": "hush, and so long that nobody guesses"},
                mapping={"a": "$.transportOrder.id"},
            )
        ],
        schedule={
            "integrationSchedulerScheduleValue": 10,
            "integrationSchedulerScheduleType": "seconds",
        },
        delivery={"retry": {"schedule": [5, 30], "giveUpAfter": "P1D"}},
        filters=[{"field": "$.transportOrder.status", "operator": "changed"}],
    )
    assert made["schedule"]["milliseconds"] == 10_000
    answer = api.ok("PUT", "integration", made)
    assert "warnings" not in answer
    assert {**answer["integration"], "updatedAt": made["updatedAt"]} == made
    assert source_of(made).secrets == {"secret": "hush, and so long that nobody guesses"}


def test_a_stale_copy_is_refused(api: Api) -> None:
    made = create(api)
    change(api, made, name="newer")
    api.refused("PUT", "integration", {**made, "name": "older"}, code=409)


def test_an_unknown_key_of_the_integration_is_a_warning(api: Api) -> None:
    answer = api.ok("POST", "integration", {"name": "x", "type": "manual", "enabeld": False})
    assert answer["integration"]["enabled"] is True
    (warning,) = answer["warnings"]
    assert warning["message"] == ("enabeld is not a field; it was ignored. Did you mean `enabled`?")


# Everything is checked on save.


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({"type": "automatic"}, {"type": "invalid_choice"}),
        ({"name": "x" * 201}, {"name": "max_length"}),
        ({"enabled": "perhaps"}, {"enabled": "invalid"}),
        ({"trigger": "transportOrder"}, {"trigger": "not_an_object"}),
        (
            {"trigger": {"entity": "trip", "actions": ["created"]}},
            {"trigger.entity": "unknown_entity"},
        ),
        (
            {"trigger": {"entity": "transportOrder", "actions": ["moved"]}},
            {"trigger.actions": "invalid_choice"},
        ),
        (
            {"trigger": {"entity": "business", "actions": ["created"], "acts": []}},
            {"trigger.acts": "unknown_field"},
        ),
        ({"filters": {}}, {"filters": "invalid_filters"}),
        ({"filters": None}, {"filters": "null"}),
        (
            {"filters": [{"any": [{"field": "$.a", "operator": "equals", "value": 1}]}]},
            {"filters[0].any[0].operator": "unknown_operator"},
        ),
        (
            {"filters": [{"field": "$.a", "operater": "eq", "operator": "exists"}]},
            {"filters[0].operater": "unknown_field"},
        ),
        ({"delivery": []}, {"delivery": "not_an_object"}),
        ({"delivery": {"timeout": 0}}, {"delivery.timeout": "out_of_range"}),
        ({"delivery": {"concurrency": 10_000}}, {"delivery.concurrency": "out_of_range"}),
        ({"delivery": {"time": 1}}, {"delivery.time": "unknown_field"}),
        (
            {"delivery": {"retry": {"giveUpAfter": "3 days"}}},
            {"delivery.retry.giveUpAfter": "invalid_duration"},
        ),
        ({"schedule": {"milliseconds": 5}}, None),
        ({"dataSources": {}}, {"dataSources": "not_a_list"}),
        ({"dataSources": ["webhook"]}, {"dataSources[0]": "not_an_object"}),
        (
            {"dataSources": [webhook(), {"connector": "ftp"}]},
            {"dataSources[1].connector": "unknown_connector"},
        ),
        (
            {"dataSources": [{"connector": "os", "settings": {"a": 1}}]},
            {"dataSources[0].connector": "unknown_connector"},
        ),
        ({"dataSources": [{}]}, {"dataSources[0].settings.url": "required"}),
        ({"dataSources": [{"conector": "webhook"}]}, {"dataSources[0].conector": "unknown_field"}),
        (
            {"dataSources": [webhook(settings={"secert": "x"})]},
            {"dataSources[0].settings.secert": "unknown_field"},
        ),
        (
            {"dataSources": [webhook(mapping={"erp_id": "$.transportOrder["})]},
            {"dataSources[0].mapping.erp_id": "invalid_path"},
        ),
        (
            {"dataSources": [webhook(success={"status": [99]})]},
            {"dataSources[0].success.status": "invalid_status"},
        ),
        (
            {"dataSources": [webhook(success={"code": 1})]},
            {"dataSources[0].success.code": "unknown_field"},
        ),
    ],
)
def test_every_problem_is_named(api: Api, fields: Any, problems: Any) -> None:
    found = refused(api, **fields)
    if problems is not None:
        assert found == problems


def test_all_problems_are_named_at_once(api: Api) -> None:
    found = refused(
        api,
        trigger={"entity": "trips"},
        delivery={"timeout": 61},
        dataSources=[webhook("nonsense", mapping={"a": "$["})],
    )
    assert list(found) == [
        "trigger.entity",
        "trigger.actions",
        "delivery.timeout",
        "dataSources[0].settings.url",
        "dataSources[0].mapping.a",
    ]


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ({"trigger": {"entity": "transportOrders", "actions": ["created"]}}, "`transportOrder`"),
        ({"trigger": {"entity": "business", "actions": ["created"], "acts": 1}}, "`actions`"),
        ({"filters": [{"field": "$.a", "operater": "eq"}]}, "`operator`"),
        ({"filters": [{"field": "$.a", "operator": "startWith", "value": "x"}]}, "`startsWith`"),
        ({"dataSources": [{"conector": "webhook"}]}, "`connector`"),
        ({"dataSources": [webhook(settings={"secert": "x"})]}, "`secret`"),
        ({"delivery": {"timout": 5}}, "`timeout`"),
        ({"delivery": {"retry": {"shedule": [5]}}}, "`schedule`"),
    ],
)
def test_a_slip_gets_a_suggestion(api: Api, fields: Any, hint: str) -> None:
    message = api.refused("POST", "integration", {**GUIDE_BODY, **fields})["errors"][0]["message"]
    assert f"did you mean {hint}?" in message.replace("Did", "did")


# Lists, search, delete.


def test_integrations_are_listed_and_searched_newest_first(api: Api, platform: Platform) -> None:
    make.integration()
    for name, type in (("a", "configured"), ("b", "manual"), ("c", "configured")):
        create(api, name=name, type=type, enabled=name != "c")

    def found(body: Any = None) -> list[str]:
        answer = api.ok("GET" if body is None else "POST", "integrations/0/20", body)
        assert answer["totalResults"] == len(answer["integrations"])
        return [each["name"] for each in answer["integrations"]]

    assert found() == found({}) == ["c", "b", "a"]
    assert found({"type": "configured"}) == ["c", "a"]
    assert found({"type": "configured", "enabled": True, "nonce": "n"}) == ["a"]
    for body in ({"typ": "manual"}, {"type": "x"}, {"enabled": "perhaps"}, {"trigger": {}}):
        (error,) = api.refused("POST", "integrations/0/20", body)["errors"]
        assert error["field"] == next(iter(body))


def test_a_longer_list_takes_no_more_queries(api: Api) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            api.ok("GET", "integrations/0/100")
        return len(seen)

    create(api, dataSources=[webhook()])
    few = queries()
    for _ in range(4):
        create(api, dataSources=[webhook(), webhook()])
    assert queries() == few


def test_a_deleted_integration_is_gone_but_its_history_stays(
    api: Api, integration: Integration
) -> None:
    waiting = queued(integration)
    where = f"integration/{integration.pk}"
    shown = api.ok("DELETE", where)["integration"]
    assert (shown["id"], shown["enabled"]) == (str(integration.pk), False)
    assert (shown["health"]["state"], shown["health"]["queued"]) == ("DELETED", 0)
    for method, path, body in (
        ("GET", where, None),
        ("DELETE", where, None),
        ("PUT", "integration", {"id": str(integration.pk), "name": "x"}),
        ("POST", "integration/generate/credentials", {"integrationId": str(integration.pk)}),
    ):
        api.refused(method, path, body, code=404)
    assert api.ok("GET", "integrations/0/10")["totalResults"] == 0
    (row,) = api.ok("GET", f"{where}/objects/0/10")["objects"]
    assert (row["id"], row["status"]) == (str(waiting.uuid), Status.CANCELLED)
    assert row["reason"] == "The integration was deleted."
    assert api.ok("GET", f"{where}/logs/0/10")["logs"][0]["code"] == "cancelled"


def test_who_deletes_it_second_hears_that_it_is_gone(integration: Integration) -> None:
    other = Integration.objects.of(integration.platform).get(pk=integration.pk)
    assert integration.retire()
    assert not other.retire()


def test_what_was_read_before_does_not_undo_what_was_saved_since(
    api: Api, integration: Integration
) -> None:
    def read() -> Integration:
        return Integration.objects.of(integration.platform).get(pk=integration.pk)

    whole, switched, deleted = read(), read(), read()
    api.ok("PUT", "integration", {"id": str(integration.pk), "name": "Renamed"})
    with pytest.raises(Stale):
        whole.save()
    assert switched.switch(False)
    assert (read().name, read().enabled) == ("Renamed", False)
    assert read().gate.pause_reason
    assert read().version > whole.version + 1
    assert deleted.retire()
    assert read().name == "Renamed"
    assert not switched.switch(True)
    with pytest.raises(Stale):
        read().save()
    assert not read().enabled


def test_free_text_and_secrets_are_kept_as_they_are_typed(api: Api) -> None:
    source = webhook(f" {URL} ", settings={"secret": " hush "})
    source["settings"]["url"] = f" {URL} "
    made = create(api, name=" ERP ", description=" - two\n - lines\n", dataSources=[source])
    assert (made["name"], made["description"]) == ("ERP", " - two\n - lines\n")
    assert made["dataSources"][0]["settings"]["url"] == URL
    assert source_of(made).secrets == {"secret": " hush "}


def test_health_says_what_waits(api: Api, integration: Integration) -> None:
    queued(integration)
    health = api.ok("GET", f"integration/{integration.pk}")["integration"]["health"]
    assert health["queued"] == 1
    IntegrationObject.objects.of(integration.platform).cancel("enough")
    health = api.ok("GET", f"integration/{integration.pk}")["integration"]["health"]
    assert health["queued"] == 0


def test_the_digits_of_a_mapping_stay(api: Api) -> None:
    mapping = b'{"rate":1.10,"keys_stay":{"camelKey":"$.a","snake_key":1}}'
    raw = documents.dumps({**GUIDE_BODY, "dataSources": [webhook(mapping="MAPPING")]})
    answer = api("POST", "integration", raw.replace(b'"MAPPING"', mapping))
    assert b'"mapping":' + mapping in answer.content


@pytest.mark.parametrize("unit", [["seconds"], {}, None, 5])
def test_a_schedule_of_no_known_unit_is_refused(api: Api, unit: Any) -> None:
    schedule = {
        "integrationSchedulerScheduleValue": 1,
        "integrationSchedulerScheduleType": unit,
    }
    body = {"name": "x", "type": "configured", "schedule": schedule}
    refused = api.refused("POST", "integration", body)
    assert refused["errors"][0]["field"] == "schedule.integrationSchedulerScheduleType"
