"""A target that is down: the calls drop to trials, what waits is kept, people are told twice."""

import re
import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations.core import trouble as core
from integrations.core.trouble import MANY, Report, Trouble
from integrations.dispatcher import Dispatcher
from integrations.models import (
    Alert,
    DataSource,
    Gate,
    Integration,
    IntegrationObject,
    Log,
    Status,
)
from integrations.models.gate import EVER, FOREVER
from tests import make
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

DOWN = "/status/503"


@pytest.fixture(autouse=True)
def _told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it lasts is asked in tests/core/test_trouble.py."""
    monkeypatch.setattr(core, "SETTLED", 0.0)


@pytest.fixture
def integration(queue: Queue, sink: Sink) -> Integration:
    """Its target is down."""
    made = make.integration(sink.url("/orders"), platform=queue.platform)
    sink.answers("/orders", DOWN)
    return made


def alerts(queue: Queue) -> list[str]:
    told = Alert.objects.of(queue.platform).order_by("created_at", "pk")
    return list(told.values_list("kind", flat=True))


def trouble(integration: Integration) -> Trouble:
    (found,) = Gate.objects.get(pk=integration.pk).trouble.values()
    return found


def save(queue: Queue, orders: int) -> None:
    for _ in range(orders):
        queue.save_order()


def let_the_cooldown_pass(integration: Integration, **more: float) -> None:
    gate = Gate.objects.get(pk=integration.pk)
    past = now().timestamp() - 1
    gate.troubles = {
        id: {**each.written(), "until": past, **more} for id, each in gate.trouble.items()
    }
    gate.full_until = EVER
    gate.save()


def calls(sink: Sink) -> int:
    attempts: int = sink.stats()["attempts"]
    return attempts


def statuses(queue: Queue) -> dict[str, int]:
    found = list(queue.all.values_list("status", flat=True))
    return {status: found.count(status) for status in sorted({*found})}


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
    assert re.search("^webhook failed 1[0-7] times in a row since", begun.message)
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
    while trouble_now := Gate.objects.get(pk=integration.pk).trouble:
        claimed = IntegrationObject.objects.claim_due(100).objects
        rooms.append(len(claimed))
        # Waiting for these, nobody else is let in.
        assert IntegrationObject.objects.claim_due(100).objects == []
        IntegrationObject.objects.finish([_took(obj, trouble_now) for obj in claimed])
    assert rooms == [1, 2, 4, 8]
    assert len(IntegrationObject.objects.claim_due(100).objects) == integration.policy.concurrency


def _took(obj: IntegrationObject, troubles: dict[str, Trouble]) -> Any:
    (source,) = troubles
    return obj.succeed("It took it.", report=Report(source, "ERP", "works", alone=True))


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
    queue.save_order()
    queue.run()
    assert alerts(queue) == ["trouble", "recovered"]


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


def test_saving_the_integration_tries_at_once_and_is_no_second_trouble(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    save(queue, 20)
    queue.run()
    made = calls(sink)
    Integration.objects.of(queue.platform).get().save()
    queue.run()
    assert calls(sink) == made + 1
    Integration.objects.of(queue.platform).get().reopen()
    queue.run()
    assert alerts(queue) == ["trouble"]
    sink.answers("/orders", "/ok")
    Integration.objects.of(queue.platform).get().save()
    queue.run()
    queue.run_when_due()
    assert statuses(queue) == {"SUCCESS": 20}
    assert alerts(queue) == ["trouble", "recovered"]


def test_a_data_source_that_is_taken_away_takes_its_trouble_along(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    save(queue, MANY)
    queue.run()
    DataSource.objects.of(queue.platform).get().delete()
    assert alerts(queue) == ["trouble", "recovered"]
    assert "was taken away" in Alert.objects.of(queue.platform).latest("created_at").message
    assert Gate.objects.get(pk=integration.pk).troubles is None


def test_after_days_without_success_nobody_tries_any_more(
    queue: Queue, sink: Sink, integration: Integration, settings: Any
) -> None:
    settings.OTMS_SUSPEND_DAYS = 5
    save(queue, 20)
    queue.run()
    days = timedelta(days=5, minutes=1).total_seconds()
    for _ in range(2):  # told once
        let_the_cooldown_pass(integration, patience=now().timestamp() - days)
        queue.run_when_due()
    gate = Gate.objects.get(pk=integration.pk)
    assert gate.paused_until == FOREVER
    assert "It worked no more for days" in gate.pause_reason
    assert alerts(queue) == ["trouble", "suspended"]
    made = calls(sink)
    queue.run_when_due()
    assert calls(sink) == made
    # A person who resumes it has as much patience again.
    Integration.objects.of(queue.platform).get().save()
    queue.run_when_due()
    assert calls(sink) == made + 1
    assert Gate.objects.get(pk=integration.pk).paused_until == EVER
    assert alerts(queue) == ["trouble", "suspended"]


# Of several targets, one.


@pytest.fixture
def second(queue: Queue, sink: Sink) -> Integration:
    """Two steps: the first target works, the second is down."""
    made = make.integration(sink.url("/first"), platform=queue.platform)
    DataSource.objects.create(
        platform=made.platform,
        integration=made,
        name="Second",
        position=1,
        settings={"url": sink.url("/second")},
    )
    sink.answers("/first", "/ok")
    sink.answers("/second", DOWN)
    return Integration.objects.of(queue.platform).get()


def called(sink: Sink, path: str) -> int:
    return sum(each.path.startswith(path) for each in sink.requests)


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
    made = make.integration(sink.url("/first"), platform=queue.platform)
    first = DataSource.objects.of(queue.platform).get()
    first.filters = [{"field": "$.transportOrder.name", "operator": "startsWith", "value": "A"}]
    first.save()
    DataSource.objects.create(
        platform=made.platform, integration=made, position=1, settings={"url": sink.url("/second")}
    )
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


# What it costs, and several workers.


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
    claimed: list[int] = []
    ready = threading.Barrier(4)

    def work() -> None:
        try:
            ready.wait()
            for _ in range(5):
                claimed.extend(o.pk for o in IntegrationObject.objects.claim_due(10).objects)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == 1


def test_a_trial_whose_worker_died_is_followed_by_another(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    save(queue, 20)
    queue.run()
    let_the_cooldown_pass(integration)
    queue.time_passes()
    (trial,) = IntegrationObject.objects.claim_due(10).objects
    sink.answers("/orders", "/ok")
    queue.all.filter(pk=trial.pk).update(due_at=now() - timedelta(seconds=1))  # its lease is over
    Gate.objects.update(full_until=EVER)
    Dispatcher().run(until_idle=True)
    queue.run_when_due()
    assert statuses(queue) == {Status.SUCCESS: 20}


# What a person does meanwhile, and what comes late.


def shift(integration: Integration, days: float) -> None:
    """So many days pass."""
    gate, seconds = Gate.objects.get(pk=integration.pk), days * 86_400
    times = ("since", "last", "patience", "until")
    gate.troubles = {
        id: {**each.written(), **{name: getattr(each, name) - seconds for name in times}}
        for id, each in gate.trouble.items()
    }
    gate.save()


def test_saving_it_unchanged_has_patience_again_too(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    save(queue, 20)
    queue.run()
    let_the_cooldown_pass(integration, patience=now().timestamp() - 6 * 86_400)
    queue.run_when_due()
    assert Gate.objects.get(pk=integration.pk).paused_until == FOREVER
    sink.answers("/orders", "/ok")
    Integration.objects.of(queue.platform).get().reopen()
    queue.run_when_due()
    queue.run_when_due()
    assert statuses(queue) == {"SUCCESS": 20}
    assert alerts(queue) == ["trouble", "suspended", "recovered"]


def test_one_failure_days_after_it_worked_suspends_nothing(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    save(queue, 20)
    queue.run()
    sink.answers("/orders", "/ok")
    let_the_cooldown_pass(integration)
    queue.time_passes()
    (trial,) = IntegrationObject.objects.claim_due(10).objects
    (source,) = Gate.objects.get(pk=integration.pk).trouble
    report = Report(source, "ERP", "works", alone=True)
    IntegrationObject.objects.finish([trial.succeed("It took it.", report=report)])
    patience = trouble(integration).patience
    assert patience > trouble(integration).last
    shift(integration, 4)
    sink.answers("/orders", DOWN)
    queue.run_when_due()
    assert Gate.objects.get(pk=integration.pk).paused_until == EVER


def test_a_target_that_is_gone_for_good_gets_one_call_when_it_is_saved(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    sink.answers("/orders", "/status/410")
    queue.save_order()
    queue.run()
    assert alerts(queue) == ["suspended"]
    save(queue, 20)
    Integration.objects.of(queue.platform).get().save()
    queue.run()
    assert statuses(queue) == {"ERROR": 2, "QUEUE": 19}
    sink.answers("/orders", "/ok")
    Integration.objects.of(queue.platform).get().save()
    queue.run()
    assert statuses(queue) == {"ERROR": 2, "SUCCESS": 19}
    assert alerts(queue) == ["suspended", "suspended", "recovered"]


def test_late_failures_of_a_data_source_that_was_replaced_are_nobodys_trouble(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    Gate.objects.update(cap=16)
    save(queue, 16)
    claimed = IntegrationObject.objects.claim_due(16).objects
    old = DataSource.objects.of(queue.platform).get()
    DataSource.objects.create(
        platform=queue.platform, integration=integration, settings={"url": sink.url("/ok")}
    )
    gone = old.pk
    old.delete()
    report = Report(gone, "Old", "down", "It hung.", alone=True, first=True)
    late = [
        obj.fail("not_delivered", "It hung.", integration.policy, permanent=False, report=report)
        for obj in claimed
    ]
    IntegrationObject.objects.finish(late)
    assert Gate.objects.get(pk=integration.pk).troubles is None
    assert alerts(queue) == []


def test_deleting_the_integration_ends_its_trouble(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    save(queue, 20)
    queue.run()
    Integration.objects.of(queue.platform).get().retire()
    assert alerts(queue) == ["trouble", "recovered"]
    assert Gate.objects.get(pk=integration.pk).troubles is None


def test_a_trial_that_needs_no_call_is_followed_by_the_next_at_once(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    save(queue, 20)
    queue.run()
    let_the_cooldown_pass(integration)
    queue.time_passes()
    (trial,) = IntegrationObject.objects.claim_due(10).objects
    assert IntegrationObject.objects.claim_due(10).objects == []
    IntegrationObject.objects.finish([trial.skip("filter_no_match", "No.")])
    assert len(IntegrationObject.objects.claim_due(10).objects) == 1


def test_a_person_who_saves_has_what_was_put_off_tried_at_once(
    queue: Queue, sink: Sink, second: Integration
) -> None:
    save(queue, 40)
    queue.run()
    queue.run_when_due()
    made = called(sink, "/second")
    sink.answers("/second", "/ok")
    Integration.objects.of(queue.platform).get().save()
    queue.run()
    assert called(sink, "/second") > made


def test_of_many_new_objects_one_is_tried_where_filters_decide(queue: Queue, sink: Sink) -> None:
    """Where they will stand is only known when they were claimed."""
    made = make.integration(sink.url("/first"), platform=queue.platform)
    first = DataSource.objects.of(queue.platform).get()
    first.filters = [{"field": "$.transportOrder.name", "operator": "eq", "value": "A"}]
    first.save()
    DataSource.objects.create(
        platform=made.platform, integration=made, position=1, settings={"url": sink.url("/second")}
    )
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
