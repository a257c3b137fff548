"""`/metrics` tells Prometheus what waits and what was counted, to who shows the token."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as families

from integrations import metrics
from integrations.inbound import imports
from integrations.models import Counter, Gate, IntegrationObject
from integrations.models.alert import Alert
from integrations.models.gate import EVER, FOREVER
from otms.accounts.models import Platform
from tests import make
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "a-token-that-is-long-enough-for-it"


@pytest.fixture(autouse=True)
def token(settings: LazySettings) -> None:
    settings.OTMS_METRICS_TOKEN = TOKEN


@pytest.fixture
def queue(platform: Platform, run_queue: Callable[[], None]) -> Queue:
    return Queue(platform, run_queue)


def scraped(**headers: str) -> Any:
    return Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}", **headers})


class Samples:
    """What a scrape said."""

    def __init__(self) -> None:
        answer = scraped()
        assert answer.status_code == 200, answer.content
        self.families = list(families(answer.content.decode()))

    def __call__(self, name: str, /, **labels: Any) -> list[float]:
        wanted = {key: str(value) for key, value in labels.items()}.items()
        return [
            sample.value
            for family in self.families
            for sample in family.samples
            if sample.name == name and wanted <= sample.labels.items()
        ]


def test_without_a_token_of_the_deployment_there_is_no_such_page(settings: LazySettings) -> None:
    settings.OTMS_METRICS_TOKEN = ""
    for given in ("Bearer ", "Bearer", f"Bearer {TOKEN}", ""):
        answer = scraped(Authorization=given)
        nothing = Client().get("/nothing-at-all")
        assert (answer.status_code, answer.content) == (404, nothing.content)


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer x", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"]
)
def test_without_its_token_nothing_is_said(given: str) -> None:
    answer = scraped(Authorization=given)
    assert (answer.status_code, answer.content) == (401, b"")


def test_it_is_only_read() -> None:
    answer = Client().post("/metrics", headers={"Authorization": f"bearer {TOKEN}"})
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


def test_while_the_database_is_away_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise OperationalError("connection to db.internal failed")

    monkeypatch.setattr(metrics, "database_now", away)
    answer = scraped()
    assert (answer.status_code, answer.content) == (503, b"The database does not answer.")


def test_both_formats_of_prometheus_can_be_read() -> None:
    make.integration("http://127.0.0.1:9", name='a "name"\nin \\ two\x1b lines')
    plain = scraped()
    assert plain["Content-Type"].startswith("text/plain; version=")
    assert list(families(plain.content.decode()))
    open_ = scraped(Accept="application/openmetrics-text; version=1.0.0")
    assert open_["Content-Type"].startswith("application/openmetrics-text")
    found = {family.name for family in openmetrics(open_.content.decode())}
    assert "otms_queue_objects" in found


def test_what_waits_is_told_by_why_it_waits(queue: Queue) -> None:
    listening = make.integration("http://127.0.0.1:9", platform=queue.platform)
    made = queue.put(listening, *(uuid.uuid4() for _ in range(10)))
    ids = [each.pk for each in made]
    hour, moment = timedelta(hours=1), now()
    rows = IntegrationObject.objects.of(queue.platform)
    rows.filter(pk__in=ids[:4]).update(due_at=moment - hour)
    rows.filter(pk__in=ids[4:7]).update(due_at=moment + hour)
    rows.filter(pk__in=ids[7:8]).update(due_at=FOREVER)
    rows.filter(pk=ids[8]).update(leased=True, due_at=moment + hour)
    rows.filter(pk=ids[9]).update(leased=True, due_at=moment - hour)
    told = Samples()
    labels = {"platform": queue.platform.pk, "integration": listening.pk}
    states = {
        state: told("otms_queue_objects", state=state, **labels)
        for state in ("due", "later", "blocked", "leased")
    }
    assert states == {"due": [4], "later": [3], "blocked": [1], "leased": [2]}
    (age,) = told("otms_queue_oldest_due_seconds", **labels)
    assert age == pytest.approx(3600, abs=60)
    assert told("otms_queue_oldest_open_seconds", **labels) == [age]


@pytest.mark.parametrize(
    "held",
    [
        {"paused_until": FOREVER},
        {"full_until": FOREVER},
        {"troubles": {"x": {"since": 1.0, "told": True, "held": True, "alone": True}}},
    ],
)
def test_what_is_held_back_on_purpose_is_not_overdue(queue: Queue, held: dict[str, Any]) -> None:
    listening = make.integration("http://127.0.0.1:9", platform=queue.platform)
    queue.put(listening, uuid.uuid4())
    queue.all.update(due_at=now() - timedelta(hours=1))
    gate = Gate.objects.get(pk=listening.pk)
    for name, value in held.items():
        setattr(gate, name, value)
    gate.save()
    told = Samples()
    assert told("otms_queue_oldest_due_seconds", integration=listening.pk)[0] > 3000
    assert told("otms_queue_oldest_open_seconds", integration=listening.pk) == [0]
    assert told("otms_integrations_suspended", integration=listening.pk) == [
        int("paused_until" in held)
    ]
    for name in ("otms_targets_in_trouble", "otms_targets_held_back"):
        assert told(name, integration=listening.pk) == [int("troubles" in held)]


def test_what_became_of_objects_is_counted(queue: Queue, sink: Sink) -> None:
    works = make.integration(sink.url("/ok"), platform=queue.platform)
    fails = make.integration(sink.url("/status/400"), platform=queue.platform)
    again = make.integration(sink.url("/status/500"), platform=queue.platform)
    for _ in range(3):
        queue.save_order()
    queue.run()
    told = Samples()
    assert told("otms_deliveries_total", integration=works.pk, outcome="sent") == [3]
    assert told("otms_deliveries_total", integration=fails.pk, outcome="failed") == [3]
    assert told("otms_retries_total", integration=again.pk) == [3]
    assert told("otms_call_duration_seconds_count", integration=works.pk) == [3]
    assert told("otms_delivery_delay_seconds_bucket", integration=works.pk, le="+Inf") == [3]
    assert told("otms_delivery_delay_seconds_count", integration=fails.pk) == [0]


def test_buckets_add_up(queue: Queue) -> None:
    listening = make.integration(platform=queue.platform)
    Counter.objects.create(
        platform=queue.platform,
        integration=listening,
        minute=EVER,
        interrupted=7,
        calls_100=1,
        calls_500=2,
        calls_more=4,
        calls_ms=1500,
    )
    # What was counted in one minute is part of it.
    Counter.objects.create(
        platform=queue.platform, integration=listening, minute=now(), interrupted=3, calls_100=1
    )
    told = Samples()
    buckets = told("otms_call_duration_seconds_bucket", integration=listening.pk)
    assert buckets == [1, 1, 3, 3, 3, 3, 3, 3, 3, 7]
    assert told("otms_call_duration_seconds_sum", integration=listening.pk) == [1.5]
    assert told("otms_leases_expired_total", integration=listening.pk) == [7]


def test_what_is_deleted_is_told_no_more(queue: Queue) -> None:
    listening = make.integration(platform=queue.platform, name="gone")
    Counter.objects.create(platform=queue.platform, integration=listening, minute=EVER, sent=1)
    assert Samples()("otms_integration_info", integration=listening.pk, name="gone") == [1]
    listening.retire()
    told = Samples()
    for name in ("otms_integration_info", "otms_deliveries_total"):
        assert told(name, integration=listening.pk) == []


def test_of_very_many_integrations_platforms_are_told(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MOST", 2)
    made = [make.integration("http://127.0.0.1:9", platform=queue.platform) for _ in range(3)]
    queue.put(made[0], uuid.uuid4())  # all of them listen
    for place, each in enumerate(made):
        Counter.objects.create(
            platform=queue.platform, integration=each, minute=EVER, sent=place + 1
        )
    labels = {"platform": queue.platform.pk, "integration": ""}
    told = Samples()
    assert told("otms_queue_objects", state="due", **labels) == [3]
    assert told("otms_deliveries_total", outcome="sent", **labels) == [6]
    assert told("otms_integration_info") == []
    queue.all.filter(integration=made[0]).delete()
    made[0].retire()
    monkeypatch.setattr(metrics, "MOST", 1)
    assert Samples()("otms_deliveries_total", outcome="sent", **labels) == [6]


def test_beat_tasks_and_alerts_are_told(queue: Queue) -> None:
    PeriodicTask.objects.update(last_run_at=None)
    assert Samples()("otms_beat_heartbeat_age_seconds") == []
    every = IntervalSchedule.objects.create(every=10, period="seconds")
    seen = now() - timedelta(seconds=90)
    PeriodicTask.objects.create(name="tick", task="x", interval=every, last_run_at=seen)
    listening = make.integration(platform=queue.platform)
    rows = [{"name": str(each)} for each in range(imports.AT_ONCE + 1)]
    imports.start(listening, rows, "tests")
    Alert.objects.tell(listening.pk, queue.platform.pk, "trouble", None, "why", now())
    told = Samples()
    assert told("otms_beat_heartbeat_age_seconds")[0] == pytest.approx(90, abs=60)
    assert told("otms_tasks_open", kind="import", status="QUEUED") == [1]
    assert told("otms_alerts_undelivered", stage="to_address") == [1]
    assert told("otms_build_info", version="0.1.0") == [1]
    assert told("otms_database_bytes")[0] > 0


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL alone counts dead rows")
def test_what_a_table_takes_is_told() -> None:
    told = Samples()
    table = {"table": "integrations_integrationobject"}
    for name in ("otms_table_live_rows", "otms_table_dead_rows", "otms_table_bytes"):
        assert len(told(name, **table)) == 1


def test_a_scrape_is_a_handful_of_statements_however_much_there_is(queue: Queue) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as asked:
            scraped()
        return len(asked)

    make.integration("http://127.0.0.1:9", platform=queue.platform)
    few = statements()
    for _ in range(5):
        each = make.integration("http://127.0.0.1:9", platform=queue.platform)
        queue.put(each, uuid.uuid4(), uuid.uuid4())
        Counter.objects.create(platform=queue.platform, integration=each, minute=EVER)
    assert statements() == few
    assert few < 16


@pytest.mark.skipif(connection.vendor != "postgresql", reason="its plans")
def test_history_is_not_looked_at(queue: Queue) -> None:
    """Much that is finished and many minutes beside a little that waits: which indexes are read?"""
    listening = make.integration("http://127.0.0.1:9", platform=queue.platform)
    (one,) = queue.put(listening, uuid.uuid4())
    columns = [
        field
        for field in IntegrationObject._meta.concrete_fields
        if field.name not in ("id", "uuid", "status", "due_at", "holds_lane")
    ]
    names = ", ".join(field.column for field in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO integrations_integrationobject (uuid, status, holds_lane, {names})"
            f" SELECT gen_random_uuid(), 'SUCCESS', false, {names}"
            "    FROM integrations_integrationobject, generate_series(1, 20000) WHERE id = %s",
            [one.pk],
        )
        moments = (now() - timedelta(minutes=each) for each in range(1, 5000))
        given = {"platform": queue.platform, "integration": listening}
        Counter.objects.bulk_create(Counter(minute=each, **given) for each in moments)
        cursor.execute("VACUUM ANALYZE integrations_integrationobject, integrations_counter")
        with CaptureQueriesContext(connection) as asked:
            scraped()
        plans = ""
        for query in asked:
            text = query["sql"]
            if text.startswith("SELECT") and re.search(
                "FROM .integrations_(i.*object|counter)", text
            ):
                cursor.execute(f"EXPLAIN {text}")
                plans += "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Only Scan using queue_due" in plans
    assert "queue_leased" in plans
    assert "integrations_counter_pkey" in plans
    assert "Seq Scan" not in plans
