"""An app is installed when its target says yes; what it does shows in the other system."""

from contextlib import closing
from typing import Any

import pytest
from django.db import connection

from integrations import store
from integrations.models import (
    AppAccessToken,
    AppInstallation,
    DataSource,
    Integration,
    Status,
)
from otms.accounts.models import Platform, User
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def hook(sink: Sink, secret: str = SECRET, **more: Any) -> dict[str, Any]:
    """The settings of a signed webhook whose receiver knows the secret."""
    return {"url": sink.url(f"/signed/{SECRET}"), "secret": secret, **more}


def installed(api: Api, app: str, settings: Any, **more: Any) -> Any:
    body = {"settings": settings, **more}
    return api.ok("POST", f"app/{app}/install", body)["appInstallation"]


def errors(told: Any) -> list[tuple[str, str]]:
    return [(each["field"], each["code"]) for each in told["errors"]]


def nothing_is_there(platform: Platform) -> bool:
    models: list[Any] = [AppInstallation, AppAccessToken, Integration, DataSource]
    return not any(model.objects.of(platform).exists() for model in models)


# The store.


def test_the_store_shows_what_there_is(api: Api) -> None:
    found = api.ok("GET", "app-store/browse/0/20")
    assert [each["id"] for each in found["apps"]] == [
        "postgresql-warehouse",
        "signed-webhook",
        "slack",
    ]
    assert found["totalResults"] == 3
    slack = found["apps"][2]
    assert slack["lastVersion"]["version"] == "1.0.0"
    assert slack["publisher"] == {"name": "OTMS"}
    assert slack["settings"]["webhookUrl"]["secret"] is True
    assert slack["settings"]["statuses"]["required"] is True
    assert slack == api.ok("GET", "app/slack")["app"]
    with closing(api.client.get(slack["logo"]["url"])) as answer:
        assert answer["Content-Type"] == "image/svg+xml"
    assert [each["id"] for each in api.ok("GET", "app-store/browse/1/1")["apps"]] == [
        "signed-webhook"
    ]


def test_the_store_is_narrowed_by_category(api: Api) -> None:
    category = api.ok("GET", "app/slack")["app"]["category"]["id"]
    found = api.ok("GET", f"app-store/browse/0/20?categoryId={category}")
    assert [each["id"] for each in found["apps"]] == ["slack"]
    assert found["totalResults"] == 1
    told = api.refused("GET", "app-store/browse/0/20?categoryId=moon")
    assert told["errors"][0]["field"] == "categoryId"
    assert f"{category}" in told["message"]


def test_an_app_that_is_not_there_is_not_found(api: Api) -> None:
    told = api.refused("POST", "app/slak/install", code=404)
    assert "there are: postgresql-warehouse, signed-webhook, slack." in told["message"]
    api.refused("GET", "app/..%2Fslack", code=404)


# Installing.


def test_an_app_is_installed_as_the_vendor_documents_it(
    api: Api, platform: Platform, sink: Sink
) -> None:
    """Without a body; then it says what it needs, and gets it."""
    first = api.ok("POST", "app/slack/install")["appInstallation"]
    assert (first["status"], first["missing"]) == ("INSTALLING", ["webhookUrl"])
    assert "Webhook URL" in first["message"]
    assert first["integrations"] == []
    assert api.ok("POST", "app/slack/install")["appInstallation"]["id"] == first["id"]
    shown = api.ok("GET", "apps/installed")
    assert shown == {**shown, "appInstallations": [first], "totalResults": 1}
    settings = {"webhookUrl": sink.url("/slack/open")}
    given = {"id": first["id"], "settings": settings}
    active = api.ok("PUT", "appInstallation", given)["appInstallation"]
    assert (active["status"], active["missing"], active["message"]) == ("ACTIVE", [], "")
    assert active["app"]["id"] == "slack"
    assert active["settings"]["webhookUrl"] == "***"
    (integration,) = active["integrations"]
    owned = api.ok("GET", f"integration/{integration['id']}")["integration"]
    assert owned["installationId"] == active["id"]
    assert (owned["type"], owned["enabled"]) == ("manual", True)
    assert [one.json() for one in sink.requests] == [{"text": ""}]


def test_a_message_is_posted_when_an_order_changes_its_status(
    api: Api, queue: Queue, sink: Sink
) -> None:
    text = "{{transportOrder.name}}: {{transportOrder.status}} {url}"
    settings = {"webhookUrl": sink.url("/slack/open"), "text": text, "statuses": ["planned"]}
    assert installed(api, "slack", settings)["status"] == "ACTIVE"
    sink.reset()
    order = queue.save_order(name="4711")
    order.status = "planned"
    order.save()
    order.description = "still planned"
    order.save()
    queue.run()
    assert [one.json() for one in sink.requests] == [{"text": "4711: planned {url}"}]
    assert [each.status for each in queue.all] == [Status.SKIPPED, Status.SUCCESS, Status.SKIPPED]


