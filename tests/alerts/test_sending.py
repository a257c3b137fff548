"""Whoever is to be told of trouble hears of it once, in order, whatever happens to the others."""

import pytest

from integrations.alerts import sending
from integrations.core.backoff import RetryPolicy
from integrations.models import alert
from integrations.models.alert import Kind
from tests import make
from tests.alerts.conftest import OnCall, Send, ids
from tests.sink.smtp import MailServer

pytestmark = pytest.mark.django_db


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
