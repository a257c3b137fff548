"""Workers that send: woken, side by side, late, and killed."""

import os
import signal
import subprocess
import sys
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as of_tests
from django.db import connection, transaction

from integrations import signals
from integrations.alerts import sending
from integrations.models import Alert, Notice
from otms import env
from tests import make
from tests.alerts.conftest import OnCall, Send, ids
from tests.queue.conftest import wait_for
from tests.queue.test_concurrency import Beside
from tests.sink import ROOT

pytestmark = pytest.mark.django_db


def test_of_two_workers_one_sends_it(on_call: OnCall) -> None:
    on_call.hook()
    on_call.happens()
    Alert.objects.all().address()
    assert len(Notice.objects.all().claim(8)) == 1
    assert Notice.objects.all().claim(8) == []


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_tell_nobody_twice(on_call: OnCall) -> None:
    for path in ("/ok/a", "/ok/b", "/ok/c"):
        on_call.hook(path)
    integrations = [make.integration(platform=on_call.platform) for _ in range(5)]
    for each in integrations:
        on_call.happens(integration=each)
    workers = [Beside(sending.work_off) for _ in range(3)]
    for worker in workers:
        worker.done()
    sending.work_off()  # what one of them found leased by another
    calls = [(each.path, each.headers["webhook-id"]) for each in on_call.sink.requests]
    assert len(calls) == len(set(calls)) == 15
    assert {each.outcome for each in on_call.notices} == {"sent"}


def test_an_outcome_that_comes_late_changes_nothing(on_call: OnCall, send: Send) -> None:
    on_call.hook()
    on_call.happens()
    Alert.objects.all().address()
    (late,) = Notice.objects.all().claim(8)
    on_call.due_again()
    send()
    assert late.fail("too late") is False
    assert on_call.notices[0].outcome == "sent"


@pytest.mark.django_db(transaction=True)
def test_a_worker_is_woken_when_it_is_written_down(
    on_call: OnCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[int] = []
    monkeypatch.setattr(
        signals, "wake_alerts", lambda: woken.append(Alert.objects.of(on_call.platform).count())
    )
    with transaction.atomic():
        on_call.happens()
        assert woken == []
    assert woken == [1]


@pytest.mark.django_db(transaction=True)
def test_the_hint_sends_in_a_thread_of_its_own(on_call: OnCall) -> None:
    on_call.hook()
    on_call.happens()
    sending.poke()
    sending.poke()
    assert on_call.sink.wait(1)["attempts"] == 1
    sending.finish()
    assert on_call.notices[0].outcome == "sent"


WORKER = """
import django; django.setup()
from integrations.alerts import sending
sending.work_off()
"""


def _database() -> str:
    of = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{of['NAME']}"
    login = f"{quote(of['USER'])}:{quote(of['PASSWORD'])}@" if of["USER"] else ""
    return f"postgres://{login}{of['HOST']}:{of['PORT']}/{of['NAME']}"


@pytest.mark.django_db(transaction=True)
def test_of_a_worker_that_is_killed_another_goes_on(on_call: OnCall, send: Send) -> None:
    on_call.hook("/ok")
    on_call.sink.answers("/page", "/hang")
    on_call.hook("/page")
    on_call.happens()
    variables: dict[str, str] = {
        "DJANGO_SETTINGS_MODULE": "otms.settings",
        "DATABASE_URL": _database(),
        "SECRET_KEY": of_tests.SECRET_KEY,
        "OTMS_ENCRYPTION_KEYS": ",".join(of_tests.OTMS_ENCRYPTION_KEYS),
        "OTMS_EGRESS_ALLOW": "127.0.0.0/8",
    }
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER], cwd=ROOT, env=env.extended(**variables)
    )
    try:
        on_call.sink.wait(2, of="attempts", timeout=60)
        wait_for(lambda: "sent" in {each.outcome for each in on_call.notices})
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    send()
    assert len(on_call.sink.requests) == 2  # its lease is not over
    on_call.sink.answers("/page", "/ok")
    on_call.due_again()
    send()
    assert [each.path for each in on_call.sink.requests].count("/ok") == 1
    assert [each.path for each in on_call.sink.requests].count("/page") == 2
    assert len(set(ids(on_call.sink.requests))) == 1


def test_a_look_at_nothing_costs_a_few_questions(
    send: Send, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(4):
        send()
