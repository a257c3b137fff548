"""How fast it is, beside what somebody would build instead and beside the bare client, in one run.

Machines differ, so nothing is asserted of speed but how many statements a drain takes. What is:
each order that was accepted arrived, once, and that is written down.
"""

import json
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings

from tests.benchmarks.candidate import Candidate, Point
from tests.benchmarks.instead import Plain, Tuned
from tests.benchmarks.load import as_fast_as_answered, at_pace
from tests.benchmarks.ours import Embedded, Ours, Single, Twins
from tests.benchmarks.pace import percentile
from tests.benchmarks.services import Services
from tests.benchmarks.target import Target
from tests.chaos.storm import FULL
from tests.chaos.system import ROOT

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3 * 3600)]

SECONDS, ROUNDS = (30, 5) if FULL else (2, 3)
RATE = 50  # orders a second, in the open loop
EACH = 50  # orders in one import call
STATEMENTS = 3

Found = dict[tuple[str, str], list[Point]]  # by work and candidate, one for each round


class Field:
    """All candidates, up and warm."""

    def __init__(self, folder: Path, settings: LazySettings, after: ExitStack) -> None:
        self.target = Target()
        after.callback(self.target.stop)
        self.services = Services(folder, settings)
        after.callback(self.services.end)
        self.ours = Ours(self.services, self.target, folder / "ours", settings)
        self.ours.prepare()
        self.single = Single(self.ours, folder / "single", settings)
        self.twins = Twins(self.ours, folder / "twins", settings)
        others = (
            kind(self.services, self.target, folder / kind.__name__, settings)
            for kind in (Plain, Tuned, Embedded)
        )
        self.plain, self.tuned, self.embedded = others
        self.all: list[Any] = [
            *(self.ours, self.twins, self.single),
            *(self.plain, self.tuned, self.embedded),
        ]
        self.rates: dict[str, float] = {}
        for each in self.all:
            after.callback(each.end)
            if each is not self.ours:
                each.prepare()
        for each in self.all:
            each.serve()
            each.post(partial(as_fast_as_answered, seconds=2))
            if each is not self.embedded:
                self.rates[each.name] = each.drain(
                    400 if each in (self.ours, self.twins) else 100
                ).delivered
            each.worker.suspend()

    def drained(self, each: Candidate) -> Point:
        """As many as it takes about the seconds for."""
        point = each.drain(max(100, int(self.rates[each.name] * SECONDS)))
        self.rates[each.name] = point.delivered
        return point

    def bare(self) -> Point:
        run = uuid4().hex
        command = [sys.executable, "-m", "tests.benchmarks.bare", self.target.url, run]
        said = subprocess.run(
            [*command, str(max(SECONDS / 2, 2))], cwd=ROOT, check=True, capture_output=True
        )
        took = json.loads(said.stdout)
        assert len(self.target.arrivals(run)) == took["count"]
        cpu = {"client": 1000 * took["cpu"] / took["count"]}
        return Point(took["count"], took["rate"], cpu=cpu)

    def round(self, found: Found) -> None:
        """Everything once, in turns, so that whatever else the machine does is in all of it."""
        closed = partial(as_fast_as_answered, seconds=SECONDS)
        paced = partial(at_pace, rate=RATE, seconds=SECONDS)
        bulk = partial(as_fast_as_answered, seconds=SECONDS, each=EACH, connections=4)
        found["drain", "bare client"].append(self.bare())
        for each in self.all:
            with each.awake():
                if each is not self.embedded:
                    found["drain", each.name].append(self.drained(each))
                found["single", each.name].append(each.post(closed))
                if each in (self.ours, self.tuned):
                    found["paced", each.name].append(each.post(paced))
                if each is self.ours:
                    found["import", each.name].append(each.post(bulk, each.imported))


@pytest.fixture
def field(tmp_path: Path, settings: LazySettings, django_db_blocker: Any) -> Iterator[Field]:
    with django_db_blocker.unblock(), ExitStack() as after:
        yield Field(tmp_path, settings, after)


def test_the_speed(field: Field, figure: Callable[[str], None]) -> None:
    before = {each.name: each.memory() for each in field.all}
    found: Found = defaultdict(list)
    for _ in range(ROUNDS):
        field.round(found)
    for (work, name), points in found.items():
        figure(told(work, name, points))
    for each in field.all:
        with each.awake():
            assert each.recorded() == each.delivered, f"{each.name}: not all of it is recorded"
    figure(remembered(field, before))
    for line in table(found, field):
        figure(line)
    drained = median(found["drain", "ours"], lambda point: point.statements)
    assert drained <= STATEMENTS, f"{drained:.2f} statements for each delivery of a drain"


def median(points: list[Point], of: Callable[[Point], Any]) -> float:
    return float(statistics.median(of(point) for point in points))


def total(point: Point) -> float:
    return sum(point.cpu.values())


def late(share: float) -> Callable[[Point], float]:
    return lambda point: percentile(point.latencies, share)


