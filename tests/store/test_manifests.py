"""An app is one file; a half-finished one is found here, with the field that is wrong."""

from typing import Any

import pytest

from integrations import connectors, store
from integrations.connectors.base import Delivery
from integrations.core import filters, mapping
from integrations.models import AppInstallation
from integrations.store.installing import integrations_of
from integrations.store.manifest import Broken, read
from otms import documents
from otms.accounts.models import Platform
from otms.api.router import actions
from otms.orders.views import (
    BusinessViewSet,
    ConsignmentViewSet,
    EventViewSet,
    TransportOrderViewSet,
)

# What the system behind an app may be granted: calls about records, never about people or set-up.
RECORDS: list[Any] = [TransportOrderViewSet, ConsignmentViewSet, BusinessViewSet, EventViewSet]


@pytest.mark.django_db
@pytest.mark.parametrize("key", store.known())
def test_an_app_is_whole_and_its_example_leads_to_the_request_that_it_shows(
    key: str, platform: Platform
) -> None:
    app = store.find(key)
    assert app
    granted = {each.name for viewset in RECORDS for each in actions(viewset).values()}
    assert set(app.permissions) <= granted
    settings = app.example["settings"]
    assert [app.settings[name].problem(value) for name, value in settings.items()] == [""] * len(
        settings
    )
    values = {**app.defaults, **settings}
    assert app.missing(values) == []
    installation = AppInstallation(platform=platform, app=key, name=app.name)
    document = app.example["document"]
    delivery = Delivery(id="id", attempt=1, sequence=7, timestamp=1, traceparent="00-0-0-01")
    wanted = list(app.example["requests"])
    for part in integrations_of(app, installation, values):
        assert filters.evaluate(part.draft.integration.filters, document).matched
        for source in part.draft.sources:
            made = document
            if source.mapping is not None:
                made = mapping.compile(source.mapping).apply(document).value
            connector = connectors.load(source.connector)(source.settings, source.secrets)
            request = connector.request(made, delivery)
            expected = wanted.pop(0)
            assert (request.method, request.url) == (expected["method"], expected["url"])
            assert documents.loads(request.body) == expected["body"]
            assert expected.get("headers", {}).items() <= request.headers.items()
    assert wanted == []


def test_a_category_has_one_name() -> None:
    found = {(app.category["id"], app.category["name"]) for app in store.apps()}
    assert len({id for id, _ in found}) == len(found)


MANIFEST = """
name: Fleet
version: 1.0.0
releaseNotes: First.
description: Tells the fleet.
category: {id: telematics, name: Telematics}
publisher: {name: OTMS}
permissions: []
settings:
  url: {type: string, title: URL, format: url, required: true}
  secret: {type: string, title: Secret, secret: true}
  words: {type: array, title: Words, enum: [created, updated], default: [created]}
integrations:
  orders:
    trigger: {entity: transportOrder, actions: "{words}"}
    dataSources:
      - connector: webhook
        settings: {url: "{url}/orders", secret: "{secret}"}
        mapping: {id: $.transportOrder.id}
example:
  settings: {url: "https://receiver.example"}
  document: {transportOrder: {id: "1"}}
  requests: [{method: POST, url: "https://receiver.example/orders", body: {id: "1"}}]
"""


def test_this_manifest_is_right() -> None:
    app = read("fleet.yaml", MANIFEST)
    assert app.key == "fleet"
    assert app.settings["words"].default == ["created"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: Fleet\n", "name: Fleet\nname: Again\n", "the key 'name' stands here twice"),
        ("name: Fleet\n", "on: true\nname: Fleet\n", "There is no field 'on' here"),
        ("name: Fleet\n", "name: [\n", "fleet.yaml: This is not YAML: expected"),
        ("name: Fleet\n", "", "fleet.yaml: name: This field is required."),
        ("releaseNotes", "releasNotes", "releasNotes: There is no field 'releasNotes' here."),
        ("version: 1.0.0", "version: 1.0", "fleet.yaml: version: "),
        ("version: 1.0.0", "version: 1.0.0\nlogo: apps/no.svg", "logo: There is no static file"),
        ("permissions: []", "permissions: [all]", "fleet.yaml: permissions[0]: "),
        ("permissions: []", "permissions: ['get:orders']", "There is no call 'get:orders' about"),
        ("permissions: []", "permissions: ['block:user']", "There is no call 'block:user' about"),
        ("title: URL, format: url", "format: url", "settings.url.title: This field is required."),
        ("format: url", "format: uri", "settings.url.format: Choose one of url, "),
        ("default: [created]", "default: [deleted]", "settings.words.default: Choose some of"),
        ("enum: [created, updated], ", "", "settings.words.enum: Say which values"),
        ("secret: true}", "secret: true, default: x}", "settings.secret: A secret is a string"),
        ("{url}/orders", "{uri}/orders", "settings.url: There is no setting 'uri'; there are: url"),
        ("{url}/orders", "{secret}/orders", "'secret' may have no value: make it required"),
        ("id: $.transportOrder.id", 'id: "x{url}"', "mapping.id: In a mapping a reference stands"),
        ('"{words}"', "[created]", "settings.words: No integration refers to it."),
        ("connector: webhook\n", "conector: webhook\n", "dataSources[0].conector: There is no"),
        ("document: {transportOrder", "dokument: {transportOrder", "example.dokument"),
    ],
)
def test_a_half_finished_manifest_names_the_field(old: str, new: str, said: str) -> None:
    assert old in MANIFEST
    with pytest.raises(Broken) as broken:
        read("fleet.yaml", MANIFEST.replace(old, new))
    assert said in str(broken.value)


def test_a_file_is_named_in_small_letters() -> None:
    with pytest.raises(Broken, match="not 'Fleet_Tracker'"):
        read("Fleet_Tracker.yaml", MANIFEST)


def test_a_date_in_a_manifest_is_a_text() -> None:
    made = read("fleet.yaml", MANIFEST.replace('{id: "1"}}', "{id: 2026-03-22T10:00:00Z}}", 1))
    assert made.example["document"]["transportOrder"]["id"] == "2026-03-22T10:00:00Z"
