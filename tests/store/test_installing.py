"""An app is installed when its target says yes; what it does shows in the other system."""

import pytest

from integrations.models import (
    AppInstallation,
    Status,
)
from otms.accounts.models import Platform
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.sink import Sink
from tests.store.apps import errors, hook, installed, nothing_is_there

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_several_of_one_app_are_told_apart_by_their_names(api: Api, sink: Sink) -> None:
    settings = {"webhookUrl": sink.url("/slack/open")}
    names = [installed(api, "slack", settings)["name"] for _ in range(3)]
    assert names == ["Slack", "Slack 2", "Slack 3"]
    told = api.refused("POST", "app/slack/install", {"name": "Slack 2", "settings": settings})
    assert errors(told) == [("name", "taken")]
    assert installed(api, "slack", settings, name="Drivers")["integrations"][0]["name"] == "Drivers"


def test_who_switched_it_off_finds_it_off(api: Api, sink: Sink) -> None:
    made = installed(api, "signed-webhook", hook(sink))
    (integration,) = made["integrations"]
    api.ok("PUT", "integration", {"id": integration["id"], "enabled": False})
    api.ok("PUT", "appInstallation", {"id": made["id"], "settings": {"actions": ["updated"]}})
    shown = api.ok("GET", f"integration/{integration['id']}")["integration"]
    assert shown["enabled"] is False
    assert shown["trigger"]["actions"] == ["updated"]


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
