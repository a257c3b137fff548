"""Integrations that are saved, suspended, changed or deleted while their target is in trouble."""

from datetime import datetime, timedelta, tzinfo
from typing import Any

import pytest
from django.utils.timezone import now

from integrations.core.trouble import MANY, Report
from integrations.models import (
    Alert,
    DataSource,
    Gate,
    Integration,
    IntegrationObject,
)
from integrations.models import gate as gates
from integrations.models.gate import EVER, FOREVER
from tests.queue.conftest import Queue
from tests.sink import Sink
from tests.trouble.conftest import (
    DOWN,
    alerts,
    called,
    calls,
    claim_trial,
    let_the_cooldown_pass,
    routed,
    save,
    shift,
    statuses,
    took,
    trouble,
)

pytestmark = pytest.mark.django_db(transaction=True)


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
    trial = claim_trial(queue, integration)
    IntegrationObject.objects.finish([took(trial)])
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
    report = Report(gone, "Old", "down", "It hung.")
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


def test_what_waits_for_a_target_and_was_sent_nowhere_is_asked_anew_from_the_first_step(
    queue: Queue, sink: Sink
) -> None:
    """A filter that wants it now would be passed by, if it went on where it stood."""
    made, first = routed(queue, sink, "eq")
    sink.answers("/second", DOWN)
    for _ in range(MANY):
        queue.save_order(name="B")
    queue.run()
    waits = queue.save_order(name="C")
    queue.run()
    late = queue.all.get(entity_id=waits.pk)
    assert (late.attempts, late.at_source != first.pk, late.at_source is None) == (0, True, False)
    first.filters = [{"field": "$.transportOrder.name", "operator": "eq", "value": "C"}]
    first.save()
    Integration.objects.of(queue.platform).get().save()
    sink.answers("/first", "/ok")
    sink.answers("/second", "/ok")
    for _ in range(MANY):
        let_the_cooldown_pass(made)
        queue.run_when_due()
    assert statuses(queue) == {"SUCCESS": MANY + 1}
    (call,) = [each for each in sink.requests if each.path == "/first"]
    assert call.headers["webhook-id"] == str(late.uuid)
    ids = [each.headers["webhook-id"] for each in sink.requests if each.path == "/second"]
    assert sum(id.startswith(f"{late.uuid}-") for id in ids) == 1


def test_a_call_that_began_before_a_step_was_added_holds_back_no_other(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    save(queue, 20)
    queue.run()
    trial = claim_trial(queue, integration)
    source = DataSource.objects.of(queue.platform).get()
    source.filters = [{"field": "$.transportOrder.name", "operator": "eq", "value": "A"}]
    source.save()
    DataSource.objects.create(
        platform=queue.platform,
        integration=integration,
        position=1,
        settings={"url": sink.url("/other")},
    )
    sink.answers("/other", "/ok")
    report = Report(source.pk, "ERP", "down", "It answered 503.", 3600.0)
    failed = trial.fail("", "503", integration.policy, permanent=False, report=report)
    IntegrationObject.objects.finish([failed])
    for _ in range(3):
        queue.save_order(name="B")
    queue.run()
    assert [obj.status for obj in queue.all][-3:] == ["SUCCESS"] * 3


def test_the_clock_of_who_saves_it_does_not_matter(
    queue: Queue, sink: Sink, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Ahead":
            return super().now(tz) + timedelta(minutes=10)

    save(queue, 20)
    queue.run()
    made = calls(sink)
    with monkeypatch.context() as patch:
        patch.setattr(gates, "datetime", Ahead)
        Integration.objects.of(queue.platform).get().reopen()
    queue.run()
    assert calls(sink) == made + 1


def test_one_that_is_gone_while_a_person_paused_it_is_told_of(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    sink.answers("/orders", "/status/410")
    save(queue, 2)
    claimed = IntegrationObject.objects.claim_due(1).objects
    Integration.objects.of(queue.platform).get().switch(on=False)
    report = Report(DataSource.objects.of(queue.platform).get().pk, "ERP", "gone", "410.")
    said = {"permanent": True, "report": report, "pause_reason": "It is gone."}
    IntegrationObject.objects.finish(
        [obj.fail("target_refused", "410.", integration.policy, **said) for obj in claimed]
    )
    assert alerts(queue) == ["trouble"]
    sink.answers("/orders", "/ok")
    Integration.objects.of(queue.platform).get().switch(on=True)
    queue.run()
    assert alerts(queue) == ["trouble", "recovered"]


def test_an_outcome_that_comes_too_late_ends_no_trouble(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    save(queue, 20)
    queue.run()
    trial = claim_trial(queue, integration)
    late = took(trial)
    IntegrationObject.objects.finish([late])
    queue.all.filter(status__in=["QUEUE", "RETRY"]).cancel("Not wanted.")
    IntegrationObject.objects.finish([late])  # its claim is over since
    assert Gate.objects.get(pk=integration.pk).troubles is not None
    assert alerts(queue) == ["trouble"]
    sink.answers("/orders", "/ok")
    queue.save_order()
    queue.run()
    assert alerts(queue) == ["trouble", "recovered"]
