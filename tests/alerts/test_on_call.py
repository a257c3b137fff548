"""Whoever runs the deployment is mailed what no platform can mend, once an hour for each kind."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.utils.timezone import now

from integrations import on_call as operators
from integrations.models import IntegrationObject, Notice
from integrations.watchdog import Watchdog
from tests.alerts.conftest import OnCall
from tests.sink.smtp import MailServer

TO = ["ops@acme.example", "night@acme.example"]


@pytest.fixture(autouse=True)
def operated(settings: LazySettings) -> Iterator[None]:
    settings.OTMS_OPERATOR_EMAILS = TO
    cache.clear()
    yield
    cache.clear()


def test_a_kind_is_mailed_once_an_hour(mail: MailServer) -> None:
    assert operators.tell("disk", "the disk is full", "It is.") is True
    assert operators.tell("disk", "the disk is full", "It is.") is False
    assert operators.tell("fire", "it burns", "It does.") is True
    assert [each.recipients for each in mail.letters] == [TO, TO]
    letter = mail.letters[0]
    assert letter.message["Subject"] == "OTMS: the disk is full"
    assert letter.text.startswith("It is.\n\nServer: ")


@pytest.mark.parametrize("lacks", ["EMAIL_HOST", "OTMS_OPERATOR_EMAILS"])
def test_without_a_mail_server_or_an_address_nothing_is_tried(
    mail: MailServer, settings: LazySettings, lacks: str
) -> None:
    setattr(settings, lacks, "" if lacks == "EMAIL_HOST" else [])
    assert operators.tell("disk", "the disk is full", "It is.") is False
    assert mail.commands == []


def test_what_goes_wrong_is_logged_and_raised_nowhere(
    mail: MailServer, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.OTMS_OPERATOR_EMAILS = ["nobody at all"]
    assert operators.tell("disk", "the disk is full", "It is.") is False
    mail.says["RCPT"] = "550 no such person"
    settings.OTMS_OPERATOR_EMAILS = TO
    assert operators.tell("fire", "it burns", "It does.") is False
    assert [each.message for each in caplog.records] == [
        "the operators could not be mailed",
        "the operators could not be mailed",
    ]


def test_after_one_that_could_not_be_sent_the_next_is_tried_soon(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operators, "AGAIN", 1)
    mail.says["RCPT"] = "450 not now"
    assert operators.tell("disk", "the disk is full", "It is.") is False
    asked = len(mail.commands)
    assert operators.tell("disk", "the disk is full", "It is.") is False
    assert len(mail.commands) == asked, "not at once: a mail server that hangs takes ten seconds"
    del mail.says["RCPT"]
    time.sleep(1.2)
    assert operators.tell("disk", "the disk is full", "It is.") is True
    assert operators.tell("disk", "the disk is full", "It is.") is False


def test_a_cache_that_is_away_is_logged_and_raised_nowhere(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: Any) -> None:
        raise ConnectionError("it is away")

    for verb in ("add", "touch"):
        monkeypatch.setattr(cache, verb, away)
    assert operators.tell("disk", "the disk is full", "It is.") is False
    assert [each.message for each in caplog.records] == ["the operators could not be mailed"]


@pytest.mark.django_db
def test_an_alert_that_is_given_up_is_told_to_them(
    on_call: OnCall, mail: MailServer, send: Any
) -> None:
    on_call.hook("/status/500")
    on_call.happens()
    send()
    Notice.objects.across_platforms().update(created_at=now() - timedelta(hours=25), due_at=now())
    send()
    (letter,) = mail.letters
    assert letter.recipients == TO
    assert on_call.platform.name in str(letter.message["Subject"])
    assert on_call.integration.name in letter.text
    assert "answered 500" in letter.text


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_ends_itself_is_told_to_them(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(IntegrationObject.objects.all()), "overlooked", lambda *_: 7)
    ended = threading.Event()
    watchdog = Watchdog(interval=0.01, overdue=120, end=ended.set)
    watchdog.start()
    assert ended.wait(20)
    watchdog.join(10)
    (letter,) = mail.letters
    assert "7 objects are overdue by more than 120 s" in letter.text.replace("\n", " ")
