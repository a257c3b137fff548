"""Order per record, while workers are held up longer than their leases and calls are refused."""

import threading
import time
from collections.abc import Callable
from math import inf

import pytest
from django.db import transaction

from integrations.models import RequestLog
from otms.accounts.models import Platform
from otms.orders.models import TransportOrder
from tests import make
from tests.chaos.conftest import queue_of
from tests.chaos.ledger import Ledger
from tests.chaos.storm import FULL
from tests.chaos.system import Process, System, wait_for
from tests.sink import Sink

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

ORDERS, CHANGES = (200, 20) if FULL else (30, 6)
LEASE = 3.0  # the deadline of a call and a margin of one second
STALL = 1.3 * LEASE


def save_all(platform: Platform, orders: int, changes: int) -> None:
    """Orders that change again and again, all at once: a transaction for each round."""
    made = [make.OrderFactory(platform=platform, customer=None) for _ in range(orders)]
    for number in range(1, changes):
        with transaction.atomic():
            for order in TransportOrder.objects.of(platform).order_by("pk"):
                order.name = f"{order.pk} {number}"
                order.save()
    assert len(made) == orders


def keep_suspending(worker: Process, enough: threading.Event) -> None:
    """Suspend it for longer than its leases, again and again."""
    while not enough.wait(1):
        worker.suspend()
        time.sleep(STALL)
        worker.resume()


def test_an_older_change_is_never_received_after_a_newer_one(
    system: System, platform: Platform, witness: Sink, figure: Callable[[str], None]
) -> None:
    make.integration(
        witness.url("/sometimes/15/503/20"),
        platform=platform,
        trigger={"entity": "transportOrder", "actions": ["created", "updated"]},
        delivery={"timeout": 2, "concurrency": 100, "retry": {"schedule": [1]}},
    )
    system.redis()
    workers = [
        system.worker("claimed", "stall", "12", str(STALL)),
        system.worker("mapping", "stall", "40", str(STALL)),
        system.worker("before-finish", "stall", "12", str(STALL)),
        system.worker(),
    ]
    enough = threading.Event()
    suspending = threading.Thread(target=keep_suspending, args=(workers[3], enough))
    suspending.start()
    try:
        save_all(platform, ORDERS, CHANGES)
        wait_for(lambda: not queue_of(platform).exclude(status="SUCCESS").exists(), timeout=600)
    finally:
        enough.set()
        suspending.join()
    ledger = Ledger.of(platform, witness.requests, [(0, inf)], written_within=0)
    stalls = RequestLog.objects.of(platform).filter(interrupted=True).count()
    figure(f"order, 4 workers, stalls longer than a lease ({stalls} attempts cut off): {ledger}")
    assert ledger.changes == ledger.queued == ORDERS * CHANGES
    assert stalls
    assert not ledger.inversions
    assert not ledger.lost
    assert not ledger.unexplained
    assert not ledger.twice
    assert not system.gone()
