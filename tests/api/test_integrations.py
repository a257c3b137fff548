"""An integration is one document: made, changed in part, checked whole, deleted softly."""

import socket
import uuid
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations import definition, egress, entities
from integrations.api import shapes
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
        "queued": 0,
        "oldestDueSeconds": 0,
        "lastSuccessAt": None,
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


# Data sources and their secrets.


def test_known_data_sources_keep_id_and_secrets_others_go(api: Api) -> None:
    made = create(
        api, dataSources=[webhook(name="a", settings={"secret": "hush"}), webhook(name="b")]
    )
    first, second = made["dataSources"]
    changed = change(
        api, made, dataSources=[webhook(name="new"), {"id": first["id"], "name": "renamed"}]
    )
    new, renamed = changed["dataSources"]
    assert (renamed["id"], renamed["name"], renamed["settings"]) == (
        first["id"],
        "renamed",
        {"url": URL, "secret": "***"},
    )
    assert new["id"] not in (first["id"], second["id"])
    assert source_of(changed, 1).secrets == {"secret": "hush"}
    assert DataSource.objects.across_platforms().count() == 2
    assert change(api, made, name="x")["dataSources"] == changed["dataSources"]
    assert change(api, made, dataSources=[])["dataSources"] == []


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ({"secret": "***"}, {"secret": "hush"}),
        ({}, {"secret": "hush"}),
        ({"secret": "other"}, {"secret": "other"}),
        ({"secret": ""}, {}),
        ({"secret": None}, {}),
    ],
)
def test_a_secret_stays_until_another_is_typed(api: Api, typed: Any, kept: Any) -> None:
    made = create(api, dataSources=[webhook(settings={"secret": "hush"})])
    id = made["dataSources"][0]["id"]
    settings = {"url": f"{URL}?v=2", **typed}
    changed = change(api, made, dataSources=[{"id": id, "settings": settings}])
    assert source_of(changed).secrets == kept
    shown = {"url": f"{URL}?v=2", **dict.fromkeys(kept, "***")}
    assert changed["dataSources"][0]["settings"] == shown


@pytest.mark.parametrize(
    "url", ["https://8.8.8.8/", "http://93.184.216.34/", "https://8.8.8.8:8443/"]
)
def test_a_secret_does_not_follow_to_another_host(api: Api, url: str) -> None:
    made = create(api, dataSources=[webhook(settings={"secret": "hush"})])
    source = made["dataSources"][0]
    for typed in ({"secret": "***"}, {}):
        moved = {"id": source["id"], "settings": {"url": url, **typed}}
        body = {"id": made["id"], "dataSources": [moved]}
        (error,) = api.refused("PUT", "integration", body)["errors"]
        assert (error["field"], error["code"]) == ("dataSources[0].settings.secret", "secret_bound")
        assert source_of(made).secrets == {"secret": "hush"}
    moved = {"id": source["id"], "settings": {"url": url, "secret": None}}
    assert source_of(change(api, made, dataSources=[moved])).secrets == {}


def test_a_data_source_written_anew_under_its_name_is_the_same(api: Api) -> None:
    made = create(
        api, dataSources=[webhook(name="ERP", mapping={"a": 1}, settings={"secret": "hush"})]
    )
    again = {"name": "ERP", "connector": "webhook", "settings": {"url": URL}}
    (source,) = change(api, made, dataSources=[again])["dataSources"]
    assert source["id"] == made["dataSources"][0]["id"]
    assert source["settings"] == {"url": URL, "secret": "***"}
    assert source["mapping"] is None


def test_two_data_sources_of_one_name_are_told_by_their_ids(api: Api) -> None:
    made = create(api, dataSources=[webhook(settings={"secret": "hush"}), webhook()])
    before = {each["id"] for each in made["dataSources"]}
    (source,) = change(api, made, dataSources=[webhook()])["dataSources"]
    assert source["id"] not in before
    assert source["settings"] == {"url": URL}


def test_a_secret_does_not_follow_to_another_connector(api: Api) -> None:
    made = create(api, dataSources=[webhook(settings={"secret": "hush"})])
    source = {"id": made["dataSources"][0]["id"], "connector": "slack"}
    draft, _ = definition.assembled(source_of(made).integration, source_of(made), source)
    assert draft.secrets == {}


def test_stars_are_no_secret_where_none_is_stored(api: Api) -> None:
    source = webhook(settings={"secret": "***"})
    assert refused(api, dataSources=[source]) == {
        "dataSources[0].settings.secret": "secret_missing"
    }


def test_a_secret_is_text(api: Api) -> None:
    found = refused(api, dataSources=[webhook(settings={"secret": 5})])
    assert found == {"dataSources[0].settings.secret": "invalid"}


def test_settings_are_kept_as_they_were_checked(api: Api) -> None:
    made = create(api, dataSources=[webhook(f" {URL}\n")])
    assert made["dataSources"][0]["settings"]["url"] == URL


