"""What is compared: ours as production runs it, and what somebody would have instead."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from celery import Celery
from django.conf import LazySettings
from django.db import connections

from integrations.models import EntityChange, Integration, IntegrationObject, RequestLog
from otms import env
from otms.accounts.models import Platform
from tests import make
from tests.benchmarks.load import Written
from tests.benchmarks.meter import Meter, memory
from tests.benchmarks.target import Target, mark
from tests.chaos.conftest import talk_to
from tests.chaos.server import PostgresServer
from tests.chaos.system import Deployment, answers, free_port, manage, wait_for

PATIENCE = 20  # seconds without any arrival
MEMORY = "/dev/shm"  # noqa: S108 - where docker-compose.yml has it
# What begins and ends transactions, and what PostgreSQL asks itself to check a foreign key.
BESIDE = "^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)|FROM ONLY .* FOR KEY SHARE OF x$"
COUNTED = f"""
SELECT COALESCE(sum(calls) FILTER (WHERE query !~* '{BESIDE}'), 0)
  FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = %s
"""
MAPPING = {
    "number": "$.transportOrder.name",
    "customer_name": "$.transportOrder.customer.name",
    "status": "$.transportOrder.status",
    "weight": "$.transportOrder.consignments[0].goods[0].weight.value",
}
WANTED = [{"field": "$.transportOrder.status", "operator": "eq", "value": "requested"}]


def order(run: str, number: int) -> dict[str, Any]:
    """What is posted, the same to all."""
    return {
        "orderId": f"SO-{number}",
        "name": mark(run, number),
        "status": "requested",
        "description": "Deliver before noon, and ring at the gate of the warehouse.",
        "referenceDescription": f"PO 2026-{number:08}",
        "externalAttributes": {"erp": {"id": f"SO-{number}", "company": "NL01", "site": "RTM"}},
        "customer": {"name": "Acme Corp"},
        "consignments": [
            {
                "name": "First part",
                "status": "requested",
                "goods": [
                    {
                        "description": "Pallets of paint",
                        "quantity": 20,
                        "weight": {"value": 8400.5, "unit": "kg"},
                    }
                ],
            }
        ],
    }


def request(path: str, headers: dict[str, str], body: Any) -> bytes:
    """A POST as it goes over the wire."""
    data = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(data)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


class Services(Deployment):
    """A PostgreSQL that counts its statements, and a Redis, both with nothing else to do."""

    def __init__(self, folder: Path, settings: LazySettings) -> None:
        super().__init__(folder, settings)
        self.postgres = PostgresServer("shared_preload_libraries=pg_stat_statements")
        self._sql("CREATE EXTENSION pg_stat_statements")
        self.port = free_port()
        options = ["--save", "", "--appendonly", "no", "--dir", str(folder)]
        self.redis = self.start("redis", "redis-server", "--port", str(self.port), *options)
        wait_for(lambda: answers(self.port))
        self._brokers = iter(range(16))

    def broker(self) -> str:
        """The URL of one that nobody else uses."""
        return f"redis://127.0.0.1:{self.port}/{next(self._brokers)}"

    def database(self, name: str, template: str = "template1") -> str:
        self._sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.postgres.url(name)

    def tidy(self, url: str) -> None:
        """As autovacuum leaves tables within a minute; a run has no time to wait for it."""
        with closing(psycopg.connect(url, autocommit=True)) as server:
            server.execute("VACUUM ANALYZE")

    def forget_statements(self) -> None:
        self._sql("SELECT pg_stat_statements_reset()")

    def statements(self, database: str) -> int:
        """How many came over its connections, but for those that begin and end transactions."""
        return int(self._sql(COUNTED, database)[0][0])

    def end(self) -> None:
        super().end()
        self.postgres.remove()

    def _sql(self, sql: str, *values: str) -> list[Any]:
        with closing(psycopg.connect(self.postgres.url(), autocommit=True)) as server:
            cursor = server.execute(sql, values)
            return cursor.fetchall() if cursor.description else []


@dataclass
class Point:
    """What one measurement of one candidate found; CPU is in ms per delivery, by process."""

    count: int
    delivered: float = 0.0
    accepted: float = 0.0
    latencies: list[float] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)
    statements: float | None = None


class Candidate(Deployment):
    """Web server and worker, on the services; its worker rests while others are measured."""

    name = ""
    module = ""  # of its WSGI application
    app = ""  # of Celery
    options: tuple[str, ...] = ()  # of its worker
    path = ""
    headers: dict[str, str] = {}

    def __init__(self, services: Services, target: Target, folder: Path, settings: Any) -> None:
        folder.mkdir()
        super().__init__(folder, settings)
        self.services, self.target = services, target
        self.delivered = 0
        del self.environment["OTMS_LEASE_MARGIN_SECONDS"]

    @property
    def key(self) -> str:
        """Its name where only letters are allowed."""
        return self.name.replace(" ", "_").replace("-", "_")

    def serve(self) -> None:
        """Start both; as docker-compose.yml does."""
        listen = ("--bind", f"127.0.0.1:{self.web_port}", "--workers", "2", "--threads", "4")
        beside = ("--graceful-timeout", "30", "--worker-tmp-dir", MEMORY, "--no-control-socket")
        python = (sys.executable, "-m")
        self.web = self.start("web", *python, "gunicorn", self.module, *listen, *beside)
        named = ("-n", f"{self.key}@bench")
        celery = (*python, "celery", "-A", self.app, "worker", *named, *self.options)
        self.worker = self.start("worker", *celery)
        wait_for(lambda: answers(self.web_port), timeout=60)

    @property
    def parts(self) -> dict[str, subprocess.Popen[bytes]]:
        """Its own processes."""
        return {"web": self.web.popen, "worker": self.worker.popen}

    @property
    def shared(self) -> dict[str, subprocess.Popen[bytes]]:
        return {"postgres": self.services.postgres.process, "redis": self.services.redis.popen}

    def memory(self) -> dict[str, float]:
        return {part: memory(process.pid) for part, process in self.parts.items()}

    def written(self, run: str) -> Written:
        """How an order of a run is posted."""

        def write(numbers: range) -> bytes:
            return request(self.path, self.headers, order(run, numbers[0]))

        return write

    def backlog(self, run: str, n: int) -> None:
        """Have so many wait for the worker."""
        raise NotImplementedError(f"{self.name} has no backlog.")

    def recorded(self) -> int:
        """Of how many deliveries it is written down that they were made."""
        raise NotImplementedError(f"{self.name} does not say.")

    @contextmanager
    def measured(self, run: str) -> Iterator[Point]:
        """What happens inside; whatever was posted has arrived at the end, each once."""
        point = Point(0)
        meter = Meter({part: each.pid for part, each in (self.parts | self.shared).items()})
        self.services.forget_statements()
        yield point
        time.sleep(0.3)  # the last outcomes are written down after they arrived
        self.delivered += point.count
        point.cpu = {part: 1000 * spent / point.count for part, spent in meter.spent().items()}
        if count := self.services.statements(self.key):
            point.statements = count / point.count
        assert not self.gone(), self.logs()

    def drain(self, n: int) -> Point:
        """Take a backlog from the worker's rest to its end."""
        run = uuid4().hex
        self.worker.suspend()
        self.backlog(run, n)
        with self.measured(run) as point:
            self.worker.resume()
            arrived = self.arrived(run, n)
            point.count = n
        times = sorted(at for at, _ in arrived.values())
        point.delivered = (n - 1) / max((times[-1] - times[0]) / 1e9, 1e-9)
        return point

    def post(self, how: Callable[[int, Written], Any], written: Any = None) -> Point:
        """Post orders and wait till all of them have arrived."""
        run = uuid4().hex
        with self.measured(run) as point:
            posted = how(self.web_port, (written or self.written)(run))
            point.count = len(posted.sent)
            arrived = self.arrived(run, point.count)
        assert arrived.keys() == posted.sent.keys()
        first, last = min(posted.sent.values()), max(at for at, _ in arrived.values())
        point.accepted = posted.rate
        point.delivered = point.count / ((last - first) / 1e9)
        late = (arrived[number][0] - at for number, at in posted.sent.items())
        point.latencies = sorted(each / 1e6 for each in late)
        return point

    def arrived(self, run: str, n: int) -> dict[int, tuple[int, int]]:
        there, before = 0, -1
        while before < there < n:
            there, before = self.target.wait(run, n, PATIENCE), there
        found = self.target.arrivals(run)
        assert len(found) == n, (
            f"{self.name}: {n - len(found)} of {n} did not arrive\n{self.logs()}"
        )
        assert all(times == 1 for _, times in found.values()), f"{self.name}: some came twice"
        return found

    @contextmanager
    def awake(self) -> Iterator[None]:
        """It rests outside, so that nothing of it is in what others are measured by."""
        self.worker.resume()
        try:
            yield
        finally:
            self.worker.suspend()


