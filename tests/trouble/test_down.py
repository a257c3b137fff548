"""A target that is down: the calls drop to trials, what waits is kept, people are told twice."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations.core.trouble import MANY
from integrations.dispatcher import Dispatcher
from integrations.models import (
    Alert,
    Gate,
    Integration,
    IntegrationObject,
    Log,
    Status,
)
from integrations.models.gate import EVER
from tests import make
from tests.at_once import at_once
from tests.queue.conftest import Queue
from tests.sink import Sink
from tests.trouble.conftest import (
    alerts,
    calls,
    claim_trial,
    let_the_cooldown_pass,
    save,
    statuses,
    took,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_while_it_is_down_one_call_at_a_time_is_tried_and_then_all_come_through(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    save(queue, 60)
    queue.run()
    made = calls(sink)
    assert MANY <= made <= MANY + integration.policy.concurrency
    for trial in range(1, 4):  # however often it is looked, and whatever is due
        queue.run_when_due()
        assert calls(sink) == made + trial - 1
        let_the_cooldown_pass(integration)
        queue.run_when_due()
        assert calls(sink) == made + trial
    assert alerts(queue) == ["trouble"]
    sink.answers("/orders", "/ok")
    let_the_cooldown_pass(integration)
    queue.run_when_due()
    queue.run_when_due()  # those that had failed
    assert statuses(queue) == {"SUCCESS": 60}
    assert alerts(queue) == ["trouble", "recovered"]
    assert Gate.objects.get(pk=integration.pk).troubles is None
    lines = Log.objects.of(queue.platform).filter(object=None).order_by("id")
    assert list(lines.values_list("code", "level")) == [
        ("target_in_trouble", "error"),
        ("target_recovered", "info"),
    ]
    begun, over = lines
    assert re.search("^webhook failed 1[0-7] times since", begun.message)
    assert "answered 503" in begun.message
    assert "one call at a time is tried" in begun.message
    assert "webhook works again. It was in trouble since" in over.message


def test_when_it_works_again_more_come_little_by_little(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    save(queue, 30)
    queue.run()
    sink.answers("/orders", "/ok")
    let_the_cooldown_pass(integration)
    queue.time_passes()
    rooms = []
    while Gate.objects.get(pk=integration.pk).trouble:
        claimed = IntegrationObject.objects.claim_due(100).objects
        rooms.append(len(claimed))
        # Waiting for these, nobody else is let in.
        assert IntegrationObject.objects.claim_due(100).objects == []
        IntegrationObject.objects.finish([took(obj) for obj in claimed])
    assert rooms == [1, 2, 4, 8]
    assert len(IntegrationObject.objects.claim_due(100).objects) == integration.policy.concurrency


def test_a_blip_is_no_trouble(queue: Queue, sink: Sink, integration: Integration) -> None:
    save(queue, MANY - 1)
    queue.run()
    sink.answers("/orders", "/ok")
    queue.run_when_due()
    assert statuses(queue) == {"SUCCESS": MANY - 1}
    assert alerts(queue) == []


def test_one_that_refuses_documents_is_told_of_and_called_all_the_same(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    sink.answers("/orders", "/status/400")
    save(queue, 20)
    queue.run()
    assert statuses(queue) == {"ERROR": 20}
    assert alerts(queue) == ["trouble"]
    assert "It answers" in Alert.objects.of(queue.platform).get().message
    sink.answers("/orders", "/ok")
    for told in ([], [], ["recovered"]):  # one now and then is no end of it
        queue.save_order()
        queue.run()
        assert alerts(queue) == ["trouble", *told]


def test_one_that_does_not_let_us_in_costs_few_objects(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    sink.answers("/orders", "/status/401")
    save(queue, 40)
    queue.run()
    found = statuses(queue)
    assert found["ERROR"] <= MANY + integration.policy.concurrency
    assert found["QUEUE"] >= 20


def test_documents_that_cannot_be_made_are_told_of_too(queue: Queue, sink: Sink) -> None:
    make.integration(sink.url("/ok"), platform=queue.platform, mapping="$.transportOrder.goods")
    save(queue, MANY)
    queue.run()
    assert statuses(queue) == {"ERROR": MANY}
    assert alerts(queue) == ["trouble"]


def test_a_long_queue_of_a_target_in_trouble_is_not_touched(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    save(queue, MANY)
    queue.run()
    queue.put(integration, *(uuid4() for _ in range(300)))
    before = list(queue.all.values_list("pk", "due_at", "fence"))
    with CaptureQueriesContext(connection) as captured:
        queue.run()
    assert list(queue.all.values_list("pk", "due_at", "fence")) == before
    assert not [each for each in captured if "FOR UPDATE SKIP LOCKED" in each["sql"]][1:]


@pytest.mark.services
def test_workers_beside_each_other_try_one_between_them(
    queue: Queue, integration: Integration
) -> None:
    save(queue, 40)
    queue.run()
    let_the_cooldown_pass(integration)
    queue.time_passes()

    def claims() -> list[IntegrationObject]:
        return [o for _ in range(5) for o in IntegrationObject.objects.claim_due(10).objects]

    assert sum(map(len, at_once(4, claims))) == 1


def test_a_trial_whose_worker_died_is_followed_by_another(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    save(queue, 20)
    queue.run()
    trial = claim_trial(queue, integration)
    sink.answers("/orders", "/ok")
    queue.all.filter(pk=trial.pk).update(due_at=now() - timedelta(seconds=1))  # its lease is over
    Gate.objects.update(full_until=EVER)
    Dispatcher().run(until_idle=True)
    queue.run_when_due()
    assert statuses(queue) == {Status.SUCCESS: 20}


def test_a_trial_that_needs_no_call_is_followed_by_the_next_at_once(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    save(queue, 20)
    queue.run()
    trial = claim_trial(queue, integration)
    assert IntegrationObject.objects.claim_due(10).objects == []
    IntegrationObject.objects.finish([trial.skip("filter_no_match", "No.")])
    assert len(IntegrationObject.objects.claim_due(10).objects) == 1
