"""Whoever is to be told of trouble hears of it once, in order, whatever happens to the others."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.conf import settings as of_tests
from django.db import connection, transaction
from django.utils.timezone import now

from integrations import signals
from integrations.alerts import sending
from integrations.core import signing
from integrations.core.backoff import RetryPolicy
from integrations.models import Alert, Log, Notice, alert
from integrations.models.alert import Kind
from otms import env
from tests import make
from tests.alerts.conftest import SECRET, OnCall
from tests.queue.conftest import wait_for
from tests.queue.test_concurrency import Beside
from tests.sink import ROOT, Received
from tests.sink.smtp import MailServer

pytestmark = pytest.mark.django_db
Send = Callable[[], None]


@pytest.fixture(autouse=True)
def running() -> Iterator[None]:
    yield
    sending._stopping.clear()


def ids(received: list[Received]) -> list[str]:
    return [each.headers["webhook-id"] for each in received]


def test_everybody_it_is_for_is_told_once(on_call: OnCall, mail: MailServer, send: Send) -> None:
    on_call.hook("/ok/platform")
    on_call.hook("/ok/own", integration=on_call.integration)
    on_call.hook("/ok/another", integration=make.integration(platform=on_call.platform))
    on_call.recipient(email="ann@example.com")
    told = on_call.happens()
    send()
    send()
    assert {each.path for each in on_call.sink.requests} == {"/ok/platform", "/ok/own"}
    assert [each.recipients for each in mail.letters] == [["ann@example.com"]]
    assert ids(on_call.sink.requests) == [str(told.pk)] * 2
    assert {each.outcome for each in on_call.notices} == {"sent"}


def test_a_call_says_what_happened_and_is_signed(on_call: OnCall, send: Send) -> None:
    on_call.hook(secret=SECRET)
    told = on_call.happens()
    source = told.data_source
    assert source
    send()
    (call,) = on_call.sink.requests
    sent = {name: call.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")}
    assert signing.verify(SECRET, sent["id"], sent["timestamp"], call.body, sent["signature"])
    said = call.json()
    assert said["type"] == "integration.trouble"
    assert said["data"] == {
        "id": str(told.pk),
        "integrationId": str(on_call.integration.pk),
        "integrationName": on_call.integration.name,
        "dataSourceId": str(source.pk),
        "dataSourceName": str(source),
        "message": "503 Service Unavailable.",
        "since": said["data"]["since"],
    }


def test_a_mail_is_understood_at_night(
    on_call: OnCall, mail: MailServer, send: Send, settings: LazySettings
) -> None:
    settings.OTMS_PUBLIC_URL = "https://otms.example.com"
    on_call.integration.name = "ERP Sync\r\nBcc: eve@example.com"
    on_call.integration.save()
    on_call.recipient(email="ann@example.com", name="Ann")
    told = on_call.happens()
    send()
    (letter,) = mail.letters
    subject = str(letter.message["Subject"])
    assert letter.message["Bcc"] is None
    assert subject.startswith("OTMS: ERP Sync Bcc: eve@example.com: ")
    assert "deliveries to webhook fail since " in subject
    assert "503 Service Unavailable." in letter.text
    assert "What waits is kept in its order" in letter.text.replace("\n", " ")
    page = f"https://otms.example.com/admin/integrations/integration/{on_call.integration.pk}/"
    assert page in letter.text
    assert f"<{told.pk}.{on_call.notices[0].pk}@acme.example>" == letter.message["Message-ID"]


def test_what_was_taken_away_with_its_trouble_is_told_of(
    on_call: OnCall, mail: MailServer, send: Send
) -> None:
    on_call.recipient(email="ann@example.com")
    on_call.hook()
    gone = uuid4()
    Alert.objects.using("default").tell(
        on_call.integration.pk, on_call.platform.pk, Kind.RECOVERED, str(gone), "Gone.", now()
    )
    send()
    (call,), (letter,) = on_call.sink.requests, mail.letters
    assert call.json()["data"]["dataSourceId"] is None
    subject = str(letter.message["Subject"])
    assert subject == f"OTMS: {on_call.integration.name}: the trouble with deliveries is over"


def test_who_failed_is_told_again_and_nobody_else(on_call: OnCall, send: Send) -> None:
    on_call.hook("/ok")
    on_call.hook("/failfirst/2/503")
    on_call.happens()
    for _ in range(3):
        send()
        on_call.due_again()
    # The receiver counts by webhook-id over all paths: the one that works came in between.
    paths = [each.path for each in on_call.sink.requests]
    assert paths.count("/ok") == 1
    assert paths.count("/failfirst/2/503") in (2, 3)
    assert {each.outcome for each in on_call.notices} == {"sent"}
    assert len(set(ids(on_call.sink.requests))) == 1


def test_waits_grow_and_after_a_day_it_is_given_up(on_call: OnCall, send: Send) -> None:
    on_call.hook("/status/500")
    on_call.happens()
    waits = []
    for _ in range(4):
        send()
        (notice,) = on_call.notices
        assert notice.outcome == ""
        waits.append(notice.due_at - now())
        on_call.due_again()
    assert waits == sorted(waits)
    yesterday = now() - timedelta(hours=25)
    Notice.objects.across_platforms().update(created_at=yesterday, due_at=yesterday)
    send()
    (notice,) = on_call.notices
    assert (notice.outcome, notice.attempts) == ("givenUp", 5)
    assert "answered 500" in notice.error
    (line,) = Log.objects.of(on_call.platform)
    assert (line.code, line.level) == ("alert_given_up", "error")
    assert "answered 500" in line.message
    send()
    assert len(on_call.sink.requests) == 5


def test_another_platform_hears_nothing(on_call: OnCall, send: Send) -> None:
    on_call.hook("/ok/theirs", platform=make.PlatformFactory())
    on_call.hook("/ok/ours")
    on_call.happens()
    send()
    assert [each.path for each in on_call.sink.requests] == ["/ok/ours"]


def test_a_recipient_that_hangs_delays_nobody(
    on_call: OnCall, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TIMEOUT", 2.0)
    monkeypatch.setattr(sending, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(alert, "RETRIES", RetryPolicy(schedule=(3600,)))
    others = [make.integration(platform=on_call.platform) for _ in range(3)]
    on_call.hook("/hang", integration=None)
    on_call.hook("/ok")
    for each in others:
        on_call.happens(integration=each)
    send()
    calls = on_call.sink.requests
    told = [each for each in calls if each.path == "/ok"]
    assert len(told) == 3
    hung = [each.at for each in calls if each.path == "/hang"]
    assert len(hung) == 3
    # All were told while its first call still hung.
    assert max(each.at for each in told) < hung[1]
    assert "within 2 s" in " ".join(each.error for each in on_call.notices)


def test_the_end_is_not_told_before_the_beginning(on_call: OnCall, send: Send) -> None:
    on_call.sink.answers("/page", "/status/503")
    on_call.hook("/page")
    on_call.happens(Kind.TROUBLE)
    send()
    on_call.happens(Kind.RECOVERED)
    send()
    assert [each.json()["type"] for each in on_call.sink.requests] == ["integration.trouble"]
    on_call.sink.answers("/page", "/ok")
    on_call.due_again()
    send()
    kinds = [each.json()["type"].removeprefix("integration.") for each in on_call.sink.requests]
    assert kinds == ["trouble", "trouble", "recovered"]


def test_who_was_deleted_or_switched_off_is_left_out(on_call: OnCall, send: Send) -> None:
    deleted, off = on_call.hook("/status/503"), on_call.hook("/status/503")
    on_call.happens()
    send()
    deleted.delete()
    off.enabled = False
    off.save()
    on_call.due_again()
    send()
    assert len(on_call.sink.requests) == 2
    assert {each.outcome for each in on_call.notices} == {"leftOut"}
    on_call.happens()
    send()
    assert len(on_call.notices) == 2


def test_a_mailbox_that_is_named_twice_gets_one(
    on_call: OnCall, mail: MailServer, send: Send
) -> None:
    on_call.recipient(email="ann@example.com")
    on_call.recipient(email="Ann@Example.com", integration=on_call.integration)
    on_call.happens()
    send()
    assert len(mail.letters) == 1


def test_without_a_mail_server_the_reason_is_said_and_it_waits(on_call: OnCall, send: Send) -> None:
    on_call.recipient(email="ann@example.com")
    on_call.happens()
    send()
    (notice,) = on_call.notices
    assert notice.outcome == ""
    assert "EMAIL_URL" in notice.error


def test_a_webhook_inside_the_network_is_not_called(
    on_call: OnCall, send: Send, settings: LazySettings
) -> None:
    settings.OTMS_EGRESS_ALLOW = []
    on_call.hook()
    on_call.happens()
    send()
    assert on_call.sink.requests == []
    assert "Not called" in on_call.notices[0].error


def test_what_is_answered_shows_no_secret(on_call: OnCall, send: Send) -> None:
    on_call.sink.teach("T0K3N-of-the-path", SECRET)
    on_call.hook("/parrot/500/T0K3N-of-the-path?key=hidden-key", secret=SECRET)
    on_call.happens()
    send()
    (notice,) = on_call.notices
    assert "answered 500" in notice.error
    for secret in (SECRET, "T0K3N", "hidden-key"):
        assert secret not in notice.error
        assert secret not in notice.to


def test_a_message_that_can_not_be_stored_is_told_all_the_same(on_call: OnCall, send: Send) -> None:
    on_call.hook()
    on_call.happens(message="a\x00b\ud800" + "x" * 5000)
    send()
    (call,) = on_call.sink.requests
    assert call.json()["data"]["message"].startswith("a\\u0000b\\ud800xxx")
    assert len(call.json()["data"]["message"]) == 2000


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
