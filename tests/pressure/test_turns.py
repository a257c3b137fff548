"""Beginning and end are told once, whoever measures; while it lasts it is only measured."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations import pressure, tasks
from integrations.core.room import Level, Room
from integrations.models import Integration, IntegrationObject, Pressure
from integrations.models.pressure import Measured, Of
from otms.accounts.models import Platform
from tests import make
from tests.at_once import at_once
from tests.conftest import Api
from tests.pressure.conftest import MOST, Filled
from tests.queue.conftest import wait_for
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)
ORDER = {"name": "4711"}


def test_from_free_to_full_and_back_it_is_told_at_each_turn(
    filled: Filled, api: Api, sink: Sink, run_queue: Any, mailed: dict[str, str], said: Any
) -> None:
    sink.answers("/orders", "/status/503")
    name = filled.platform.name
    filled.measure()
    filled.fill(MOST - 3)
    for _ in range(3):
        filled.measure()
    assert said() == []
    filled.fill(1)
    for _ in range(3):
        filled.measure()
    assert said() == [("WARNING", f"the queue of {name} runs full")]
    api.ok("POST", "transportOrder", ORDER)
    filled.fill(1)
    for _ in range(3):
        filled.measure()
    told = [*said()[1:]]
    assert told == [("ERROR", f"the queue of {name} is full: nothing more is taken in")]
    api.refused("POST", "transportOrder", ORDER, code=503)

    # What was taken in goes on, and nothing of it is lost.
    sink.answers("/orders", "/ok")
    before = [each.uuid for each in IntegrationObject.objects.of(filled.platform)]
    assert len(before) == MOST
    IntegrationObject.objects.of(filled.platform).update(due_at=now())
    run_queue()
    assert filled.waiting == 0
    assert {each.headers["webhook-id"] for each in sink.requests} == {*map(str, before)}
    for _ in range(3):
        filled.measure()
    assert said()[2:] == [("INFO", f"the queue of {name} has room again: intake goes on")]
    assert not Pressure.objects.exists()
    api.ok("POST", "transportOrder", ORDER)
    assert list(mailed.values()) == [text for _, text in said()]


def test_while_it_is_full_it_is_known_how_full_and_since_when(full: Filled) -> None:
    begun = Pressure.objects.get()
    full.fill(5)
    full.measure()
    row = Pressure.objects.get()
    assert (row.used, row.most, row.held_by) == (MOST + 5, MOST, [["ERP", MOST + 5]])
    assert row.since == begun.since
    assert row.measured_at > begun.measured_at


def test_two_who_measure_at_the_same_moment_tell_it_once(platform: Platform) -> None:
    found = Measured(Of.QUEUE, Room.below(10, 10), 10, 10, str(platform.pk), "Acme")
    turns = at_once(2, lambda: Pressure.objects.note(found, now()))
    (turn,) = filter(None, turns)
    assert (turn.before, turn.now) == (Level.FREE, Level.FULL)
    assert len(turns) == 2
    late = Measured(Of.QUEUE, Room.below(10, 0), 0, 10, str(platform.pk), "Acme")
    over = [Pressure.objects.note(late, now()) for _ in range(2)]
    assert [bool(each) for each in over] == [True, False]


def test_without_a_limit_nothing_is_counted_and_what_was_full_is_over(
    full: Filled, settings: Any, api: Api, said: Any
) -> None:
    settings.OTMS_MOST_WAITING = 0
    with CaptureQueriesContext(connection) as seen:
        full.measure()
    assert not [each for each in seen.captured_queries if "COUNT" in each["sql"]]
    assert said()[-1][1] == f"the queue of {full.platform.name} has room again: intake goes on"
    api.ok("POST", "transportOrder", ORDER)


def test_the_longest_queues_are_named(filled: Filled) -> None:
    for count in (2, 3, 4):
        name = f"another {count}"
        listens = make.integration("http://127.0.0.1:9", platform=filled.platform, name=name)
        assert listens.enabled
        filled.fill(1)
    filled.measure()
    row = Pressure.objects.get()
    assert row.used == 2 + 3 + 4
    assert row.held_by == [["ERP", 3], ["another 2", 3], ["another 3", 2]]


def test_it_is_measured_once_in_ten_seconds_by_whoever_comes_first(filled: Filled) -> None:
    filled.fill(MOST)
    filled.measure()
    Pressure.objects.all().delete()
    tasks.measure_pressure()
    assert not Pressure.objects.exists()
    cache.delete(pressure.TAKEN)
    tasks.measure_pressure()
    assert Pressure.objects.exists()


def test_what_was_measured_long_ago_stops_nobody_and_has_the_process_look_itself(
    full: Filled, api: Api, settings: Any
) -> None:
    """Beat and all workers are dead."""
    api.refused("POST", "transportOrder", ORDER, code=503)
    cache.touch(pressure.KEY, 0)
    pressure._Known.until = 0.0
    api.ok("POST", "transportOrder", ORDER)
    cache.delete(pressure.TAKEN)
    pressure._Known.until = 0.0
    settings.OTMS_WAKE_UPS = True  # as a server has it
    api.ok("POST", "transportOrder", ORDER)
    wait_for(lambda: not pressure._Known.measures.locked())
    api.refused("POST", "transportOrder", ORDER, code=503)


def test_other_processes_know_it_from_the_cache(full: Filled, api: Api) -> None:
    pressure._Known.rows, pressure._Known.until = [], 0.0
    api.refused("POST", "transportOrder", ORDER, code=503)
    assert timedelta(minutes=1).total_seconds() == pressure.FRESH


def test_a_platform_without_a_queue_is_in_nobodys_way(platform: Platform) -> None:
    assert Integration.objects.of(platform).count() == 0
    pressure.forget()
    pressure.measure()
    assert pressure.of_platform(platform.pk) == []


def test_a_count_that_takes_long_is_made_less_often(filled: Filled) -> None:
    assert [pressure.pause_after(took) for took in (0.01, 1.0, 5.0)] == [9.0, 30.0, 40.0]
    assert pressure.LONGEST_REST < pressure.FRESH, "it is known all the time"


def test_a_database_that_is_away_is_said_in_one_line_and_stops_nobody(
    filled: Filled, api: Api, settings: Any, monkeypatch: pytest.MonkeyPatch, said: Any
) -> None:
    def away() -> Any:
        raise OperationalError("the server\n closed the connection")

    monkeypatch.setattr(pressure, "_measured", away)
    pressure.forget()
    settings.OTMS_WAKE_UPS = True
    api.ok("POST", "business", {"name": "Acme"})
    wait_for(lambda: said())
    settings.OTMS_WAKE_UPS = False
    wait_for(lambda: not pressure._Known.measures.locked())
    text = "it could not be measured how full it is: the server closed the connection"
    assert said() == [("WARNING", text)]