def test_a_data_source_can_not_be_taken_from_another_integration(api: Api) -> None:
    theirs = make.integration(URL).data_sources.get()
    for id in (str(theirs.pk), create(api, dataSources=[webhook()])["dataSources"][0]["id"]):
        found = refused(api, dataSources=[webhook(id=id)])
        assert found == {"dataSources[0].id": "taken"}
    id = str(uuid.uuid4())
    assert create(api, dataSources=[webhook(id=id)])["dataSources"][0]["id"] == id
    id = str(uuid.uuid4())
    twice = refused(api, dataSources=[webhook(id=id), webhook(id=id)])
    assert twice == {"dataSources[1].id": "taken"}


def test_no_answer_and_no_column_shows_a_secret(api: Api) -> None:
    made = create(api, dataSources=[webhook(settings={"secret": "hush-hush"})])
    where = f"integration/{made['id']}"
    for answer in (
        api("GET", where),
        api("GET", "integrations/0/10"),
        api("POST", "integrations/0/10", {}),
        api("PUT", "integration", made),
        api("PUT", "integration", {"id": made["id"], "dataSources": [webhook("nonsense")]}),
        api("DELETE", where),
    ):
        assert b"hush" not in answer.content
    with connection.cursor() as cursor:
        cursor.execute("SELECT settings, secrets FROM integrations_datasource")
        (row,) = cursor.fetchall()
    assert "hush" not in str(row)
    assert row[1].startswith("gAAAA")


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
            {"dataSources[0].success": "unknown_field"},
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


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://127.0.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "http://[::1]/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://\uff11\uff10.0.0.1/",
        "http://127.0.0.1%2f@8.8.8.8/",
        "http://user:password@8.8.8.8/",
        "http://8.8.8.8:22/",
        "ftp://8.8.8.8/",
        "file:///etc/passwd",
        "//8.8.8.8/",
        "http://[::1",
        "http://[fe80::1%25eth0]/",
        "http://8.8.8.8:99999/",
        "http:///orders",
        "http://8.8.8.8\\@127.0.0.1/",
        "8.8.8.8",
        "",
    ],
)
def test_an_address_that_may_not_be_dialled_is_refused_on_save(api: Api, url: str) -> None:
    assert list(refused(api, dataSources=[webhook(url)])) == ["dataSources[0].settings.url"]


def test_a_name_that_leads_inside_is_refused_on_save(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(host: str, port: int, **_: Any) -> Any:
        address = {"inside.example": "192.168.1.7"}.get(host, "93.184.216.34")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    found = refused(api, dataSources=[webhook("https://inside.example/")])
    assert found == {"dataSources[0].settings.url": "address_refused"}
    assert create(api, dataSources=[webhook("https://outside.example/")])


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("example.com/orders", "Write the whole URL: https://example.com/orders"),
        ("//8.8.8.8/", "Write the whole URL: https://8.8.8.8/"),
        ("localhost:8000", "Write the whole URL: https://localhost:8000"),
        ("http://user:hush@8.8.8.8/", "Take the user name and the password out"),
        ("user:hush@erp.example/?a=b", 'write them as {"auth": {"type": "basic"'),
    ],
)
def test_a_refused_address_says_what_to_write(api: Api, url: str, words: str) -> None:
    body = {**GUIDE_BODY, "dataSources": [webhook(url)]}
    message = api.refused("POST", "integration", body)["message"]
    assert words in message
    assert "hush" not in message


def test_an_at_sign_behind_the_host_is_no_login(api: Api) -> None:
    assert create(api, dataSources=[webhook("https://8.8.8.8?to=a@b.example")])


