"""Who could not be told is tried again, for a day, and then given up."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils.timezone import now

from integrations.models import Alert, Log, Notice, alert
from tests.alerts.conftest import OnCall, Send, ids

pytestmark = pytest.mark.django_db


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


def test_one_that_asks_for_more_than_a_day_is_called_once_more_at_its_end(
    on_call: OnCall, send: Send
) -> None:
    on_call.hook("/retry/429/86400")
    on_call.happens()
    send()
    (notice,) = on_call.notices
    assert notice.outcome == ""
    assert abs(notice.due_at - notice.created_at - timedelta(days=1)) < timedelta(seconds=5)
    Notice.objects.across_platforms().update(created_at=now() - timedelta(days=1))
    on_call.due_again()
    send()
    (notice,) = on_call.notices
    assert (notice.outcome, notice.attempts) == ("givenUp", 2)


def test_where_the_mail_server_was_taken_away_it_is_given_up_at_once(
    on_call: OnCall, send: Send
) -> None:
    on_call.recipient(email="ann@example.com")
    on_call.hook("/ok")
    on_call.happens()
    send()
    given_up, sent = on_call.notices
    assert (given_up.outcome, given_up.attempts, sent.outcome) == ("givenUp", 1, "sent")
    assert "EMAIL_URL" in given_up.error
    (line,) = Log.objects.of(on_call.platform)
    assert line.code == "alert_given_up"
    assert line.message.startswith("ann@example.com was not told: No mail server is set up")


def interrupt(times: int) -> None:
    """So many workers claim what is due, and are killed before they know what became of it."""
    for _ in range(times):
        Alert.objects.all().address()
        assert Notice.objects.all().claim(8)
        Notice.objects.across_platforms().update(leased_until=now() - timedelta(seconds=1))


def test_a_notice_that_kills_its_worker_each_time_is_given_up(on_call: OnCall, send: Send) -> None:
    on_call.hook("/ok/deadly")
    on_call.happens()
    interrupt(alert.MOST_INTERRUPTIONS)
    send()
    (notice,) = on_call.notices
    assert notice.outcome == "givenUp"
    assert notice.error == "The worker stopped in the middle of 5 attempts."
    assert on_call.sink.requests == []
    assert [each.code for each in Log.objects.of(on_call.platform)] == ["alert_given_up"]


def test_a_notice_that_was_interrupted_a_few_times_is_sent(on_call: OnCall, send: Send) -> None:
    on_call.sink.answers("/page", "/status/503")
    on_call.hook("/page")
    on_call.happens()
    interrupt(alert.MOST_INTERRUPTIONS - 1)
    send()
    (notice,) = on_call.notices
    assert (notice.outcome, notice.attempts) == ("", alert.MOST_INTERRUPTIONS)
    # It had an outcome: it does not kill whoever sends it.
    on_call.due_again()
    interrupt(alert.MOST_INTERRUPTIONS)
    on_call.sink.answers("/page", "/ok")
    send()
    assert on_call.notices[0].outcome == "sent"


def test_a_notice_that_is_interrupted_for_a_day_is_given_up(on_call: OnCall, send: Send) -> None:
    on_call.sink.answers("/page", "/status/503")
    on_call.hook("/page")
    on_call.happens()
    send()
    on_call.due_again()
    interrupt(1)
    yesterday = now() - timedelta(hours=25)
    Notice.objects.across_platforms().update(created_at=yesterday)
    send()
    (notice,) = on_call.notices
    assert (notice.outcome, len(on_call.sink.requests)) == ("givenUp", 1)
    assert notice.error == "The worker stopped in the middle of the last of its attempts."


def test_a_webhook_inside_the_network_is_not_called(
    on_call: OnCall, send: Send, settings: LazySettings
) -> None:
    settings.OTMS_EGRESS_ALLOW = []
    on_call.hook()
    on_call.happens()
    send()
    assert on_call.sink.requests == []
    assert "Not called" in on_call.notices[0].error