def test_a_signed_webhook_brings_what_it_was_installed_for(
    api: Api, queue: Queue, sink: Sink
) -> None:
    installed(api, "signed-webhook", hook(sink, actions=["deleted"]))
    sink.reset()
    order = queue.save_order(name="4711")
    order.delete()
    queue.run()
    (received,) = sink.requests
    assert received.json()["transportOrder"]["name"] == "4711"
    assert queue.only.status == Status.SUCCESS


@pytest.mark.parametrize(
    ("app", "given", "field", "said"),
    [
        ("slack", {"webhookUrl": "/slack/wrong"}, "settings.webhookUrl", "no_service"),
        ("slack", {"webhookUrl": "/hang"}, "settings.webhookUrl", "No complete answer"),
        (
            "signed-webhook",
            {"url": "/signed/whsec_AAAA", "secret": "y"},
            "settings",
            "answered 401",
        ),
        ("signed-webhook", {"url": "/redirect/302/ok", "secret": "y"}, "settings", "answered 302"),
    ],
)
def test_an_app_whose_target_says_no_leaves_nothing_behind(
    app: str,
    given: dict[str, str],
    field: str,
    said: str,
    api: Api,
    platform: Platform,
    sink: Sink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("integrations.store.installing.CHECKING", 1.0)
    settings = {name: sink.url(v) if v.startswith("/") else v for name, v in given.items()}
    told = api.refused("POST", f"app/{app}/install", {"settings": settings})
    assert errors(told) == [(field, "check_failed")]
    assert said in told["message"]
    assert nothing_is_there(platform)


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


def test_several_of_one_app_are_told_apart_by_their_names(api: Api, sink: Sink) -> None:
    settings = {"webhookUrl": sink.url("/slack/open")}
    names = [installed(api, "slack", settings)["name"] for _ in range(3)]
    assert names == ["Slack", "Slack 2", "Slack 3"]
    told = api.refused("POST", "app/slack/install", {"name": "Slack 2", "settings": settings})
    assert errors(told) == [("name", "taken")]
    assert installed(api, "slack", settings, name="Drivers")["integrations"][0]["name"] == "Drivers"


# Changing.


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


def test_who_switched_it_off_finds_it_off(api: Api, sink: Sink) -> None:
    made = installed(api, "signed-webhook", hook(sink))
    (integration,) = made["integrations"]
    api.ok("PUT", "integration", {"id": integration["id"], "enabled": False})
    api.ok("PUT", "appInstallation", {"id": made["id"], "settings": {"actions": ["updated"]}})
    shown = api.ok("GET", f"integration/{integration['id']}")["integration"]
    assert shown["enabled"] is False
    assert shown["trigger"]["actions"] == ["updated"]


def test_an_older_copy_is_not_written_back(api: Api, sink: Sink) -> None:
    made = installed(api, "signed-webhook", hook(sink))
    api.ok("PUT", "appInstallation", {"id": made["id"], "name": "ERP"})
    told = api.refused("PUT", "appInstallation", {**made, "name": "mine"}, code=409)
    assert "changed by somebody else" in told["message"]


def test_an_app_that_left_the_store_is_still_shown(
    api: Api, queue: Queue, platform: Platform
) -> None:
    gone = AppInstallation.objects.create(platform=platform, app="gone", name="Gone")
    (shown,) = api.ok("GET", "apps/installed")["appInstallations"]
    assert shown["app"] is None
    told = api.refused("PUT", "appInstallation", {"id": str(gone.pk), "name": "x"}, code=409)
    assert "no longer in the store" in told["message"]
    api.ok("DELETE", f"appInstallation/{gone.pk}")


# Uninstalling.


def test_uninstalling_stops_it_and_keeps_its_history(api: Api, queue: Queue, sink: Sink) -> None:
    made = installed(api, "signed-webhook", hook(sink))
    queue.save_order(name="sent")
    queue.run()
    queue.save_order(name="waiting")
    sink.reset()
    gone = api.ok("DELETE", f"appInstallation/{made['id']}")["appInstallation"]
    assert gone["status"] == "UNINSTALLED"
    queue.save_order(name="later")
    queue.run_when_due()
    assert not sink.requests
    sent, waiting = queue.all
    assert (sent.status, waiting.status) == (Status.SUCCESS, Status.CANCELLED)
    assert waiting.reason == "The app was uninstalled."
    (integration,) = made["integrations"]
    api.refused("GET", f"integration/{integration['id']}", code=404)
    rows = api.ok("GET", f"integration/{integration['id']}/objects/0/20")
    assert rows["totalResults"] == 2
    assert api.ok("GET", "apps/installed")["appInstallations"] == []
    assert api.ok("DELETE", f"appInstallation/{made['id']}")["appInstallation"] == gone
    told = api.refused("PUT", "appInstallation", {"id": made["id"], "name": "x"}, code=409)
    assert "install it again" in told["message"]
    assert AppInstallation.objects.of(queue.platform).get().secrets == {}
    assert installed(api, "signed-webhook", hook(sink))["name"] == "Signed webhook"


# The access token.


def test_the_token_may_what_the_app_asked_for_and_nothing_else(
    api: Api, platform: Platform, sink: Sink
) -> None:
    answer = api.ok("POST", "app/signed-webhook/install", {"settings": hook(sink)})
    made, token = answer["appInstallation"], answer["appAccessToken"]["token"]
    assert token.startswith("otms_app_")
    app = store.find("signed-webhook")
    assert app
    assert answer["appAccessToken"]["permissions"] == list(app.permissions)
    assert made["permissions"] == list(app.permissions)
    assert token not in str(list(AppAccessToken.objects.of(platform).values()))
    again = api.ok(
        "PUT", "appInstallation", {"id": made["id"], "settings": {"actions": ["created"]}}
    )
    assert "appAccessToken" not in again
    caller = Api(token)
    order = make.OrderFactory(platform=platform)
    shown = caller.ok("GET", f"transportOrder/{order.pk}")["transportOrder"]
    assert shown["id"] == str(order.pk)
    caller.ok("GET", "events/0/20")
    theirs = make.OrderFactory()
    caller.refused("GET", f"transportOrder/{theirs.pk}", code=404)
    for method, path in (
        ("GET", "transportOrders/0/20"),
        ("DELETE", f"transportOrder/{order.pk}"),
        ("GET", "apps/installed"),
        ("DELETE", f"appInstallation/{made['id']}"),
        ("GET", f"integration/{made['integrations'][0]['id']}"),
    ):
        caller.refused(method, path, code=403)
    api.ok("DELETE", f"appInstallation/{made['id']}")
    told = caller.refused("GET", f"transportOrder/{order.pk}", code=401)
    assert "its app was uninstalled" in told["message"]


def test_an_app_that_asks_for_nothing_gets_no_token(
    api: Api, platform: Platform, sink: Sink
) -> None:
    settings = {"webhookUrl": sink.url("/slack/open")}
    answer = api.ok("POST", "app/slack/install", {"settings": settings})
    assert "appAccessToken" not in answer
    assert answer["appInstallation"]["permissions"] == []
    assert not AppAccessToken.objects.of(platform).exists()


# Platforms.


def test_platforms_do_not_see_each_other(api: Api, sink: Sink) -> None:
    other = Api(make.token(make.UserFactory()))
    made = installed(api, "signed-webhook", hook(sink), name="ours")
    assert other.ok("GET", "apps/installed")["appInstallations"] == []
    installed(other, "signed-webhook", hook(sink), name="ours")
    other.refused("GET", f"appInstallation/{made['id']}", code=404)
    other.refused("PUT", "appInstallation", {"id": made["id"], "name": "x"}, code=404)
    other.refused("DELETE", f"appInstallation/{made['id']}", code=404)


def test_secrets_are_encrypted_and_never_shown(api: Api, platform: Platform, sink: Sink) -> None:
    made = installed(api, "signed-webhook", hook(sink))
    assert SECRET not in str(made["settings"]["secret"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT settings, secrets FROM integrations_appinstallation")
        (row,) = cursor.fetchall()
    assert "actions" in row[0]
    assert f'"secret": "{SECRET}"' not in str(row)
    assert row[1].startswith("gAAAA")


def test_an_app_has_no_say_about_people_whatever_it_asked_for(
    api: Api, user: User, platform: Platform, sink: Sink
) -> None:
    token = api.ok("POST", "app/signed-webhook/install", {"settings": hook(sink)})
    AppAccessToken.objects.of(platform).update(permissions=["get:user:sessions"])
    caller = Api(token["appAccessToken"]["token"])
    caller.refused("GET", f"user/{user.pk}/sessions/0/20", code=403)


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
