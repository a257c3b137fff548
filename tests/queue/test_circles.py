"""What our own deliveries cause does not go round for ever."""

from typing import Any

import pytest

from integrations.inbound import imports
from integrations.models import Credential, EntityChange, Integration, Status
from integrations.tasks import carry_out_imports
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def order_saved(api: Api, hops: str | None = None) -> Any:
    headers = {} if hops is None else {"X-OTMS-Hops": hops}
    answer = api("POST", "transportOrder", {"name": "ORD"}, headers=headers)
    assert answer.status_code == 200, answer.content
    return EntityChange.objects.across_platforms().order_by("-id").first()


def imported(api: Api, into: Integration, rows: int, *, hops: str, name: str = "") -> Any:
    data = [{"externalId": str(each), "name": f"{name} {each}"} for each in range(rows)]
    body = {"integrationId": str(into.pk), "data": data}
    answer = api("POST", "integration/import/data", body, headers={"X-OTMS-Hops": hops})
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_receiver_is_told_how_many_deliveries_led_to_this_one(
    api: Api, queue: Queue, sink: Sink
) -> None:
    make.integration(sink.url(), platform=queue.platform)
    order_saved(api)
    order_saved(api, "3")
    queue.run()
    # Of two records either may be first.
    assert sorted(each.headers["x-otms-hops"] for each in sink.requests) == ["1", "4"]


def test_after_some_it_ends_and_says_why(api: Api, queue: Queue, sink: Sink) -> None:
    make.integration(sink.url(), platform=queue.platform)
    change = order_saved(api, "8")
    obj = queue.only
    assert (obj.status, obj.change_id, obj.holds_lane, obj.due_at) == (
        Status.SKIPPED,
        change.pk,
        False,
        None,
    )
    assert obj.reason.startswith("This change is the work of 8 deliveries of ours")
    queue.run()
    assert sink.requests == []
    queue.all.requeue()
    queue.run()
    assert len(sink.requests) == 1  # a person may send it all the same


@pytest.mark.parametrize("written", ["", "-1", "1.5", "moon", "9999", "²", " "])
def test_what_is_no_number_is_none(api: Api, queue: Queue, written: str) -> None:
    assert order_saved(api, written).hops == 0


def test_an_import_hands_it_on(api: Api, queue: Queue) -> None:
    own = make.integration(platform=queue.platform)
    body = {"integrationId": str(own.pk), "data": [{"name": "imported"}]}
    assert (
        api("POST", "integration/import/data", body, headers={"X-OTMS-Hops": "5"}).status_code
        == 200
    )
    change = EntityChange.objects.of(queue.platform).get()
    assert (change.origin, change.origin_integration_id, change.hops) == ("import", own.pk, 5)


@pytest.mark.parametrize("rows", [101, 5])
def test_so_does_one_that_a_worker_carries_out(
    api: Api, queue: Queue, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Because it has many rows, or because who brings few of them would wait for too long."""
    monkeypatch.setattr(imports, "PATIENCE", 0)
    own = make.integration(platform=queue.platform)
    answer = imported(api, own, rows, hops="5")
    assert answer["totals"]["waiting"] >= 4
    carry_out_imports()
    changes = EntityChange.objects.of(queue.platform)
    assert set(changes.values_list("origin", "origin_integration", "hops")) == {
        ("import", own.pk, 5)
    }
    assert changes.count() == rows


def test_an_echo_by_imports_that_workers_carry_out_comes_to_rest(
    api: Api, queue: Queue, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They import for an integration of their own, so the one that sends hears of it each time."""
    monkeypatch.setattr(imports, "AT_ONCE", 0)
    own = make.integration(platform=queue.platform)
    make.integration(sink.url(), platform=queue.platform, trigger=make.ALL_ACTIONS)
    hops = "0"
    for n in range(1, 30):
        imported(api, own, 1, hops=hops, name=str(n))
        carry_out_imports()
        queue.run()
        if len(sink.requests) < n:
            break
        hops = sink.requests[-1].headers["x-otms-hops"]
    assert len(sink.requests) == 8
    assert queue.all.last().status == Status.SKIPPED


def test_a_mail_hands_it_on(api: Api, queue: Queue) -> None:
    own = make.integration(platform=queue.platform)
    integration = Api(Credential.generate(own)[1]["token"])
    mail = {"from": "ann@acme.example", "subject": "Order", "body": "20 pallets to Vienna."}
    for caller in (api, integration):
        answer = caller("POST", "integration/email", mail, headers={"X-OTMS-Hops": "5"})
        assert answer.json()["transportOrder"]
    changes = EntityChange.objects.of(queue.platform).order_by("id")
    assert [(each.origin, each.hops) for each in changes] == [("api", 5), ("import", 5)]


def test_two_systems_that_echo_each_other_come_to_rest(api: Api, queue: Queue, sink: Sink) -> None:
    """Ours sends, theirs saves it here again in other words, and so on."""
    make.integration(sink.url(), platform=queue.platform, trigger=make.ALL_ACTIONS)
    order = queue.save_order(name="0")
    for n in range(1, 30):
        told = len(sink.requests)
        queue.run()
        if len(sink.requests) == told:
            break
        hops = sink.requests[-1].headers["x-otms-hops"]
        body = {"id": str(order.pk), "name": str(n)}
        assert api("PUT", "transportOrder", body, headers={"X-OTMS-Hops": hops}).status_code == 200
    assert len(sink.requests) == 8
    assert queue.all.last().status == Status.SKIPPED
