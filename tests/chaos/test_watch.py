"""A run with faults, as a real Prometheus sees it: graphs tell the story, alerts fire and clear."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.db import connections
from django_celery_beat.models import PeriodicTask

from otms.accounts.models import Platform
from tests import make
from tests.chaos.conftest import queue_of
from tests.chaos.prometheus import TOKEN, Prometheus
from tests.chaos.system import System, wait_for
from tests.sink import Sink

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(400)]

PER_SECOND = 10
MAPPING = {"name": "$.transportOrder.name"}
GRAPHS = {
    "due": 'sum(otms_queue_objects{state="due"})',
    "later": 'sum(otms_queue_objects{state="later"})',
    "blocked": 'sum(otms_queue_objects{state="blocked"})',
    "sent/s": 'sum(rate(otms_deliveries_total{outcome="sent"}[5s]))',
    "retry/s": "sum(rate(otms_retries_total[5s]))",
    "oldest s": "max(otms_queue_oldest_due_seconds)",
    "open s": "max(otms_queue_oldest_open_seconds)",
    "trouble": "sum(otms_targets_in_trouble)",
    "p95 ms": "1000 * histogram_quantile(0.95, sum by (le)"
    " (rate(otms_call_duration_seconds_bucket[5s])))",
    "died": "sum(otms_leases_expired_total)",
    "beat s": "max(otms_beat_heartbeat_age_seconds)",
    "up": "max(up)",
}


class Load:
    """Orders that are saved all the time, whatever else happens."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._over = threading.Event()
        self.saved = 0
        self._thread = threading.Thread(target=self._run)

    def begin(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(1 / PER_SECOND):
            make.OrderFactory(platform=self._platform, customer=None)
            self.saved += 1
        connections["default"].close()

    def end(self) -> int:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        return self.saved


@pytest.fixture
def load(platform: Platform) -> Iterator[Load]:
    made = Load(platform)
    yield made
    made.end()


def test_the_graphs_tell_the_story_and_alerts_fire_and_clear(
    system: System,
    platform: Platform,
    witness: Sink,
    load: Load,
    figure: Callable[[str], None],
) -> None:
    marks: list[tuple[float, str]] = []

    def happens(what: str) -> None:
        marks.append((time.time(), what))

    system.environment["OTMS_METRICS_TOKEN"] = TOKEN
    for name, path in (("ERP of Acme", "/erp"), ("Planning", "/planning")):
        witness.answers(path, "/ok")
        make.integration(witness.url(path), platform=platform, name=name, mapping=MAPPING)
    # Every order is for both, so none may be saved while there is only one of them.
    load.begin()
    system.redis()
    web, beat, worker = system.web(), system.beat(), system.worker()
    # Who begins to scrape a deployment finds it at work.
    wait_for(lambda: PeriodicTask.objects.filter(last_run_at__isnull=False).exists(), 60)
    prometheus = Prometheus(system)
    wait_for(lambda: prometheus.sees("up == 1") and prometheus.firing() == {})
    happens("all is well")
    wait_for(lambda: witness.stats()["delivered"] > 5 * PER_SECOND, timeout=30)
    time.sleep(8)
    assert prometheus.firing() == {}
    quiet = time.time()

    happens("the ERP is down, and beat is stopped")
    witness.answers("/erp", "/status/503")
    beat.terminate()
    said = prometheus.until("OtmsTargetInTrouble")
    assert said == "ERP of Acme delivers to a target that fails time and again."
    assert prometheus.until("OtmsBeatIsSilent")
    time.sleep(5)

    happens("the ERP works again, and beat is back")
    witness.answers("/erp", "/ok")
    system.beat()
    prometheus.until("OtmsTargetInTrouble", fires=False)
    prometheus.until("OtmsBeatIsSilent", fires=False)
    # A customer's target that is down is no reason to wake anybody.
    assert prometheus.fired_since(quiet) == {"OtmsTargetInTrouble", "OtmsBeatIsSilent"}

    happens("the ERP hangs, and the worker is killed")
    witness.answers("/erp", "/hang")
    time.sleep(2)
    worker.kill()
    witness.answers("/erp", "/ok")
    said = prometheus.until("OtmsQueueStandsStill")
    assert "nothing holds it back, and nothing is sent." in said

    happens("another worker")
    system.worker()
    prometheus.until("OtmsQueueStandsStill", fires=False)
    assert prometheus.until("OtmsWorkersDie")

    happens("the web server is killed")
    web.kill()
    assert prometheus.until("OtmsAway")
    happens("another web server")
    system.web()
    prometheus.until("OtmsAway", fires=False)

    saved = load.end()
    open_ones = queue_of(platform).filter(status__in=("QUEUE", "RETRY"))
    wait_for(lambda: not open_ones.exists(), timeout=60)
    happens(f"{saved} orders were saved, and all are delivered to both")
    wait_for(lambda: prometheus.firing() == {}, timeout=60)
    assert witness.stats()["delivered"] == 2 * saved
    (counted,) = prometheus.series('sum(otms_deliveries_total{outcome="sent"})', step=1)
    assert float(counted["values"][-1][1]) == 2 * saved
    figure("What Prometheus saw, and which alerts fired:\n" + prometheus.table(GRAPHS, marks, 5))
    assert not system.gone()
