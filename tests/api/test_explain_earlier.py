"""What became of earlier changes is told beside the last one, and so are replays."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations import explain
from integrations.models import EntityChange, Gate, IntegrationObject
from integrations.models.gate import EVER
from tests import make
from tests.api.explaining import listener, why
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_waits_behind_a_change_that_waits_says_for_what(
    api: Api, queue: Queue, sink: Sink
) -> None:
    listener(queue, sink.url("/status/500"))
    order = queue.save_order(name="4711")
    queue.run()
    order.order_id = "A-2"
    order.save()
    (first, _), said = queue.all, why(api, "4711")
    assert f"an earlier change of the same record (sequence {first.pk}, RETRY)" in said
    assert "Of that one: 1 attempt so far. The next attempt is at 20" in said
    assert said.count("answered 500") == 1


def test_what_was_given_up_before_is_told_beside_what_was_delivered(
    api: Api, queue: Queue, sink: Sink
) -> None:
    listener(queue, sink.url("/turn"))
    sink.answers("/turn", "/status/400")
    order = queue.save_order(name="4711")
    queue.run()
    assert "Before that" not in why(api, "4711")
    sink.answers("/turn", "/ok")
    order.order_id = "A-2"
    order.save()
    queue.run()
    said = why(api, "4711")
    assert said.startswith("Delivered at 20")
    assert said.endswith(" Before that, 1 change of it was given up.")


def test_its_own_replay_is_nothing_newer(api: Api, queue: Queue, sink: Sink) -> None:
    listener(queue, sink.url("/turn"))
    sink.answers("/turn", "/status/400")
    queue.save_order(name="4711")
    queue.run()
    sink.answers("/turn", "/ok")
    (old,) = queue.all
    replayed(old)
    queue.run()
    found = api.ok("GET", f"integration/object/{old.uuid}")["object"]["inWords"]
    assert "A newer change" not in str(found)
    assert queue.all.overtaken() == 0


def test_what_it_made_of_an_earlier_change_is_told_also_after_a_change_that_is_not_for_it(
    api: Api, queue: Queue, sink: Sink
) -> None:
    make.integration(sink.url("/status/400"), platform=queue.platform)
    order = queue.save_order(name="4711")
    queue.run()
    order.status = "accepted"
    order.save()
    said = why(api, "4711")
    assert said.startswith("Of the change of 20")
    assert "(created): Given up at 20" in said
    assert "answered 400" in said
    assert (
        ". Of the last one: It listens to records that are created; this one was updated." in said
    )


def replayed(*objects: IntegrationObject, times: int = 1) -> None:
    chosen = IntegrationObject.objects.across_platforms()
    chosen = chosen.filter(pk__in=[each.pk for each in objects])
    for _ in range(times):
        chosen.replay("a person")


def test_a_replay_of_an_earlier_change_hides_not_what_became_of_the_last(
    api: Api, queue: Queue, sink: Sink
) -> None:
    listener(queue, sink.url())
    order = queue.save_order(name="4711")
    order.order_id = "A-2"
    order.save()
    queue.run()
    replayed(queue.all.earliest("pk"))
    queue.run()
    said = why(api, "4711")
    assert said.startswith("Of the change of 20")
    assert "(created), replayed: Delivered at 20" in said
    assert "Of the last one: Delivered at 20" in said


def test_the_newest_of_each_integration_is_told_however_often_another_replayed(
    api: Api, queue: Queue, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain, "MOST", 3)
    busy = listener(queue, sink.url(), name="busy")
    listener(queue, sink.url("/status/400"), name="quiet")
    gone = listener(queue, sink.url(), name="gone")
    order = queue.save_order(name="4711")
    queue.run()
    gone.refresh_from_db()
    gone.retire()
    replayed(queue.all.get(integration=busy), times=4)
    queue.run()
    told = api.ok("GET", f"integration/explain?entityId={order.pk}")["explanation"]
    statuses = {each["name"]: each["status"] for each in told["integrations"]}
    assert statuses == {"busy": "SUCCESS", "quiet": "ERROR", "gone": "SUCCESS"}
    assert "3 integrations had to do with it" in told["why"]


def test_it_costs_the_same_however_much_history_there_is(
    api: Api, queue: Queue, sink: Sink
) -> None:
    listener(queue, sink.url())
    order = queue.save_order(name="4711")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            why(api, "4711")
        return len([each for each in captured if each["sql"].startswith("SELECT")])

    for place in range(5):
        order.order_id = str(place)
        order.save()
        if place == 0:
            few = queries()
    assert EntityChange.objects.of(queue.platform).count() == 6
    Gate.objects.update(served_at=EVER)
    assert queries() <= few
