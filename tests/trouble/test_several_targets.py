"""Of several targets one is down: the others are called as ever."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import now

from integrations.core.trouble import MANY
from integrations.models import (
    Gate,
    Integration,
    IntegrationObject,
    Status,
)
from tests.queue.conftest import Queue
from tests.sink import Sink
from tests.trouble.conftest import (
    DOWN,
    alerts,
    called,
    let_the_cooldown_pass,
    routed,
    save,
    statuses,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_others_of_an_integration_are_called_as_ever(
    queue: Queue, sink: Sink, second: Integration
) -> None:
    save(queue, 40)
    queue.run()
    assert called(sink, "/first") == 40
    made = called(sink, "/second")
    assert MANY <= made <= MANY + second.policy.concurrency
    queue.run_when_due()
    assert called(sink, "/second") == made
    let_the_cooldown_pass(second)
    queue.run_when_due()
    assert called(sink, "/second") == made + 1
    queue.save_order()
    queue.run()
    assert called(sink, "/first") == 41
    sink.answers("/second", "/ok")
    for _ in range(30):
        let_the_cooldown_pass(second)
        queue.run_when_due()
    assert statuses(queue) == {"SUCCESS": 41}
    assert alerts(queue) == ["trouble", "recovered"]
    assert called(sink, "/first") == 41


def test_what_is_not_for_the_target_in_trouble_does_not_wait_for_it(
    queue: Queue, sink: Sink
) -> None:
    """The first is asked for some orders only: which, is known when its filters were asked."""
    made, first = routed(queue, sink, "startsWith")
    sink.answers("/first", DOWN)
    sink.answers("/second", "/ok")
    for place in range(30):
        queue.save_order(name=f"{'AB'[place % 2]}-{place}")
    queue.run()
    assert called(sink, "/second") == 15
    tried = called(sink, "/first")
    queue.run_when_due()
    queue.save_order(name="A-late")
    queue.run()
    assert called(sink, "/first") == tried
    late = queue.all.last()
    # It waits where it stands, was not tried, and is mapped anew when its turn comes.
    assert (late.attempts, late.at_source, late.version) == (0, first.pk, None)
    assert late.due_at > now()
    sink.answers("/first", "/ok")
    for _ in range(30):
        let_the_cooldown_pass(made)
        queue.run_when_due()
    assert statuses(queue) == {"SUCCESS": 31}
    assert called(sink, "/second") == 31


def test_of_many_new_objects_one_is_tried_where_filters_decide(queue: Queue, sink: Sink) -> None:
    """Where they will stand is only known when they were claimed."""
    made, _ = routed(queue, sink, "eq")
    sink.answers("/second", DOWN)
    save(queue, 20)
    queue.run()
    before = called(sink, "/second")
    let_the_cooldown_pass(made)
    save(queue, 30)
    queue.run()
    assert called(sink, "/second") == before + 1


def test_a_long_queue_at_one_of_several_targets_is_put_off_at_once(
    queue: Queue, sink: Sink, second: Integration
) -> None:
    save(queue, MANY)
    queue.run()
    queue.put(second, *(uuid4() for _ in range(500)))
    (source,) = Gate.objects.get(pk=second.pk).trouble
    at_second = {"at_source": source, "step": 1, "status": Status.QUEUE}
    queue.all.filter(attempts=0).update(**at_second, due_at=now() - timedelta(seconds=1))
    claims = IntegrationObject.objects.claim_due(10)
    assert claims.objects == []
    assert not queue.all.filter(due_at__lte=now()).exists()
