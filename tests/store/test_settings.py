"""The settings of an installation are changed, and what is wrong with them is named."""

from typing import Any

import pytest

from integrations.models import (
    Status,
)
from otms.accounts.models import Platform
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.sink import Sink
from tests.store.apps import SECRET, errors, hook, installed, nothing_is_there

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"webhookUrl": ""}, [("settings.webhookUrl", "required")]),
        ({"webhookUrl": 5}, [("settings.webhookUrl", "invalid")]),
        ({"webhookUrl": "***"}, [("settings.webhookUrl", "secret_missing")]),
        ({"webhookUrl": "hooks.example"}, [("settings.webhookUrl", "invalid")]),
        ({"webhookUrl": "https://10.0.0.1/x"}, [("settings.webhookUrl", "address_refused")]),
        (
            {"webhokUrl": "https://hooks.example", "statuses": ["moon"]},
            [("settings.webhokUrl", "unknown_field"), ("settings.statuses", "invalid")],
        ),
        (
            {"webhookUrl": "https://hooks.example", "text": "{{transportOrder.}}"},
            [("settings.text", "invalid_path")],
        ),
    ],
)
def test_settings_that_are_wrong_are_named(
    given: Any, wrong: list[tuple[str, str]], api: Api, platform: Platform
) -> None:
    told = api.refused("POST", "app/slack/install", {"settings": given})
    assert errors(told) == wrong
    assert nothing_is_there(platform)


def test_a_misspelt_place_is_told_at_its_setting(api: Api, sink: Sink) -> None:
    settings = {"webhookUrl": sink.url("/slack/open"), "text": "{{transportOrder.nmae}}"}
    told = api.ok("POST", "app/slack/install", {"settings": settings})["warnings"]
    assert errors({"errors": told}) == [("settings.text", "unknown_path")]


def test_a_text_that_no_order_can_fill_is_told_at_its_setting(
    api: Api, platform: Platform, sink: Sink
) -> None:
    settings = {"webhookUrl": sink.url("/slack/open"), "text": "{{transportOrder}}"}
    told = api.refused("POST", "app/slack/install", {"settings": settings})
    assert errors(told) == [("settings.text", "mapping_error")]
    assert 'name one of its fields: "name", "status"' in told["message"]
    assert nothing_is_there(platform)


def test_what_was_read_may_be_sent_back_whole(api: Api, sink: Sink) -> None:
    installed(api, "signed-webhook", hook(sink))
    (before,) = api.ok("GET", "apps/installed")["appInstallations"]
    calls = len(sink.requests)
    answer = api.ok("PUT", "appInstallation", before)
    assert "warnings" not in answer
    assert answer["appInstallation"] == before
    assert len(sink.requests) == calls
    waiting = api.ok("POST", "app/slack/install")["appInstallation"]
    assert api.ok("PUT", "appInstallation", waiting)["appInstallation"] == waiting


def test_settings_are_changed_one_by_one(api: Api, queue: Queue, sink: Sink) -> None:
    made = installed(api, "signed-webhook", hook(sink))
    change = {"id": made["id"], "name": "ERP", "settings": {"actions": ["updated"]}}
    changed = api.ok("PUT", "appInstallation", change)["appInstallation"]
    assert changed["settings"] == {**made["settings"], "actions": ["updated"]}
    assert changed["name"] == changed["integrations"][0]["name"] == "ERP"
    assert changed["integrations"][0]["id"] == made["integrations"][0]["id"]
    sink.reset()
    queue.save_order()
    queue.run()
    assert not sink.requests


def test_a_refused_change_leaves_what_works(api: Api, queue: Queue, sink: Sink) -> None:
    made = installed(api, "signed-webhook", hook(sink))
    before = api.ok("GET", f"appInstallation/{made['id']}")["appInstallation"]
    bad = {"id": made["id"], "name": "bad", "settings": {"secret": "another"}}
    told = api.refused("PUT", "appInstallation", bad)
    assert errors(told) == [("settings", "check_failed")]
    assert api.ok("GET", f"appInstallation/{made['id']}")["appInstallation"] == before
    queue.save_order()
    queue.run()
    assert queue.only.status == Status.SUCCESS


