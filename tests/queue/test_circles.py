"""What our own deliveries cause does not go round for ever."""

from typing import Any

import pytest

from integrations.models import EntityChange, Status
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


def test_a_receiver_is_told_how_many_deliveries_led_to_this_one(
    api: Api, queue: Queue, sink: Sink
) -> None:
    make.integration(sink.url(), platform=queue.platform)
    order_saved(api)
    order_saved(api, "3")
    queue.run()
    assert [each.headers["x-otms-hops"] for each in sink.requests] == ["1", "4"]


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
