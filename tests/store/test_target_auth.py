"""An app whose target asks who calls has the same settings as every webhook, with references."""

from typing import Any

import pytest

from integrations.definition import Invalid
from integrations.models import AppInstallation, DataSource
from integrations.store import installing
from integrations.store.manifest import read
from otms.accounts.models import Platform
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

APP = read(
    "fleet.yaml",
    """
name: Fleet
version: 1.0.0
releaseNotes: First.
description: Tells the fleet.
category: {id: telematics, name: Telematics}
publisher: {name: OTMS}
permissions: []
settings:
  url: {type: string, title: URL, format: url, required: true}
  tokenUrl: {type: string, title: Token URL, format: url, required: true}
  client: {type: string, title: Client, required: true}
  clientSecret: {type: string, title: Client secret, secret: true, required: true}
  scope: {type: string, title: Scope}
  signing: {type: string, title: Signing secret, secret: true}
integrations:
  orders:
    trigger: {entity: transportOrder, actions: [created]}
    dataSources:
      - connector: webhook
        settings:
          url: "{url}"
          secret: "{signing}"
          auth:
            type: oauth2
            tokenUrl: "{tokenUrl}"
            clientId: "{client}"
            clientSecret: "{clientSecret}"
            scope: "{scope}"
example:
  settings: {url: "https://a.example", tokenUrl: "https://b.example", client: c, clientSecret: d}
  document: {transportOrder: {id: "1"}}
  requests: [{method: POST, url: "https://a.example", body: {}}]
""",
)


def settings(sink: Sink, **more: Any) -> dict[str, Any]:
    token = sink.url("/oauth/me/hush")
    given = {"url": sink.url("/lent/1"), "tokenUrl": token, "client": "me", "clientSecret": "hush"}
    return {**given, **more}


def problems(installation: AppInstallation, **changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        installing.change(APP, installation, settings=changes)
    return [(each.field, each.code) for each in refused.value.problems]


@pytest.fixture
def installed(platform: Platform, sink: Sink) -> AppInstallation:
    installing.install(platform, APP, by="tests", settings=settings(sink)).write()
    return AppInstallation.objects.of(platform).get()


def test_it_is_installed_when_the_client_is_known(installed: AppInstallation, sink: Sink) -> None:
    assert [request.path for request in sink.requests] == ["/oauth/me/hush", "/lent/1"]
    source = DataSource.objects.across_platforms().get()
    assert dict(source.secrets) == {"auth.clientSecret": "hush"}
    assert source.settings["auth"].keys() == {"type", "tokenUrl", "clientId"}


def test_a_refused_client_is_told_and_nothing_is_installed(platform: Platform, sink: Sink) -> None:
    given = settings(sink, clientSecret="wrong")
    with pytest.raises(Invalid, match="refused: invalid_client") as refused:
        installing.install(platform, APP, by="tests", settings=given)
    assert [each.code for each in refused.value.problems] == ["check_failed"]
    assert not AppInstallation.objects.of(platform).exists()


def test_a_stored_client_secret_moves_nowhere(installed: AppInstallation, sink: Sink) -> None:
    bound = [("settings.clientSecret", "secret_bound")]
    elsewhere = {name: sink.url().replace("127.0.0.1", "127.0.0.2") for name in ("url", "tokenUrl")}
    for name, url in elsewhere.items():
        assert problems(installed, **{name: url}) == bound
        installed.refresh_from_db()
    installing.change(APP, installed, settings={"scope": "more"}).write()
    assert dict(DataSource.objects.across_platforms().get().secrets) == {
        "auth.clientSecret": "hush"
    }
