"""An integration that an installed app made is changed there, and nowhere else."""

import pytest

from integrations.models import AppInstallation, DataSource, Integration
from otms.accounts.models import Platform
from tests import make
from tests.api.conftest import URL
from tests.conftest import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def owned(platform: Platform) -> Integration:
    installation = AppInstallation.objects.create(platform=platform, app="slack", name="Alerts")
    made = make.integration(URL, platform=platform, secrets={"secret": "hush-hush"})
    made.installation = installation
    made.save()
    return made


def test_it_says_whose_it_is(api: Api, owned: Integration) -> None:
    shown = api.ok("GET", f"integration/{owned.pk}")["integration"]
    assert shown["installationId"] == str(owned.installation_id)
    free = api.ok("POST", "integration", {"name": "ERP", "type": "configured"})["integration"]
    assert free["installationId"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"name": "mine"},
        {"filters": [{"field": "$.transportOrder.status", "operator": "eq", "value": "planned"}]},
        {"delivery": {"timeout": 3}},
        {"dataSources": []},
    ],
)
def test_it_is_not_changed_by_itself(api: Api, owned: Integration, change: object) -> None:
    before = api.ok("GET", f"integration/{owned.pk}")["integration"]
    told = api.refused("PUT", "integration", {"id": str(owned.pk), **change}, code=409)
    assert "installed app Alerts" in told["message"]
    assert "PUT /api/appInstallation" in told["message"]
    assert api.ok("GET", f"integration/{owned.pk}")["integration"] == before


def test_its_secrets_are_not_changed_by_itself(api: Api, owned: Integration) -> None:
    whole = api.ok("GET", f"integration/{owned.pk}")["integration"]
    whole["dataSources"][0]["settings"]["secret"] = "another"
    api.refused("PUT", "integration", whole, code=409)
    assert DataSource.objects.of(owned.platform).get().secrets == {"secret": "hush-hush"}


def test_it_is_sent_back_whole_and_switched_off_and_on(api: Api, owned: Integration) -> None:
    whole = api.ok("GET", f"integration/{owned.pk}")["integration"]
    api.ok("PUT", "integration", whole)
    off = api.ok("PUT", "integration", {"id": str(owned.pk), "enabled": False})["integration"]
    assert off["health"]["state"] == "PAUSED"
    again = {**whole, "enabled": True, "updatedAt": off["updatedAt"]}
    assert api.ok("PUT", "integration", again)["integration"]["enabled"] is True


def test_it_is_not_deleted_by_itself(api: Api, owned: Integration) -> None:
    told = api.refused("DELETE", f"integration/{owned.pk}", code=409)
    assert "uninstalled" in told["message"]
    assert Integration.objects.of(owned.platform).living().get() == owned
