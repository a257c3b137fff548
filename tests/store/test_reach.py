"""What an app may, and what nobody else learns of it."""

import pytest
from django.db import connection

from integrations import store
from integrations.models import (
    AppAccessToken,
)
from otms.accounts.models import Platform, User
from tests import make
from tests.conftest import Api
from tests.sink import Sink
from tests.store.apps import SECRET, hook, installed

pytestmark = pytest.mark.django_db(transaction=True)


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