class Ours(Candidate):
    """A token, an idempotency key, a filter, a mapping, a signature, a change, logs."""

    name = "ours"
    module = "otms.wsgi"
    app = "otms"
    path = "/api/transportOrder"
    database = ""
    platform: Platform
    importing: Integration
    token = ""

    def prepare(self) -> None:
        self.database = self.services.database(self.key)
        self.environment |= {
            "DATABASE_URL": self.database,
            "CELERY_BROKER_URL": self.services.broker(),
        }
        given = ("PATH", "DATABASE_URL", "SECRET_KEY", "OTMS_ENCRYPTION_KEYS", "OTMS_VAR")
        manage("migrate", **{name: self.environment[name] for name in given})
        with self.orm():
            self.configure()

    def configure(self) -> None:
        self.platform = make.PlatformFactory()
        self.token = make.token(make.UserFactory(platform=self.platform))
        make.integration(
            self.target.url,
            platform=self.platform,
            filters=WANTED,
            mapping=MAPPING,
            secrets={"secret": f"whsec_{'QUJD' * 11}"},
            delivery={"concurrency": 100},
        )
        silent = {"entity": "transportOrder", "actions": ["deleted"]}
        self.importing = make.integration(platform=self.platform, trigger=silent)

    @contextmanager
    def orm(self) -> Iterator[None]:
        """The ORM of this process talks to its database."""
        stock = connections.settings["default"]
        talk_to(env.database(self.database))
        try:
            yield
        finally:
            talk_to(stock)

    def written(self, run: str) -> Written:
        return self._written(run, self.path, lambda numbers: order(run, numbers[0]))

    def imported(self, run: str) -> Written:
        """How many orders are brought in with one call."""
        path = "/api/integration/import/data"
        id = str(self.importing.pk)

        def body(numbers: range) -> Any:
            rows = [order(run, n) | {"externalId": mark(run, n)} for n in numbers]
            return {"integrationId": id, "data": rows}

        return self._written(run, path, body)

    def _written(self, run: str, path: str, body: Callable[[range], Any]) -> Written:
        def write(numbers: range) -> bytes:
            headers = {
                "Authorization": f"Bearer {self.token}",
                "Idempotency-Key": mark(run, numbers[0]),
            }
            return request(path, headers, body(numbers))

        return write

    def backlog(self, run: str, n: int) -> None:
        with self.orm():
            self.queue(run, n)
        self.services.tidy(self.database)

    def queue(self, run: str, n: int) -> list[IntegrationObject]:
        """Changes as of one that was posted, each of a record of its own, and their queue rows."""
        like = EntityChange.objects.of(self.platform).latest("id")
        objects: list[IntegrationObject] = []
        for first in range(0, n, 1000):
            changes = []
            for number in range(first, min(first + 1000, n)):
                id = uuid4()
                after = {**like.after, "id": str(id), "uuid": str(id), "name": mark(run, number)}
                changes.append(
                    EntityChange(
                        platform=self.platform,
                        entity=like.entity,
                        entity_id=id,
                        reference=mark(run, number),
                        action=like.action,
                        after=after,
                        origin=like.origin,
                    )
                )
            EntityChange.objects.bulk_create(changes)
            objects += IntegrationObject.objects.enqueue(changes)
        return objects

    def recorded(self) -> int:
        with self.orm():
            told = RequestLog.objects.of(self.platform).filter(response_status=200)
            return int(told.filter(object__status="SUCCESS", object__leased=False).count())


