"""What a target in trouble answered may name a person, who is erased from what is said of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings

from integrations import privacy
from integrations.models import Alert, Gate, Integration, Log
from integrations.privacy.texts import Erasure
from otms.accounts.models import AuditEntry, Platform
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.sink import Sink
from tests.trouble.conftest import let_the_cooldown_pass, shift, trouble

pytestmark = pytest.mark.django_db(transaction=True)
ANN = "Ann Smith"


@pytest.fixture
def queue(platform: Platform, run_queue: Callable[[], None]) -> Queue:
    return Queue(platform, run_queue)


@pytest.fixture
def integration(queue: Queue, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Integration:
    """Its target says no, and of whom."""
    monkeypatch.setattr("integrations.core.trouble.SETTLED", 0)
    made = make.integration(sink.url("/erp"), platform=queue.platform)
    sink.teach("no", f"{ANN} is no customer")
    sink.answers("/erp", "/parrot/500/no")
    for _ in range(12):
        queue.save_order()
    queue.run()
    assert ANN in trouble(made).reason
    return made


@pytest.fixture
def suspended(queue: Queue, integration: Integration, settings: LazySettings) -> Integration:
    """It was in trouble for longer than we have patience."""
    settings.OTMS_SUSPEND_DAYS = 5
    shift(integration, days=6)
    let_the_cooldown_pass(integration)
    queue.run_when_due()
    return integration


def erase(queue: Queue, *texts: str) -> None:
    list(privacy.erase(queue.platform, texts or [ANN]))


def test_whoever_is_erased_is_named_by_no_trouble(
    api: Api, queue: Queue, integration: Integration
) -> None:
    before = trouble(integration)
    erase(queue)
    told = api.ok("GET", f"integration/{integration.pk}")["integration"]["health"]
    assert "[erased] is no customer" in told["reason"]
    assert ANN not in json.dumps(told)
    after = trouble(integration).written()
    assert {**after, "reason": before.reason} == before.written()
    # What is written of it later names nobody either.
    Integration.objects.of(queue.platform).get().retire()
    for model in (Alert, Log):
        of = model.objects.of(queue.platform)
        assert of.filter(message__contains="was taken away").exists()
        assert not of.filter(message__contains=ANN).exists()


def test_a_suspension_names_them_nowhere(queue: Queue, suspended: Integration) -> None:
    assert ANN in Gate.objects.get(pk=suspended.pk).pause_reason
    erase(queue)
    assert "[erased] is no customer" in Gate.objects.get(pk=suspended.pk).pause_reason


def test_the_audit_trail_does_not_repeat_why_it_was_suspended(
    queue: Queue, suspended: Integration
) -> None:
    Integration.objects.of(queue.platform).get().reopen()
    entry = AuditEntry.objects.of(queue.platform).get(note__startswith="Resumed")
    assert entry.note == "Resumed; it was suspended."


def test_what_is_called_as_we_call_things_stays_readable(
    queue: Queue, integration: Integration
) -> None:
    (source,) = Gate.objects.get(pk=integration.pk).trouble
    before = trouble(integration)
    erase(queue, "since", "reason", str(source).split("-")[0])
    assert trouble(integration) == before


def test_what_a_worker_hears_meanwhile_is_kept(
    queue: Queue, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trouble ends between the look at it and the change."""
    changes = Erasure.changes

    def over(self: Erasure, place: Any, row: Any) -> dict[str, Any]:
        changed = changes(self, place, row)
        if isinstance(row, Gate) and changed:
            Gate.objects.filter(pk=row.pk).update(troubles=None)
        return changed

    monkeypatch.setattr(Erasure, "changes", over)
    erase(queue)
    assert Gate.objects.get(pk=integration.pk).troubles is None
