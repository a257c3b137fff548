"""The store shows what there is."""

from contextlib import closing

import pytest

from integrations.models import (
    AppInstallation,
)
from otms.accounts.models import Platform
from tests.conftest import Api
from tests.queue.conftest import Queue

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_an_app_that_left_the_store_is_still_shown(
    api: Api, queue: Queue, platform: Platform
) -> None:
    gone = AppInstallation.objects.create(platform=platform, app="gone", name="Gone")
    (shown,) = api.ok("GET", "apps/installed")["appInstallations"]
    assert shown["app"] is None
    told = api.refused("PUT", "appInstallation", {"id": str(gone.pk), "name": "x"}, code=409)
    assert "no longer in the store" in told["message"]
    api.ok("DELETE", f"appInstallation/{gone.pk}")