class Single(Ours):
    """Our intake before a task for each object."""

    name = "ours, a task each"
    options = ("-c", "4", "--without-gossip", "--without-mingle", "--without-heartbeat")

    def __init__(self, ours: Ours, folder: Path, settings: Any) -> None:
        super().__init__(ours.services, ours.target, folder, settings)
        self.ours = ours
        self.environment["DJANGO_SETTINGS_MODULE"] = "tests.benchmarks.single.settings"

    @property
    def key(self) -> str:
        return "single"

    def prepare(self) -> None:
        """The same platform, integrations and token, in a database of its own."""
        self.database = self.services.database(self.key, self.ours.key)
        self.environment |= {
            "DATABASE_URL": self.database,
            "CELERY_BROKER_URL": self.services.broker(),
        }
        self.platform, self.token = self.ours.platform, self.ours.token
        self.importing = self.ours.importing

    def backlog(self, run: str, n: int) -> None:
        with self.orm():
            ids = [obj.pk for obj in self.queue(run, n)]
        self.services.tidy(self.database)
        send(self.environment["CELERY_BROKER_URL"], "tests.benchmarks.single.tasks.deliver", ids)


class Plain(Candidate):
    """Django REST framework, the ORM, a Celery task for each order, requests; Celery's defaults."""

    name = "plain"
    module = "tests.benchmarks.plain.wsgi"
    app = "tests.benchmarks.plain"
    options = ("-c", "4", "--without-gossip", "--without-mingle", "--without-heartbeat")
    path = "/orders"
    tuned = ""

    def prepare(self) -> None:
        self.database = self.services.database(self.key)
        self.environment |= {
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.plain.settings",
            "DATABASE_URL": self.database,
            "CELERY_BROKER_URL": self.services.broker(),
            "TARGET": self.target.url,
            "TUNED": self.tuned,
        }
        made = self.start("migrate", sys.executable, "-m", "django", "migrate", "--run-syncdb")
        made.doomed = True
        assert made.popen.wait(60) == 0, self.logs()

    def backlog(self, run: str, n: int) -> None:
        """Rows made of one that was posted, and a task for each."""
        with closing(psycopg.connect(self.database, autocommit=True)) as server:
            columns = (
                "order_id, status, description, reference_description, external_attributes,"
                " customer_id, created_at, updated_at"
            )
            ids = [
                id
                for (id,) in server.execute(
                    f"WITH made AS (INSERT INTO plain_order (name, {columns})"
                    f" SELECT %s || n, {columns} FROM generate_series(0, %s) n,"
                    "  (SELECT * FROM plain_order ORDER BY id LIMIT 1) first RETURNING id),"
                    " consignments AS (INSERT INTO plain_consignment (order_id, name, status)"
                    "  SELECT id, 'First part', 'requested' FROM made RETURNING id, order_id),"
                    " goods AS (INSERT INTO plain_goods (consignment_id, description, quantity,"
                    "  weight) SELECT id, 'Pallets of paint', 20,"
                    """ '{"value": 8400.5, "unit": "kg"}' FROM consignments RETURNING id)"""
                    " SELECT id FROM made ORDER BY id",
                    (mark(run, 0)[:-1], n - 1),
                )
            ]
        self.services.tidy(self.database)
        send(self.environment["CELERY_BROKER_URL"], "tests.benchmarks.plain.tasks.deliver", ids)

    def recorded(self) -> int:
        with closing(psycopg.connect(self.database, autocommit=True)) as server:
            found = server.execute("SELECT count(*) FROM plain_attempt WHERE status = 200")
            return int(found.fetchone()[0])  # type: ignore[index]