def test_a_name_that_leads_nowhere_is_kept_and_told(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def resolve(host: str, port: int, **_: Any) -> Any:
        asked.append(host)
        if host == "nowhere.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    sources = [webhook("https://erp.example/x"), webhook("https://nowhere.example/x")]
    answer = api.ok("POST", "integration", {**GUIDE_BODY, "dataSources": sources})
    (warning,) = answer["warnings"]
    assert (warning["field"], warning["code"]) == ("dataSources[1].settings.url", "unresolved_host")
    assert "nowhere.example" in warning["message"]
    assert answer["integration"]["dataSources"][1]["settings"]["url"] == "https://nowhere.example/x"
    asked.clear()
    change(api, answer["integration"], name="x")
    assert asked == [], "a change of something else waits for no name server"


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


def test_a_path_that_no_document_has_is_kept_and_told(api: Api) -> None:
    mapping = {
        "ok": ["$.transportOrder.consignments[*].goods[0].weight.value", "$", "$$", "text"],
        "any": {"$path": "transportOrder.externalAttributes.erp.id", "$default": "$.before"},
        "customer": {"name": {"$path": "transportOrder.custmer.name", "$default": "-"}},
    }
    filters = [
        {"field": "before.transportOrder.status", "operator": "exists"},
        {"any": [{"not": {"field": "$.transportOrder.zzz", "operator": "exists"}}]},
    ]
    body = {**GUIDE_BODY, "filters": filters, "dataSources": [webhook(mapping=mapping)]}
    answer = api.ok("POST", "integration", {**body, "colour": "red"})
    told = {each["field"]: each for each in answer["warnings"]}
    mistyped = "dataSources[0].mapping.customer.name"
    assert list(told) == ["colour", "filters[1].any[0].not.field", mistyped]
    assert told[mistyped]["code"] == "unknown_path"
    assert told[mistyped]["message"] == (
        "`$.transportOrder.custmer.name` is no field that we know of in a change of a "
        "transportOrder. Did you mean `$.transportOrder.customer.name`?"
    )
    assert "Did you mean" not in told["filters[1].any[0].not.field"]["message"]
    made = answer["integration"]
    assert made["dataSources"][0]["mapping"] == mapping
    right = {"id": made["id"], "filters": [], "dataSources": [{"mapping": "$.transportOrder"}]}
    right["dataSources"][0] |= webhook()
    assert "warnings" not in api.ok("PUT", "integration", right)
    moved = {"id": made["id"], "trigger": {"entity": "business", "actions": ["created"]}}
    (warning,) = api.ok("PUT", "integration", moved)["warnings"]
    assert (warning["field"], "Did you mean" in warning["message"]) == (
        "dataSources[0].mapping",
        False,
    )


def test_a_text_that_reads_like_a_path_is_told(api: Api) -> None:
    mapping = {"status": "transportOrder.status", "source": "our.system", "note": "transportOrder"}
    source = {**webhook(), "mapping": mapping}
    answer = api.ok("POST", "integration", {**GUIDE_BODY, "dataSources": [source]})
    (warning,) = answer["warnings"]
    assert (warning["field"], warning["code"]) == (
        "dataSources[0].mapping.status",
        "text_like_path",
    )
    assert "`$.transportOrder.status`" in warning["message"]
    assert answer["integration"]["dataSources"][0]["mapping"] == mapping


def test_a_path_at_which_nothing_is_redacted_is_told(api: Api) -> None:
    mapping = {"contact": {"mail": "$.transportOrder.name"}, "to": {"$text": "x"}}
    sources = [webhook(mapping=mapping), webhook(mapping="$.transportOrder.customer"), webhook()]
    right = [
        *("$.customer.contactDetails[*].value", "$.transportOrder.name", "$.contact.mail", "$.to"),
        *("$.contactDetails[0].value", "$.externalAttributes.a.b", "$..anything", "$.x.*"),
    ]
    wrong = ["$.customer.contactDetail[*].value", "$.contact.mial", "$.zzz"]
    body = {**GUIDE_BODY, "dataSources": sources, "redact": [*right[:-1], *wrong]}
    told = api.ok("POST", "integration", body)["warnings"]
    assert [(each["field"], each["code"]) for each in told] == [
        (f"redact[{place}]", "unknown_path") for place in (7, 8, 9)
    ]
    assert "Did you mean `$.customer.contactDetails[*].value`?" in told[0]["message"]
    assert "Did you mean `$.contact.mail`?" in told[1]["message"]
    assert "Did you mean" not in told[2]["message"]


@pytest.mark.parametrize("key", ["reddact", "Redact", "redacted", "redactions"])
def test_a_misspelt_redact_is_refused(api: Api, key: str) -> None:
    answer = api("POST", "integration", {**GUIDE_BODY, key: ["$.name"]})
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == (key, "unknown_field")
    assert "Did you mean `redact`?" in error["message"]


@pytest.mark.parametrize("entity", entities.known())
def test_every_entity_says_which_fields_it_has(entity: str) -> None:
    assert {"id", "createdAt"} <= shapes.document(entity)[entity].keys()


@pytest.mark.timeout(30)
def test_many_mistyped_paths_are_told_in_time(api: Api) -> None:
    mapping = {f"key{n}": f"$.transportOrder.{'x' * 400}{n}" for n in range(3_000)}
    body = {**GUIDE_BODY, "dataSources": [webhook(mapping=mapping)]}
    assert len(api.ok("POST", "integration", body)["warnings"]) == 100


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


@pytest.mark.django_db(transaction=True)
def test_host_names_are_resolved_outside_the_transaction(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow resolver must hold no lock: on SQLite it would hold everybody's."""
    seen = []

    def noted(url: str) -> None:
        seen.append(connection.in_atomic_block)

    monkeypatch.setattr(egress, "check_url", noted)
    source = {"settings": {"url": "http://erp.example/"}}
    body = {"name": "x", "type": "configured", "dataSources": [source]}
    made = api.ok("POST", "integration", body)["integration"]
    api.ok("PUT", "integration", {"id": made["id"], "dataSources": [source]})
    assert seen == [False, False]


def test_an_integration_has_a_bounded_number_of_data_sources(api: Api) -> None:
    body = {"name": "x", "type": "configured", "dataSources": [{}] * 21}
    refused = api.refused("POST", "integration", body)
    assert refused["errors"][0]["field"] == "dataSources"
