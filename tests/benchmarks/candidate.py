"""What is compared, and how one of them is measured."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from celery import Celery

from tests.benchmarks.load import Written
from tests.benchmarks.meter import Meter, memory
from tests.benchmarks.orders import order, request
from tests.benchmarks.services import Services
from tests.benchmarks.target import Target
from tests.chaos.system import Deployment, answers, wait_for

PATIENCE = 20  # seconds without any arrival
MEMORY = "/dev/shm"  # noqa: S108 - where docker-compose.yml has it


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
        beside = (
            *("--graceful-timeout", "30", "--preload"),
            *("--worker-tmp-dir", MEMORY, "--no-control-socket"),
        )
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


def send(broker: str, task: str, ids: list[int]) -> None:
    """Tell a worker of each, as Celery does it."""
    app = Celery(set_as_current=False)
    with app.connection_for_write(broker) as connection:  # whatever the environment says
        for id in ids:
            app.send_task(task, [id], connection=connection, ignore_result=True)
