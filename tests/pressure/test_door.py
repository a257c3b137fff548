"""Over the limit each way in is shut, whole, with words that help; what makes room stays open."""

from io import BytesIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integrations import pressure
from integrations.models import (
    Credential,
    Email,
    EntityChange,
    File,
    ImportRow,
    IntegrationObject,
    Task,
)
from otms.accounts.models import PersonalToken, Platform
from otms.api.models import KeptAnswer
from otms.api.router import router
from otms.orders.models import Business, Event, TransportOrder
from tests import make
from tests.conftest import Api
from tests.pressure.conftest import MOST, Filled

pytestmark = pytest.mark.django_db(transaction=True)

ORDER = {"name": "4711"}
MAIL = {"from": "Ann <ann@acme.example>", "subject": "Order 4711", "body": "20 pallets"}
STORED = (TransportOrder, Business, Event, EntityChange, ImportRow, Task, Email, File, KeptAnswer)


def stored() -> list[int]:
    return [each._base_manager.count() for each in (*STORED, IntegrationObject)]


def test_an_order_is_refused_whole_and_told_what_is_full(full: Filled, api: Api) -> None:
    before = stored()
    answer = api("POST", "transportOrder", ORDER)
    assert answer.status_code == 503
    assert answer["Retry-After"] == "30"
    text = (
        "The queue is full: 10 objects wait, of 10 that may. Most wait for: ERP (10). "
        "Nothing of this was stored: keep it, and send it later."
    )
    assert answer.json() == {
        "success": False,
        "message": text,
        "code": 503,
        "errors": [{"field": "", "code": "queue_full", "message": text}],
    }
    assert stored() == before


WAYS: list[tuple[str, str, Any]] = [
    ("POST", "transportOrder", ORDER),
    ("PUT", "transportOrder", {"id": "{order}", "name": "x"}),
    ("DELETE", "transportOrder/{order}", None),
    ("GET", "transportOrder/{order}/accept", None),
    ("PUT", "consignment", {"id": "{consignment}", "name": "x"}),
    ("POST", "integration/import/data", {"integrationId": "{integration}", "data": [ORDER]}),
    ("POST", "integration/email", MAIL),
    ("PUT", "transportOrder/mail/receiver", MAIL),
]


@pytest.mark.parametrize(("method", "path", "body"), WAYS)
def test_each_way_in_is_shut(full: Filled, api: Api, method: str, path: str, body: Any) -> None:
    order = TransportOrder.objects.of(full.platform).first()
    part = make.ConsignmentFactory(transport_order=order)
    names = {"order": order.pk, "consignment": part.pk, "integration": full.integration.pk}
    filled = {
        key: value.format(**names) if isinstance(value, str) else value
        for key, value in (body or {}).items()
    }
    before = stored()
    found = api.refused(method, path.format(**names), filled or None, code=503)
    assert found["errors"][0]["code"] == "queue_full"
    assert stored() == before
    assert TransportOrder.objects.of(full.platform).get(pk=order.pk).name == order.name


@pytest.mark.parametrize(
    ("path", "body", "entity"),
    [
        ("business", {"name": "Acme"}, "business"),
        ("event", {"type": "ArrivalEvent", "dateTime": "2026-03-22T10:00:00Z"}, "event"),
    ],
)
def test_what_nobody_listens_to_makes_no_queue_longer_and_comes_in(
    full: Filled, api: Api, path: str, body: Any, entity: str
) -> None:
    api.ok("POST", path, body)
    make.integration(platform=full.platform, trigger={"entity": entity, "actions": ["created"]})
    api.refused("POST", path, body, code=503)


def test_another_platform_and_its_queue_are_another_matter(full: Filled) -> None:
    other = make.UserFactory()
    make.integration("http://127.0.0.1:9", platform=other.platform)
    Api(make.token(other)).ok("POST", "transportOrder", ORDER)


def test_a_key_keeps_no_refusal_and_still_gives_its_first_answer(filled: Filled, api: Api) -> None:
    def send(key: str) -> Any:
        return api("POST", "transportOrder", ORDER, headers={"Idempotency-Key": key})

    first = send("one")
    filled.fill(MOST)
    filled.measure()
    again = send("one")
    assert (again.status_code, again.content) == (200, first.content)
    assert again["Idempotency-Replayed"] == "true"
    assert send("two").status_code == 503
    filled.integration.delete()
    filled.measure()
    late = send("two")
    assert late.status_code == 200
    assert "Idempotency-Replayed" not in late


def test_an_integration_is_not_told_who_else_there_is(full: Filled) -> None:
    caller = Api(Credential.generate(full.integration)[1]["token"])
    text = caller.refused("POST", "integration/email", MAIL, code=503)["message"]
    assert text.startswith("The queue is full: 10 objects wait, of 10 that may. Nothing of this")


def test_nor_is_a_token_that_was_made_for_other_calls(full: Filled) -> None:
    person = make.UserFactory(platform=full.platform)
    narrow = PersonalToken.generate(person, "orders", permissions=["create:transportOrder"])[1]
    text = Api(narrow).refused("POST", "transportOrder", ORDER, code=503)["message"]
    assert text.startswith("The queue is full: 10 objects wait, of 10 that may. Nothing of this")