class Tuned(Plain):
    """The same: database connections are kept between tasks, and HTTP connections too."""

    name = "plain, tuned"
    tuned = "1"

    @property
    def key(self) -> str:
        return "tuned"


class Embedded(Ours):
    """The embedded default: one process and an SQLite file."""

    name = "ours, embedded"

    def prepare(self) -> None:
        manage("migrate", OTMS_VAR=str(self.folder))
        self.database = f"sqlite:///{self.folder}/otms.sqlite3"
        with self.orm():
            self.configure()

    def serve(self) -> None:
        command = (sys.executable, "manage.py", "standalone", "--port", str(self.web_port))
        self.web = self.worker = self.start("standalone", *command)
        wait_for(lambda: answers(self.web_port), timeout=60)

    @property
    def parts(self) -> dict[str, subprocess.Popen[bytes]]:
        return {"all": self.web.popen}

    @property
    def shared(self) -> dict[str, subprocess.Popen[bytes]]:
        return {}

    def backlog(self, run: str, n: int) -> None:
        raise NotImplementedError("Only single orders are asked of it.")


def send(broker: str, task: str, ids: list[int]) -> None:
    """Tell a worker of each, as Celery does it."""
    app = Celery(set_as_current=False)
    with app.connection_for_write(broker) as connection:  # whatever the environment says
        for id in ids:
            app.send_task(task, [id], connection=connection, ignore_result=True)
