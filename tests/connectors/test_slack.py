"""A message is posted to Slack when Slack says ok, and for no other reason."""

import json

import pytest

from integrations.connectors import slack
from integrations.models import DataSource, Integration, Log, RequestLog, Status
from tests import make
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

MESSAGE = {"text": {"$text": "Order {{transportOrder.name}} is {{transportOrder.status}}"}}


def posting(queue: Queue, url: str, mapping: object = MESSAGE) -> Integration:
    made = make.integration(platform=queue.platform)
    DataSource.objects.create(
        platform=queue.platform,
        integration=made,
        connector="slack",
        secrets={"webhookUrl": url},
        mapping=mapping,
    )
    return made


def test_an_order_is_a_message(queue: Queue, sink: Sink) -> None:
    posting(queue, sink.url("/slack/open"))
    queue.save_order(name="4711")
    queue.run()
    (received,) = sink.requests
    assert received.json() == {"text": "Order 4711 is requested"}
    assert queue.only.status == Status.SUCCESS


def test_two_hundred_without_an_ok_is_a_refusal(queue: Queue, sink: Sink) -> None:
    posting(queue, sink.url("/slack/says/200/invalid-payload"))
    queue.save_order()
    queue.run()
    assert queue.only.status == Status.ERROR
    assert "answered 200: invalid_payload." in queue.only.error
    assert "a form that Slack does not know" in queue.only.error


def test_a_webhook_that_was_removed_is_explained(queue: Queue, sink: Sink) -> None:
    posting(queue, sink.url("/slack/gone"))
    queue.save_order()
    queue.run()
    assert queue.only.status == Status.ERROR
    assert "the webhook was removed" in queue.only.error


def test_a_busy_slack_gets_it_later(queue: Queue, sink: Sink) -> None:
    posting(queue, sink.url("/slack/says/429/rate-limited"))
    queue.save_order()
    queue.run()
    assert queue.only.status == Status.RETRY


def test_a_message_without_a_text_is_not_sent(queue: Queue, sink: Sink) -> None:
    posting(queue, sink.url("/slack/open"), {"words": "$.transportOrder.name"})
    queue.save_order(name="4711")
    queue.run()
    assert queue.only.status == Status.ERROR
    assert "needs a `text`" in queue.only.error
    assert not sink.requests


def test_who_reads_the_logs_cannot_post(queue: Queue, sink: Sink) -> None:
    posting(queue, sink.url("/slack/says/404/no-service"))
    queue.save_order()
    queue.run()
    entry = RequestLog.objects.of(queue.platform).get()
    assert entry.url == sink.url("/***")
    assert "says" not in json.dumps([entry.url, entry.error, queue.only.error])


def test_a_path_that_the_answer_says_again_is_not_shown(queue: Queue, sink: Sink) -> None:
    posting(queue, sink.url("/slack/cannot/post/XyZ0123456789?token=Abc9876543210"))
    queue.save_order()
    queue.run()
    entry = RequestLog.objects.of(queue.platform).get()
    assert "Cannot POST /slack/cannot/post/***" in entry.response_body
    assert "Cannot POST /slack/cannot/post/***" in queue.only.error
    lines = Log.objects.of(queue.platform).values_list("message", "data")
    assert "XyZ0123456789" not in f"{vars(entry)} {vars(queue.only)} {list(lines)}"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/slack/open", ""),
        ("/slack/wrong", "no_service. Slack: the webhook was removed"),
        ("/slack/says/403/invalid-token", "copy its URL from Slack again"),
        ("/ok", "answered 200"),
        ("/hang", "No complete answer within 1 s."),
    ],
)
def test_a_check_posts_nothing(sink: Sink, path: str, reason: str) -> None:
    found = slack.Connector({}, {"webhookUrl": sink.url(path)}).check(timeout=1)
    assert reason in found
    assert bool(reason) == bool(found)
    assert path not in found
    assert [one.json() for one in sink.requests] == [{"text": ""}]


@pytest.mark.parametrize("url", ["https://10.0.0.1/T/B/X", "hooks.example/T/B/X"])
def test_a_url_that_nobody_may_call_is_not_saved(url: str) -> None:
    (problem,) = slack.Connector.problems({}, {"webhookUrl": url})
    assert (problem.field, problem.code) == ("webhookUrl", "address_refused")


def test_what_takes_a_message_without_words_is_not_slack(sink: Sink) -> None:
    connector = slack.Connector({}, {"webhookUrl": sink.url("/slack/says/200/ok")})
    said = connector.check(timeout=5)
    assert "answered 200: ok. It took a message without words" in said