def test_who_repairs_always_can(full: Filled, api: Api) -> None:
    waiting = IntegrationObject.objects.of(full.platform).order_by("pk")
    path = "integration/object"
    api.ok("POST", f"{path}/{waiting[0].uuid}/cancel")
    waiting.filter(pk=waiting[1].pk).update(status="ERROR", due_at=None)  # as a worker leaves it
    api.ok("POST", f"{path}/{waiting[1].uuid}/requeue")
    body = api.ok("GET", f"integration/{full.integration.pk}")["integration"]
    api.ok("PUT", "integration", {"id": body["id"], "enabled": False})
    api.ok("POST", "integration", {"name": "Another", "type": "configured"})
    api.ok("DELETE", f"integration/{full.integration.pk}")
    assert full.waiting == 0


def test_a_full_disk_lets_no_file_in_either(
    filled: Filled, api: Api, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.OTMS_DISK_LOW_BYTES, settings.OTMS_DISK_FULL_BYTES = 2000, 1000
    monkeypatch.setattr(pressure, "disk_free", lambda: 999)
    filled.measure()
    before = stored()
    client = Client(headers=api.headers)
    answer = client.post("/api/integration/file/upload", {"file": _file()})
    assert answer.status_code == 503
    assert answer["Retry-After"] == "60"
    assert answer.json()["errors"][0]["code"] == "disk_full"
    found = api.refused("POST", "business", {"name": "Acme"}, code=503)
    assert found["message"] == (
        "There is too little room left on the disk of the server. Nothing of this was stored: "
        "keep it, and send it later."
    )
    assert stored() == before


def _file() -> Any:
    file = BytesIO(b"order;customer\n4711;Acme\n")
    file.name = "orders.csv"
    return file


def test_every_call_that_writes_is_on_one_side_of_the_door() -> None:
    """A new call that brings records in has to say so; these bring none, or make room."""
    shut = {each.name for each in router.routes() if each.takes_in}
    assert shut == {
        *(f"{verb}:transportOrder" for verb in ("create", "update", "delete", "accept")),
        *(f"{verb}:business" for verb in ("create", "update", "delete")),
        *("create:event", "update:consignment", "import:data"),
        *("receive:integration:email", "receive:transportOrder:mail", "upload:integration:file"),
    }
    reading = ("GET", "HEAD")
    entities = ("transportOrder", "business", "event", "consignment", "email", "file", "data")
    others = [
        each.name
        for each in router.routes()
        if not each.takes_in
        and each.method not in reading
        and each.name.split(":")[-1] in entities
        and each.name.partition(":")[0] not in ("search", "test")
    ]
    assert others == []


# In the admin.


@pytest.fixture
def staff(platform: Platform) -> Client:
    person = make.UserFactory(platform=platform, is_staff=True)
    client = Client()
    client.force_login(person)
    return client


def test_a_save_in_the_admin_is_refused_and_loses_no_word(full: Filled, staff: Client) -> None:
    before = stored()
    page = reverse("admin:orders_transportorder_add")
    answer = staff.post(page, _typed("Typed for an hour"))
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "Not saved. The queue is full: 10 objects wait, of 10 that may." in text
    assert "Typed for an hour" in text
    assert stored() == before
    full.integration.delete()
    full.measure()
    assert staff.post(page, _typed("Typed for an hour")).status_code == 302
    assert TransportOrder.objects.of(full.platform).filter(name="Typed for an hour").exists()


def test_what_is_deleted_in_the_admin_is_told_too_so_it_is_refused(
    full: Filled, staff: Client
) -> None:
    order = TransportOrder.objects.of(full.platform).first()
    assert order
    one = reverse("admin:orders_transportorder_delete", args=[order.pk])
    every = reverse("admin:orders_transportorder_changelist")
    chosen = {"action": "delete_selected", "_selected_action": [order.pk], "post": "yes"}
    for page, sent in ((one, {"post": "yes"}), (every, chosen)):
        answer = staff.post(page, sent, follow=True)
        assert "Not deleted. The queue is full" in answer.content.decode()
    assert TransportOrder.objects.of(full.platform).filter(pk=order.pk).exists()


def _typed(name: str) -> dict[str, Any]:
    parts = "consignments"
    return {
        "name": name, "status": "concept", "type": "",
        f"{parts}-TOTAL_FORMS": 0, f"{parts}-INITIAL_FORMS": 0,
    }  # fmt: skip


def test_a_call_asks_the_database_nothing_about_it(
    filled: Filled, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where this process has yet to look what the others found."""
    api.ok("POST", "transportOrder", ORDER)  # what is read once by each process
    filled.measure()
    counts = []
    for asks in (True, False):
        if not asks:
            monkeypatch.setattr("otms.api.intake.refusal", lambda user, entity, shown: None)
        pressure._Known.until = 0.0
        with CaptureQueriesContext(connection) as seen:
            api.ok("POST", "transportOrder", ORDER)
        counts.append(len(seen))
    assert counts[0] == counts[1] > 5
