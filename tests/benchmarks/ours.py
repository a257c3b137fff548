"""Ours, as production runs it, as it ran before, and as it is embedded."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.db import connections

from integrations.models import EntityChange, Integration, IntegrationObject, RequestLog
from otms import env
from otms.accounts.models import Platform
from tests import make
from tests.benchmarks.candidate import Candidate, send
from tests.benchmarks.load import Written
from tests.benchmarks.orders import order, request
from tests.benchmarks.target import mark
from tests.chaos.conftest import talk_to
from tests.chaos.system import Process, answers, manage, wait_for

MAPPING = {
    "number": "$.transportOrder.name",
    "customer_name": "$.transportOrder.customer.name",
    "status": "$.transportOrder.status",
    "weight": "$.transportOrder.consignments[0].goods[0].weight.value",
}
WANTED = [{"field": "$.transportOrder.status", "operator": "eq", "value": "requested"}]


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


class Beside(Ours):
    """Ours in another way, with the same platform."""

    def __init__(self, ours: Ours, folder: Path, settings: Any) -> None:
        super().__init__(ours.services, ours.target, folder, settings)
        self.ours = ours

    def prepare(self) -> None:
        """The same platform, integrations and token, in a database of its own."""
        self.database = self.services.database(self.key, self.ours.key)
        self.environment |= {
            "DATABASE_URL": self.database,
            "CELERY_BROKER_URL": self.services.broker(),
        }
        self.platform, self.token = self.ours.platform, self.ours.token
        self.importing = self.ours.importing


class Pair:
    """Two workers that rest and work together."""

    def __init__(self, *workers: Process) -> None:
        self.workers = workers

    def suspend(self) -> None:
        for each in self.workers:
            each.suspend()

    def resume(self) -> None:
        for each in self.workers:
            each.resume()


class Twins(Beside):
    """Ours with two workers: one is a process, and delivers what one core can."""

    name = "ours, two workers"
    key = "twins"

    def serve(self) -> None:
        super().serve()
        celery = (sys.executable, "-m", "celery", "-A", self.app, "worker", "-n", "twin@bench")
        self.first, self.twin = self.worker, self.start("twin", *celery)
        self.worker: Any = Pair(self.first, self.twin)

    @property
    def parts(self) -> dict[str, subprocess.Popen[bytes]]:
        return {"web": self.web.popen, "worker": self.first.popen, "twin": self.twin.popen}


class Single(Beside):
    """Our intake before a task for each object."""

    name = "ours, a task each"
    key = "single"
    options = ("-c", "4", "--without-gossip", "--without-mingle", "--without-heartbeat")

    def __init__(self, ours: Ours, folder: Path, settings: Any) -> None:
        super().__init__(ours, folder, settings)
        self.environment["DJANGO_SETTINGS_MODULE"] = "tests.benchmarks.single.settings"

    def backlog(self, run: str, n: int) -> None:
        with self.orm():
            ids = [obj.pk for obj in self.queue(run, n)]
        self.services.tidy(self.database)
        send(self.environment["CELERY_BROKER_URL"], "tests.benchmarks.single.tasks.deliver", ids)


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
