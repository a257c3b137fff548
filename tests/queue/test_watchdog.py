"""A dispatcher that does nothing is found out; what can't be claimed is no sign of it."""

import logging
import threading
from datetime import timedelta
from math import inf
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.utils.timezone import now

from integrations.dispatcher import Dispatcher
from integrations.models import Gate, IntegrationObject, Status
from integrations.models.gate import FOREVER
from integrations.watchdog import Watchdog
from tests import make
from tests.queue.conftest import Queue, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def overlooked() -> int:
    return IntegrationObject.objects.all().overlooked(60)


def an_hour_passes(queue: Queue) -> None:
    ago = now() - timedelta(hours=1)
    queue.all.filter(due_at__isnull=False).update(due_at=ago)
    Gate.objects.exclude(paused_until=FOREVER).update(served_at=ago, paused_until=ago)


def test_what_nobody_claims_is_found(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform)
    lane = uuid4()
    queue.put(integration, lane, lane, uuid4())
    assert overlooked() == 0  # just now
    an_hour_passes(queue)
    assert overlooked() == 2  # the heads of both lanes
    IntegrationObject.objects.claim_due(1)
    assert overlooked() == 0  # somebody is at work


@pytest.mark.parametrize("why", ["blocked", "paused", "full", "rate", "leased", "later"])
def test_what_can_not_be_claimed_is_no_sign(queue: Queue, why: str) -> None:
    integration = make.integration(platform=queue.platform, delivery={"concurrency": 1})
    lane = uuid4()
    queue.put(integration, lane, lane)
    an_hour_passes(queue)
    gate = Gate.objects.filter(pk=integration.pk)
    head = queue.all.first()
    if why == "blocked":
        queue.all.filter(pk=head.pk).update(status=Status.ERROR, due_at=None)
    elif why == "paused":
        gate.update(paused_until=FOREVER)
    elif why in ("full", "leased"):
        queue.all.filter(pk=head.pk).update(leased=True, due_at=now() + timedelta(seconds=30))
    elif why == "rate":
        gate.update(full_until=now() - timedelta(seconds=5))
    else:
        queue.all.update(due_at=now() + timedelta(seconds=30))
    assert overlooked() == 0


def test_what_was_resumed_a_moment_ago_has_its_time(queue: Queue) -> None:
    integration = make.integration(platform=queue.platform)
    queue.put(integration, uuid4())
    integration.switch(on=False)
    an_hour_passes(queue)
    integration.switch(on=True)
    assert overlooked() == 0


def test_it_says_so_and_ends_its_process(queue: Queue, caplog: pytest.LogCaptureFixture) -> None:
    integration = make.integration(platform=queue.platform)
    queue.put(integration, uuid4())
    ended = threading.Event()
    watchdog = Watchdog(interval=0.02, overdue=60, end=ended.set)
    with caplog.at_level(logging.CRITICAL):
        watchdog.start()
        assert not ended.wait(0.2)
        an_hour_passes(queue)
        assert ended.wait(10)
    watchdog.join(10)
    assert "claims nothing though work is overdue" in caplog.text


def test_a_dispatcher_that_looks_is_not_bitten_for_what_it_did_not_come_to(queue: Queue) -> None:
    """Hundreds of targets that hang have all slots: each gate has its turn, though it is late."""
    integration = make.integration(platform=queue.platform)
    queue.put(integration, uuid4())
    an_hour_passes(queue)
    asked = []

    def idle() -> float:
        asked.append(1)
        return 1.0

    watchdog = Watchdog(interval=0.01, overdue=60, end=lambda: pytest.fail("it ended"), idle=idle)
    watchdog.start()
    wait_for(lambda: len(asked) > 3)
    watchdog.stop()
    watchdog.join(10)
    assert overlooked() == 1


def test_a_dispatcher_is_idle_when_its_claims_do_not_come_back(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatcher = Dispatcher(poll=0.01)
    assert dispatcher.idle == inf
    dispatcher.start()
    try:
        wait_for(lambda: dispatcher.idle < 1)
        hanging = threading.Event()
        monkeypatch.setattr(
            "integrations.models.claim.ClaimQuerySet.claim_due", lambda *_, **__: hanging.wait(20)
        )
        wait_for(lambda: dispatcher.idle > 1)
    finally:
        monkeypatch.undo()
        hanging.set()
        dispatcher.stop()


def test_it_outlives_a_database_that_is_away(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def away(*args: object) -> int:
        looks.append(1)
        raise OperationalError("away")

    monkeypatch.setattr("integrations.models.claim.ClaimQuerySet.overlooked", away)
    watchdog = Watchdog(interval=0.01, end=lambda: pytest.fail("it ended"))
    watchdog.start()
    wait_for(lambda: len(looks) > 2)
    watchdog.stop()
    watchdog.join(10)
    assert not watchdog.is_alive()