def told(work: str, name: str, points: list[Point]) -> str:
    """One candidate at one work, as the median of its rounds."""
    cpu = ", ".join(
        f"{part} {median(points, lambda point, part=part: point.cpu[part]):.2f}"
        for part in points[0].cpu
    )
    words = [f"{work:>6}  {name:<17}"]
    if points[0].accepted:
        words.append(f"{median(points, lambda point: point.accepted):,.0f} accepted/s,")
    words.append(f"{median(points, lambda point: point.delivered):,.0f} delivered/s;")
    words.append(f"CPU {median(points, total):.2f} ms ({cpu})")
    if points[0].statements is not None:
        words.append(f"; {median(points, lambda point: point.statements):.2f} statements")
    if points[0].latencies:
        p50, p95, p99 = (median(points, late(share)) for share in (0.5, 0.95, 0.99))
        words.append(f"; p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f} ms")
    return " ".join(words).replace(" ;", ";")


def remembered(field: Field, before: dict[str, dict[str, float]]) -> str:
    lines = []
    for each in field.all:
        now = each.memory()
        parts = ", ".join(f"{part} {mib:.0f}" for part, mib in now.items())
        lines.append(
            f"memory  {each.name:<17} {sum(before[each.name].values()):.0f} MiB, after "
            f"{each.delivered:,} deliveries {sum(now.values()):.0f} ({parts})"
        )
    return "\n".join(lines)


def table(found: Found, field: Field) -> Iterator[str]:
    """What was wanted and what was reached, each ratio of what one round measured."""

    def ratio(work: str, one: str, other: str, of: Callable[[Point], Any]) -> float:
        pairs = zip(found[work, one], found[work, other], strict=True)
        return statistics.median(of(ours) / of(theirs) for ours, theirs in pairs)

    def itself(work: str, other: str, of: Callable[[Point], Any]) -> float:
        pairs = zip(found[work, "ours"], found[other, "ours"], strict=True)
        return statistics.median(of(this) / of(that) for this, that in pairs)

    def delivered(point: Point) -> float:
        return point.delivered

    def web(point: Point) -> float:
        return point.cpu["web"]

    drain, single = partial(ratio, "drain", "ours"), partial(ratio, "single", "ours")
    plainly = statistics.median(
        web(ours) / statistics.fmean((web(plain), web(tuned)))
        for ours, plain, tuned in zip(
            *(found["single", name] for name in ("ours", "plain", "plain, tuned")), strict=True
        )
    )
    p50 = median(found["paced", "ours"], late(0.5))
    used = {each.name: sum(each.memory().values()) for each in (field.ours, field.embedded)}
    rows = [
        ("drain, delivered/s x tuned", ">= 15", drain("plain, tuned", delivered)),
        ("drain, delivered/s x defaults", ">= 30", drain("plain", delivered)),
        ("drain, delivered/s x ours with a task each", "", drain("ours, a task each", delivered)),
        (
            "drain, delivered/s of two workers x tuned",
            "",
            ratio("drain", "ours, two workers", "plain, tuned", delivered),
        ),
        ("drain, delivered/s x the bare client", ">= 0.33", drain("bare client", delivered)),
        ("drain, CPU x the bare client's", "<= 4", drain("bare client", total)),
        (
            "drain, statements for each delivery",
            "<= 3",
            median(found["drain", "ours"], lambda point: point.statements),
        ),
        ("single orders, delivered/s x tuned", ">= 2.5", single("plain, tuned", delivered)),
        ("single orders, delivered/s x defaults", ">= 4", single("plain", delivered)),
        (
            "single orders, delivered/s x ours with a task each",
            "",
            single("ours, a task each", delivered),
        ),
        (
            f"{EACH} orders a call, accepted/s x single",
            ">= 5",
            itself("import", "single", lambda point: point.accepted),
        ),
        (f"{EACH} orders a call, CPU x single", "<= 0.25", itself("import", "single", total)),
        (
            f"{RATE} orders/s, p50 x tuned",
            "<= 1",
            ratio("paced", "ours", "plain, tuned", late(0.5)),
        ),
        (
            f"{RATE} orders/s, p95 x p50",
            "<= 2",
            median(found["paced", "ours"], late(0.95)) / p50,
        ),
        ("single orders, web CPU x plain", "<= 0.8", plainly),
        (
            "embedded, single orders, delivered/s x PostgreSQL",
            "",
            statistics.median(
                delivered(one) / delivered(other)
                for one, other in zip(
                    found["single", "ours, embedded"], found["single", "ours"], strict=True
                )
            ),
        ),
        ("memory of web (2 processes) and worker, MiB", "<= 350", used["ours"]),
        ("memory of the embedded default, MiB", "<= 250", used["ours, embedded"]),
    ]
    yield f"{'':<52} {'target':>8} {'reached':>8}"
    for work, wanted, reached in rows:
        digits = 0 if reached >= 100 else 2
        yield f"{work:<52} {wanted:>8} {reached:>8.{digits}f}"
