"""Several install and change at the same moment, on PostgreSQL: what is stored belongs together."""

from typing import Any

import pytest
from django.db import connection

from integrations.models import AppInstallation, Integration
from otms.accounts.models import Platform
from tests.conftest import Api
from tests.orders.test_concurrency import at_once
from tests.sink import Sink

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]


@pytest.fixture(autouse=True)
def postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")


def test_three_at_once_get_three_names(api: Api, platform: Platform, sink: Sink) -> None:
    body = {"settings": {"webhookUrl": sink.url("/slack/open")}}
    answers = at_once(3, lambda: api("POST", "app/slack/install", body))
    assert [each.status_code for each in answers] == [200] * 3
    names = AppInstallation.objects.of(platform).values_list("name", flat=True)
    assert sorted(names) == ["Slack", "Slack 2", "Slack 3"]


def test_settings_and_integration_belong_together(api: Api, platform: Platform, sink: Sink) -> None:
    body = {"settings": {"webhookUrl": sink.url("/slack/open")}}
    made = api.ok("POST", "app/slack/install", body)["appInstallation"]
    statuses = iter(["planned", "actual", "realized", "cancelled"])

    def change() -> Any:
        settings = {"statuses": [next(statuses)]}
        return api("PUT", "appInstallation", {"id": made["id"], "settings": settings})

    codes = {each.status_code for each in at_once(4, change)}
    assert 200 in codes <= {200, 409}
    installation = AppInstallation.objects.of(platform).get()
    (integration,) = installation.integrations.all()
    assert integration.filters[1]["value"] == installation.settings["statuses"]


def test_what_is_uninstalled_stays_so(api: Api, platform: Platform, sink: Sink) -> None:
    waiting = api.ok("POST", "app/slack/install")["appInstallation"]
    settings = {"webhookUrl": sink.url("/slack/open")}
    calls = iter([("DELETE", f"appInstallation/{waiting['id']}", None)])

    def call() -> Any:
        body = {"id": waiting["id"], "settings": settings}
        return api(*next(calls, ("PUT", "appInstallation", body)))

    at_once(4, call)
    installation = AppInstallation.objects.of(platform).get()
    assert (installation.status, installation.secrets) == ("UNINSTALLED", {})
    assert not Integration.objects.of(platform).living().exists()
