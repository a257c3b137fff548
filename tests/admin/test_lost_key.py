"""A server with the wrong encryption key: it shows what it has, and says what it can't read."""

from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.checks import run_checks
from django.test import Client
from django.urls import reverse

from integrations.models import AppInstallation, DataSource, Integration
from otms.accounts.models import PersonalToken
from otms.db import rotation
from otms.db.sealing import UNREADABLE
from tests.admin.conftest import SECRET, Browser, without_tags
from tests.conftest import Api

LIST = "admin:integrations_integration_changelist"
PAGE = "admin:integrations_integration_change"
APP = "admin:integrations_appinstallation_change"


@pytest.fixture
def right(settings: LazySettings) -> list[str]:
    return list(settings.OTMS_ENCRYPTION_KEYS)


@pytest.fixture
def lost(own: SimpleNamespace, right: list[str], settings: LazySettings) -> SimpleNamespace:
    settings.OTMS_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    return own


@pytest.fixture
def api(own: SimpleNamespace) -> Api:
    return Api(PersonalToken.generate(own.user, "for this")[1])


def secrets_of(own: SimpleNamespace) -> Any:
    return DataSource.objects.of(own.platform).get(pk=own.source.pk).secrets


def put(api: Api, own: SimpleNamespace, **fields: Any) -> Any:
    return api("PUT", "integration", {"id": str(own.integration.pk), **fields})


@pytest.mark.parametrize("name", ["admin:index", LIST])
def test_the_lists_open_and_say_which_secrets_can_not_be_read(
    name: str, lost: SimpleNamespace, browser: Browser
) -> None:
    page = browser.open(reverse(name))
    assert page.status_code == 200
    assert name == "admin:index" or "secrets can&#x27;t be read" in page.text
    assert f"The secrets of the data source {lost.source} can&#x27;t be read" in page.text


def test_the_api_masks_them_and_tells_it_as_health(lost: SimpleNamespace, api: Api) -> None:
    found = api.ok("GET", "integrations/0/3")["integrations"]
    (shown,) = [each for each in found if each["id"] == str(lost.integration.pk)]
    assert shown["dataSources"][0]["settings"]["secret"] == "***"
    assert shown["health"]["state"] == "DEGRADED"
    assert shown["health"]["reason"].endswith(UNREADABLE)


def test_what_needs_no_secret_goes_on_and_keeps_them(
    lost: SimpleNamespace, right: list[str], api: Api, settings: LazySettings
) -> None:
    answer = put(api, lost, enabled=False, name="renamed")
    assert answer.status_code == 200, answer.content
    source = DataSource.objects.of(lost.platform).get(pk=lost.source.pk)
    source.name = "another"
    source.save()
    settings.OTMS_ENCRYPTION_KEYS = right
    assert secrets_of(lost) == {"secret": SECRET}


def test_they_are_typed_again_or_left_out_on_purpose(lost: SimpleNamespace, api: Api) -> None:
    source = {"id": str(lost.source.pk), "settings": {"url": "http://127.0.0.1/own"}}
    for said in ({}, {"secret": "***"}):
        source["settings"] |= said
        answer = put(api, lost, dataSources=[source]).json()
        (error,) = answer["errors"]
        assert error["field"] == "dataSources[0].settings.secret"
        assert error["code"] == "secrets_unreadable"
        assert UNREADABLE in error["message"]
    source["settings"]["secret"] = "typed again, and long enough"
    assert put(api, lost, dataSources=[source]).status_code == 200
    assert secrets_of(lost) == {"secret": "typed again, and long enough"}


def test_a_new_signing_secret_is_refused_in_words(lost: SimpleNamespace, api: Api) -> None:
    ids = {"integrationId": str(lost.integration.pk), "dataSourceId": str(lost.source.pk)}
    answer = api("POST", "integration/generate/signingSecret", ids)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"] == f"The secrets of this data source {UNREADABLE}"


def test_the_page_of_one_opens_and_is_saved_without_touching_them(
    lost: SimpleNamespace, right: list[str], browser: Browser, settings: LazySettings
) -> None:
    page = reverse(PAGE, args=[lost.integration.pk])
    assert "no key of this server opens it" in browser.open(page).text
    browser.saved(page, description="still here")
    assert Integration.objects.of(lost.platform).get(description="still here")
    answer = browser.send(page, data_sources__0__webhook_url="http://127.0.0.1/moved")
    assert UNREADABLE in without_tags(answer.text).replace("&#x27;", "'")
    settings.OTMS_ENCRYPTION_KEYS = right
    assert secrets_of(lost) == {"secret": SECRET}


def test_the_signing_page_opens(lost: SimpleNamespace, browser: Browser) -> None:
    url = reverse("admin:integrations_integration_signing", args=[lost.integration.pk])
    assert browser.open(url).status_code == 200


def test_an_installation_is_shown_and_changed_with_its_secrets_typed_again(
    own: SimpleNamespace, right: list[str], api: Api, browser: Browser, settings: LazySettings
) -> None:
    found = AppInstallation.objects.of(own.platform).get(pk=own.installation.pk)
    found.secrets = {"secret": "hush"}
    found.save()
    settings.OTMS_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    shown = api.ok("GET", f"appInstallation/{found.pk}")["appInstallation"]
    assert "***" in shown["settings"].values()
    assert browser.open(reverse(APP, args=[found.pk])).status_code == 200
    body = {"id": str(found.pk), "settings": {"url": "http://127.0.0.1:9/"}}
    answer = api("PUT", "appInstallation", body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "secrets_unreadable"


def test_check_warns_and_names_a_row(lost: SimpleNamespace) -> None:
    found = [each.msg for each in run_checks(databases=["default"]) if each.id == "otms.W001"]
    assert any(f"DataSource.secrets of {lost.source.pk}" in each for each in found)


def test_check_has_nothing_to_say_of_the_right_key(own: SimpleNamespace) -> None:
    assert run_checks(databases=["default"]) == []
    assert list(rotation.lost()) == []


def test_a_fault_shows_a_number_to_ask_for(
    own: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("integrations.definition.shown", fails)
    client = Client(raise_request_exception=False)
    client.force_login(own.user)
    page = client.get(reverse(LIST), headers={"X-Request-Id": "ask-for-this-one"})
    assert page.status_code == 500
    assert "<code>ask-for-this-one</code>" in page.text
    assert "integrations/refused.css" in page.text
