"""Integrations that are saved, suspended, changed or deleted while their target is in trouble."""

from datetime import timedelta
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
from integrations.models.gate import EVER, FOREVER
from tests.queue.conftest import Queue
from tests.sink import Sink
from tests.trouble.conftest import (
    DOWN,
    alerts,
    called,
    calls,
    let_the_cooldown_pass,
    save,
    shift,
    statuses,
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
