"""Data sources and their secrets: what stays, what goes, and what nobody is shown."""

import uuid
from typing import Any

import pytest
from django.db import connection

from integrations import data_source
from integrations.models import DataSource
from tests import make
from tests.api.conftest import URL, webhook
from tests.api.test_integrations import change, create, no_address_is_allowed, refused, source_of
from tests.conftest import Api

__all__ = ["no_address_is_allowed"]

pytestmark = pytest.mark.django_db


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
    draft, _ = data_source.assembled(source_of(made).integration, source_of(made), source)
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


def test_an_integration_has_a_bounded_number_of_data_sources(api: Api) -> None:
    body = {"name": "x", "type": "configured", "dataSources": [{}] * 21}
    refused = api.refused("POST", "integration", body)
    assert refused["errors"][0]["field"] == "dataSources"
