"""What a webhook shows itself with is written once, read as stars, and kept for one target."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from integrations.models import DataSource
from tests.api.conftest import GUIDE_BODY, URL, webhook
from tests.conftest import Api

pytestmark = pytest.mark.django_db

OAUTH2 = {
    "type": "oauth2",
    "tokenUrl": "https://8.8.8.8/token",
    "clientId": "otms",
    "clientSecret": "hush-client",
}


@pytest.fixture(autouse=True)
def no_address_is_allowed(settings: LazySettings) -> None:
    settings.OTMS_EGRESS_ALLOW = []


def create(api: Api, **settings: Any) -> Any:
    body = {**GUIDE_BODY, "dataSources": [webhook(settings=settings)]}
    return api.ok("POST", "integration", body)["integration"]


def changed(api: Api, made: Any, **settings: Any) -> Any:
    """The stored data source after a change of its settings, or the code of each problem."""
    source = {"id": made["dataSources"][0]["id"], "settings": {"url": URL, **settings}}
    answer = api("PUT", "integration", {"id": made["id"], "dataSources": [source]}).json()
    if answer["success"]:
        return stored()
    prefix = "dataSources[0].settings."
    return {each["field"].removeprefix(prefix): each["code"] for each in answer["errors"]}


def stored() -> tuple[Any, dict[str, Any]]:
    source = DataSource.objects.across_platforms().get()
    return source.settings, dict(source.secrets)


def test_a_secret_inside_a_part_is_kept_apart_and_shown_as_stars(api: Api) -> None:
    made = create(api, secret="hush-signing", auth=OAUTH2)
    settings, secrets = stored()
    assert settings == {
        "url": URL,
        "auth": {key: value for key, value in OAUTH2.items() if key != "clientSecret"},
    }
    assert secrets == {"secret": "hush-signing", "auth.clientSecret": "hush-client"}
    shown = made["dataSources"][0]["settings"]
    assert shown == {"url": URL, "secret": "***", "auth": {**OAUTH2, "clientSecret": "***"}}
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM integrations_datasource")
        assert "hush" not in str(cursor.fetchall())
    again = api.ok("PUT", "integration", made)["integration"]
    assert again["dataSources"] == made["dataSources"]
    assert stored() == (settings, secrets)


def test_a_secret_stays_while_what_it_is_for_stays(api: Api) -> None:
    made = create(api, auth=OAUTH2)
    settings = {key: value for key, value in OAUTH2.items() if key != "clientSecret"}
    for auth in (settings, {**settings, "scope": "a b"}, {**OAUTH2, "clientSecret": "***"}):
        assert changed(api, made, auth=auth)[1] == {"auth.clientSecret": "hush-client"}
    elsewhere = {**settings, "tokenUrl": "https://8.8.8.8/another/path"}
    assert changed(api, made, auth=elsewhere)[1] == {"auth.clientSecret": "hush-client"}


@pytest.mark.parametrize("typed", [{}, {"clientSecret": "***"}])
def test_a_client_secret_is_for_its_token_endpoint_and_for_its_target(
    api: Api, typed: dict[str, str]
) -> None:
    """The target gets the tokens that the secret is good for."""
    made = create(api, auth=OAUTH2)
    auth = {**OAUTH2, "tokenUrl": "https://1.1.1.1/token"}
    del auth["clientSecret"]
    bound = {"auth.clientSecret": "secret_bound"}
    assert changed(api, made, auth={**auth, **typed}).items() >= bound.items()
    auth["tokenUrl"] = OAUTH2["tokenUrl"]
    found = changed(api, made, url="https://1.1.1.1/", auth={**auth, **typed})
    assert found.items() >= bound.items()
    assert stored()[1] == {"auth.clientSecret": "hush-client"}
    moved = {**auth, "tokenUrl": "https://1.1.1.1/token", "clientSecret": "new"}
    assert changed(api, made, auth=moved)[1] == {"auth.clientSecret": "new"}


def test_a_secret_does_not_move_to_another_header(api: Api) -> None:
    header = {"type": "header", "name": "X-Api-Key"}
    made = create(api, auth={**header, "value": "hush"})
    assert changed(api, made, auth=header)[1] == {"auth.value": "hush"}
    for other in ({**header, "name": "X-Debug"}, {"type": "query", "name": "X-Api-Key"}):
        assert "auth.value" in changed(api, made, auth=other)


def test_another_way_of_showing_oneself_forgets_the_first(api: Api) -> None:
    made = create(api, auth={"type": "bearer", "token": "hush"})
    basic = {"type": "basic", "username": "me", "password": "sesame"}
    assert changed(api, made, auth=basic)[1] == {"auth.password": "sesame"}
    assert changed(api, made, auth=None) == ({"url": URL, "auth": None}, {})
    assert changed(api, made, auth={"type": "bearer"}) == {"auth.token": "required"}


def test_settings_without_auth_forget_what_was_for_it(api: Api) -> None:
    made = create(api, auth={"type": "bearer", "token": "hush"})
    assert changed(api, made) == ({"url": URL}, {})


def test_stars_are_no_secret_where_none_is_stored(api: Api) -> None:
    made = create(api)
    found = changed(api, made, auth={"type": "bearer", "token": "***"})
    assert found["auth.token"] == "secret_missing"


def test_what_goes_in_the_clear_is_told_when_it_is_saved(api: Api) -> None:
    auth = {"type": "bearer", "token": "hush"}
    source = webhook("http://93.184.216.34/", settings={"auth": auth})
    answer = api.ok("POST", "integration", {**GUIDE_BODY, "dataSources": [source]})
    (warning,) = answer["warnings"]
    assert warning["field"] == "dataSources[0].settings.url"
    assert warning["code"] == "in_clear"
