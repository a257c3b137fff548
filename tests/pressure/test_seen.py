"""It is seen where people and programs look: health, the admin, `/readyz`, `/metrics`."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from prometheus_client.parser import text_string_to_metric_families as families

from integrations import pressure
from integrations.models import Pressure
from otms import readiness
from otms.documents import timestamp
from tests import make
from tests.conftest import Api
from tests.pressure.conftest import MOST, Filled

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "a-token-that-is-long-enough-for-it"


def health(api: Api, filled: Filled) -> Any:
    found = api.ok("GET", f"integration/{filled.integration.pk}")
    return found["integration"]["health"]["intake"]


def test_health_says_what_runs_full_and_whether_it_stops_what_comes_in(
    filled: Filled, api: Api
) -> None:
    filled.measure()
    assert health(api, filled) == []
    for count, stopped, is_so in ((MOST - 2, False, "runs full"), (2, True, "is full")):
        filled.fill(count)
        filled.measure()
        (told,) = health(api, filled)
        waits = f"{filled.waiting} objects wait, of 10 that may."
        assert told == {
            "full": "queue",
            "stopped": stopped,
            "since": timestamp(Pressure.objects.get().since),
            "reason": f"The queue {is_so}: {waits}",
        }


def test_what_is_full_of_another_platform_is_nobodys_business(full: Filled) -> None:
    other = make.UserFactory(is_staff=True)
    theirs = make.integration("http://127.0.0.1:9", platform=other.platform)
    caller = Api(make.token(other))
    found = caller.ok("GET", f"integration/{theirs.pk}")["integration"]
    assert found["health"]["intake"] == []
    client = Client()
    client.force_login(other)
    assert "The queue is full" not in client.get(reverse("admin:index")).content.decode()


def test_the_admin_says_so_on_its_first_page_and_on_the_integrations(full: Filled) -> None:
    client = Client()
    client.force_login(make.UserFactory(platform=full.platform, is_staff=True))
    one = reverse("admin:integrations_integration_change", args=[full.integration.pk])
    text = (
        "The queue is full: 10 objects wait, of 10 that may. Most wait for: ERP (10). New and "
        "changed records are refused until there is room; deliveries go on. Cancel what nobody "
        "needs any more."
    )
    for page in (reverse("admin:index"), one):
        assert text in client.get(page).content.decode()
    full.integration.delete()
    full.measure()
    assert text not in client.get(reverse("admin:index")).content.decode()


def test_a_server_that_takes_nothing_in_is_ready_and_says_so_without_names(full: Filled) -> None:
    readiness._database.forget()
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert answer.json()["intake"] == "Stopped for some platforms: their queues are full."
    full.integration.delete()
    full.measure()
    assert Client().get("/readyz").json()["intake"] == "ok"


def test_metrics_say_how_near_it_is_and_what_stopped(
    full: Filled, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OTMS_METRICS_TOKEN = TOKEN
    settings.OTMS_MOST_DATABASE_BYTES = 10**12
    monkeypatch.setattr(pressure, "disk_free", lambda: 12345)
    other = make.integration("http://127.0.0.1:9")
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    found = {
        (sample.name, *map(sample.labels.get, sorted(sample.labels))): sample.value
        for family in families(answer.content.decode())
        for sample in family.samples
    }
    assert found["otms_queue_limit",] == MOST
    assert found["otms_database_limit_bytes",] == 10**12
    assert found["otms_disk_free_bytes",] == 12345
    stopped = {key[1:]: value for key, value in found.items() if key[0] == "otms_intake_stopped"}
    assert stopped == {
        ("disk", ""): 0,
        ("database", ""): 0,
        ("queue", str(full.platform.pk)): 1,
        ("queue", str(other.platform_id)): 0,
    }
    low = {key[1:]: value for key, value in found.items() if key[0] == "otms_intake_low"}
    assert set(low) == set(stopped)
    assert set(low.values()) == {0}
