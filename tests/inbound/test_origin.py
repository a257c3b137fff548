"""Who hears of an import, and who does not."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from integrations.core import origin
from integrations.models import EntityChange, Integration, IntegrationObject
from otms.accounts.models import Platform
from tests import make
from tests.conftest import Api
from tests.inbound.conftest import Bring
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def heard(integration: Integration) -> int:
    return (
        IntegrationObject.objects.of(integration.platform).filter(integration=integration).count()
    )


def last(platform: Platform) -> EntityChange:
    found = EntityChange.objects.of(platform).order_by("id").last()
    assert found
    return found


def test_an_integration_does_not_hear_its_own_import_and_another_does(
    bring: Bring,
    integration: Integration,
    platform: Platform,
    sink: Sink,
    run_queue: Callable[[], None],
) -> None:
    other = make.integration(sink.url(), platform=platform)
    bring({"externalId": "1", "name": "A"})
    assert (heard(integration), heard(other)) == (0, 1)
    run_queue()
    assert sink.stats()["delivered"] == 1


def test_it_hears_what_others_do_with_what_it_brought(
    bring: Bring, api: Api, integration: Integration
) -> None:
    id = bring({"externalId": "1", "name": "A"})["results"][0]["id"]
    api.ok("PUT", "transportOrder", {"id": id, "name": "B"})
    assert heard(integration) == 1


def test_it_does_not_hear_of_its_own_update_either(
    bring: Bring, integration: Integration, platform: Platform
) -> None:
    other = make.integration(platform=platform, trigger=make.ALL_ACTIONS)
    bring({"externalId": "1", "name": "A"})
    bring({"externalId": "1", "name": "B"})
    assert (heard(integration), heard(other)) == (0, 2)
    assert (last(platform).action, last(platform).origin) == ("updated", "import")


def test_a_change_says_where_it_comes_from(
    bring: Bring, api: Api, integration: Integration, platform: Platform
) -> None:
    bring({"name": "A"})
    assert (last(platform).origin, last(platform).origin_integration) == ("import", integration)
    api.ok("POST", "transportOrder", {"name": "B"})
    assert (last(platform).origin, last(platform).origin_integration) == ("api", None)
    make.OrderFactory(platform=platform, customer=None)
    assert last(platform).origin == "system"


def test_the_origin_is_that_of_the_touch_not_of_the_commit(platform: Platform) -> None:
    with transaction.atomic():
        with origin.caused_by(origin.Origin(origin.PERSON)):
            make.OrderFactory(platform=platform, customer=None, name="theirs")
        make.OrderFactory(platform=platform, customer=None, name="ours")
    found: Any = EntityChange.objects.of(platform).values_list("reference", "origin")
    assert dict(found) == {"theirs": "person", "ours": "system"}
