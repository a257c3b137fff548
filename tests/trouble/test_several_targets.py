"""Of several targets one is down: the others are called as ever."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations.core.trouble import MANY
from integrations.models import (
    DataSource,
    Gate,
    Integration,
    IntegrationObject,
    Status,
    hearing,
)
from tests import make
from tests.queue.conftest import Queue
from tests.sink import Sink
from tests.trouble.conftest import (
    DOWN,
    alerts,
    called,
    claim_trial,
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


def first_down(queue: Queue, sink: Sink, **fields: object) -> Integration:
    """Two steps without filters; the first target is down, and held back."""
    made = make.integration(sink.url("/first"), platform=queue.platform, **fields)
    DataSource.objects.create(
        platform=made.platform, integration=made, position=1, settings={"url": sink.url("/second")}
    )
    sink.answers("/first", DOWN)
    sink.answers("/second", "/ok")
    save(queue, MANY)
    queue.run_when_due()
    assert Gate.objects.get(pk=made.pk).held_back
    return Integration.objects.of(queue.platform).get()


def waiting(queue: Queue, **fields: object) -> list[float]:
    """In how many seconds each is due that was put off."""
    off = queue.all.filter(due_at__gt=now(), leased=False, **fields)
    return [(obj.due_at - now()).total_seconds() for obj in off]


def test_what_waits_for_the_first_goes_on_when_its_trouble_is_over(
    queue: Queue, sink: Sink
) -> None:
    made = first_down(queue, sink)
    save(queue, 60)
    queue.run()
    assert len(waiting(queue, status="QUEUE")) == 60
    sink.answers("/first", "/ok")
    let_the_cooldown_pass(made)
    first = queue.all.filter(status="QUEUE").first()
    queue.all.filter(pk=first.pk).update(due_at=now() - timedelta(seconds=1))  # it alone
    queue.run()
    assert not queue.all.filter(status="QUEUE").exists()


def test_what_waits_for_the_first_is_due_when_a_person_saves(
    queue: Queue, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "PORTION", 15)
    made = first_down(queue, sink)
    let_the_cooldown_pass(made, until=now().timestamp() + 3600)
    save(queue, 40)
    queue.run_when_due()  # so all are put off, what is to be tried again too
    assert max(waiting(queue, status="QUEUE")) > 3500
    assert min(waiting(queue, status="RETRY")) > 3500
    made.save()
    assert waiting(queue) == []


def test_what_waits_for_its_tick_is_not_let_go_with_what_waits_for_the_target(
    queue: Queue, sink: Sink
) -> None:
    ticks = {
        "integrationSchedulerScheduleType": "hours",
        "integrationSchedulerScheduleValue": 1,
    }
    made = first_down(queue, sink, schedule=ticks)
    save(queue, 3)
    due = list(queue.all.filter(status="QUEUE").values_list("due_at", flat=True))
    assert min(due) > now()
    made.save()
    assert list(queue.all.filter(status="QUEUE").values_list("due_at", flat=True)) == due


def test_a_trial_that_is_refused_is_followed_by_the_next_at_once(
    queue: Queue, sink: Sink, second: Integration
) -> None:
    save(queue, 40)
    queue.run()
    let_the_cooldown_pass(second, cooldown=300.0)
    sink.answers("/second", "/status/400")
    queue.run_when_due()
    assert not queue.all.filter(status="QUEUE").exists()


def test_a_trial_that_needs_no_call_is_followed_by_the_next_of_several_at_once(
    queue: Queue, sink: Sink, second: Integration
) -> None:
    save(queue, 40)
    queue.run()
    trial = claim_trial(queue, second, cooldown=300.0)
    sink.answers("/second", "/ok")
    IntegrationObject.objects.finish([trial.skip("filter_no_match", "No.")])
    before = called(sink, "/second")
    queue.run()
    assert called(sink, "/second") > before


def test_a_trial_that_failed_is_followed_by_another_when_the_cooldown_is_over(
    queue: Queue, sink: Sink
) -> None:
    """And not by what stands behind one that is to be tried again, in its lane."""
    made = first_down(queue, sink)
    head = queue.all.first()
    behind = queue.put(made, head.entity_id)[0]
    save(queue, 30)
    queue.run()  # what is behind waits for its head, the others for the target
    let_the_cooldown_pass(made)
    trial = queue.all.filter(status="QUEUE").last()
    queue.all.filter(pk=trial.pk).update(due_at=now() - timedelta(seconds=1))
    queue.run()
    until = next(iter(Gate.objects.get(pk=made.pk).held_back.values())).until
    due = [obj.pk for obj in queue.all if obj.due_at and obj.due_at.timestamp() <= until + 0.001]
    untried = [obj.pk for obj in queue.all.filter(status="QUEUE", pk__in=due)]
    assert untried
    assert behind.pk not in untried
    # While it is waited for, what is new has the next turn too.
    queue.save_order()
    queue.run()
    assert queue.all.last().due_at.timestamp() == pytest.approx(until, abs=0.001)


def test_a_long_queue_of_what_was_sent_nowhere_yet_is_put_off_at_once(
    queue: Queue, sink: Sink
) -> None:
    made = first_down(queue, sink)
    queue.put(made, *(uuid4() for _ in range(500)))
    with CaptureQueriesContext(connection) as captured:
        assert IntegrationObject.objects.claim_due(10).objects == []
    assert len(captured) < 15
    assert len(waiting(queue, attempts=0)) == 500
