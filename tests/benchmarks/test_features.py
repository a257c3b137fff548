"""What each thing that we do for an order costs the web server: the same call without it."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations import signals
from integrations.models import Integration
from otms.accounts.models import Platform
from tests import make
from tests.benchmarks.orders import order
from tests.benchmarks.ours import MAPPING, WANTED
from tests.conftest import Api

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

CALLS, ROUNDS = 40, 3


class Caller:
    """Posts orders to the application in this process: what it takes is the web server's alone."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.api = Api(make.token(make.UserFactory(platform=platform)))
        self.run, self.number = uuid4().hex, 0
        self.keys = True

    def post(self) -> None:
        self.number += 1
        headers = {"Idempotency-Key": f"{self.run}-{self.number}"} if self.keys else {}
        answer = self.api("POST", "transportOrder", order(self.run, self.number), headers=headers)
        assert answer.status_code == 200, answer.content

    def ask(self) -> None:
        assert self.api("GET", f"transportOrder/{uuid4()}").status_code == 404


@contextmanager
def as_it_is(caller: Caller) -> Iterator[Callable[[], None]]:
    yield caller.post


@contextmanager
def without_a_key(caller: Caller) -> Iterator[Callable[[], None]]:
    caller.keys = False
    yield caller.post
    caller.keys = True


@contextmanager
def without_a_listener(caller: Caller) -> Iterator[Callable[[], None]]:
    integrations = Integration.objects.of(caller.platform).order_by("pk")
    for each in integrations:
        each.switch(False)
    yield caller.post
    for each in integrations:
        each.switch(True)


@contextmanager
def without_capture(caller: Caller) -> Iterator[Callable[[], None]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signals, "_write_changes", lambda seen, using: None)
        yield caller.post


@contextmanager
def only_who_calls(caller: Caller) -> Iterator[Callable[[], None]]:
    """Token, permission, and one record that is not there."""
    yield caller.ask


KINDS = [as_it_is, without_a_key, without_a_listener, without_capture, only_who_calls]


def test_what_each_thing_costs(
    platform: Platform, figure: Callable[[str], None], settings: Any
) -> None:
    make.integration(platform=platform, filters=WANTED, mapping=MAPPING)
    caller = Caller(platform)
    took: dict[str, list[float]] = {kind.__name__: [] for kind in KINDS}
    asked: dict[str, int] = {}
    for kind in KINDS:
        with kind(caller) as call:
            call()
            with CaptureQueriesContext(connection) as seen:
                call()
            asked[kind.__name__] = len([each for each in seen if is_counted(each["sql"])])
    for _ in range(ROUNDS):
        for kind in KINDS:
            with kind(caller) as call:
                began = time.process_time()
                for _ in range(CALLS):
                    call()
                took[kind.__name__].append(1000 * (time.process_time() - began) / CALLS)
    whole = statistics.median(took["as_it_is"])
    figure("an order's POST in one process, no server around it; CPU of the web server alone")
    for name, times in took.items():
        cost = statistics.median(times)
        words = name.replace("_", " ")
        figure(f"  {words:<20} {cost:5.2f} ms, x {cost / whole:.2f}; {asked[name]} statements")


def is_counted(sql: str) -> bool:
    return not sql.startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))