def test_a_stored_secret_stays_with_the_host_it_was_typed_for(api: Api, sink: Sink) -> None:
    made = installed(api, "signed-webhook", hook(sink))
    seen = len(sink.requests)
    elsewhere = {"url": sink.url("/ok").replace("127.0.0.1", "127.0.0.2"), "secret": "***"}
    told = api.refused("PUT", "appInstallation", {"id": made["id"], "settings": elsewhere})
    assert errors(told) == [("settings.secret", "secret_bound")]
    del elsewhere["secret"]
    told = api.refused("PUT", "appInstallation", {"id": made["id"], "settings": elsewhere})
    assert errors(told) == [("settings.secret", "secret_bound")]
    assert len(sink.requests) == seen
    same_host = {"url": sink.url("/ok"), "secret": "***"}
    api.ok("PUT", "appInstallation", {"id": made["id"], "settings": same_host})


def test_saving_it_again_ends_a_suspension(api: Api, queue: Queue, sink: Sink) -> None:
    made = installed(api, "signed-webhook", hook(sink))
    sink.answers(f"/signed/{SECRET}", "/status/410")
    queue.save_order()
    queue.run()
    where = f"integration/{made['integrations'][0]['id']}"
    assert api.ok("GET", where)["integration"]["health"]["state"] == "SUSPENDED"
    whole = api.ok("GET", f"appInstallation/{made['id']}")["appInstallation"]
    api.ok("PUT", "appInstallation", whole)
    assert api.ok("GET", where)["integration"]["health"]["state"] != "SUSPENDED"


def test_an_older_copy_is_not_written_back(api: Api, sink: Sink) -> None:
    made = installed(api, "signed-webhook", hook(sink))
    api.ok("PUT", "appInstallation", {"id": made["id"], "name": "ERP"})
    told = api.refused("PUT", "appInstallation", {**made, "name": "mine"}, code=409)
    assert "changed by somebody else" in told["message"]


def test_who_comes_back_with_the_settings_finishes_what_waits(api: Api, sink: Sink) -> None:
    waiting = api.ok("POST", "app/slack/install")["appInstallation"]
    given = {"settings": {"webhookUrl": sink.url("/slack/open")}}
    active = api.ok("POST", "app/slack/install", given)["appInstallation"]
    assert (active["id"], active["status"]) == (waiting["id"], "ACTIVE")
    assert api.ok("GET", "apps/installed")["totalResults"] == 1


def test_a_setting_beside_the_settings_is_told_where_it_belongs(api: Api) -> None:
    told = api.refused("POST", "app/slack/install", {"webhookUrl": "https://hooks.example"})
    assert told["errors"] == [
        {
            "field": "webhookUrl",
            "code": "misplaced",
            "message": 'This is a setting of Slack: write {"settings": {"webhookUrl": ...}}.',
        }
    ]
    assert api.ok("GET", "apps/installed")["totalResults"] == 0


def test_choosing_none_is_not_choosing_all(api: Api, sink: Sink) -> None:
    settings = {"webhookUrl": sink.url("/slack/open"), "statuses": ["planned"]}
    active = api.ok("POST", "app/slack/install", {"settings": settings})["appInstallation"]
    none = {"id": active["id"], "settings": {"statuses": []}}
    told = api.refused("PUT", "appInstallation", none)
    assert told["errors"][0]["field"] == "settings.statuses"
    usual = {"id": active["id"], "settings": {"statuses": None}}
    shown = api.ok("PUT", "appInstallation", usual)["appInstallation"]
    assert len(shown["settings"]["statuses"]) > 1
