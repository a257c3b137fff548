"""What has to hold in an answer for it to be a success."""

from typing import Any
from urllib.parse import quote

import pytest

from integrations import answer, pipeline
from integrations.answer import Call
from integrations.http import Exchange
from integrations.models import (
    IntegrationObject,
    RequestLog,
    Status,
)
from integrations.plan import compiled
from otms.documents import dumps
from tests.queue.conftest import Queue
from tests.queue.test_conditions import step, told
from tests.queue.test_steps import steps
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("behaviour", "rule", "status"),
    [
        ("/ok", [{"field": "$.error", "operator": "missing"}], Status.SUCCESS),
        ("/echo", [{"field": "$.to", "operator": "eq", "value": "ERP"}], Status.SUCCESS),
        ("/echo", [{"field": "$.to", "operator": "eq", "value": "WMS"}], Status.ERROR),
        ("/echo", [{"field": "$.to", "operator": "missing"}], Status.ERROR),
        ("/chunked/1", [{"field": "$", "operator": "exists"}], Status.SUCCESS),
    ],
)
def test_a_success_says_so_in_its_body(
    queue: Queue, sink: Sink, behaviour: str, rule: Any, status: Status
) -> None:
    steps(queue, step(sink, "ERP", url=sink.url(behaviour), success={"body": rule}))
    queue.save_order()
    queue.run()
    assert queue.only.status == status
    if status == Status.ERROR:
        assert "answered 200: " in queue.only.error
        assert ' That is no success: $.to is "ERP", the filter wants ' in queue.only.error


@pytest.mark.parametrize("answer", ["<html>Please log in</html>", '{"error":1,"error":1}', '"x"'])
def test_what_is_no_json_has_nothing_to_look_for(queue: Queue, sink: Sink, answer: str) -> None:
    rule = [{"field": "$.error", "operator": "missing"}]
    steps(
        queue,
        step(sink, "ERP", url=sink.url(f"/gzip/{quote(answer, safe='')}"), success={"body": rule}),
    )
    queue.save_order()
    queue.run()
    assert queue.only.status == Status.ERROR
    assert "its answer is no JSON" in queue.only.error


def test_an_answer_without_a_body_is_not_asked(queue: Queue, sink: Sink) -> None:
    rule = [{"field": "$.id", "operator": "exists"}]
    steps(queue, step(sink, "ERP", url=sink.url("/status/204"), success={"body": rule}))
    queue.save_order()
    queue.run()
    assert queue.only.status == Status.SUCCESS


def test_a_refusal_in_the_body_is_tried_again_where_its_status_is(queue: Queue, sink: Sink) -> None:
    rule = [{"field": "$.to", "operator": "missing"}]
    steps(
        queue,
        step(sink, "ERP", url=sink.url("/echo"), success={"body": rule}),
        delivery={"retry": {"on": [200, 503]}},
    )
    queue.save_order()
    queue.run()
    assert queue.only.status == Status.RETRY


def test_a_text_that_was_answered_is_not_quoted_to_who_redacts(queue: Queue, sink: Sink) -> None:
    rule = [{"field": "$", "operator": "startsWith", "value": "OK"}]
    url = sink.url(f"/gzip/{quote('ERR unknown receiver Ann Smith')}")
    integration = steps(queue, step(sink, "ERP", url=url, success={"body": rule}), redact=["$.x"])
    queue.save_order()
    queue.run()
    assert "its answer is another text" in queue.only.error
    for text in (queue.only.error, told(integration, "target_refused").message):
        assert "Ann" not in text.partition(" answered 200")[2]


def test_the_body_of_a_failure_is_not_asked(queue: Queue, sink: Sink) -> None:
    rule = {"status": [202], "body": [{"field": "$.to", "operator": "missing"}]}
    steps(queue, step(sink, "ERP", url=sink.url("/echo"), success=rule))
    queue.save_order()
    queue.run()
    assert queue.only.status == Status.ERROR
    assert "no success" not in queue.only.error


def test_an_answer_that_is_cut_is_no_success(queue: Queue, sink: Sink) -> None:
    rule = {"body": [{"field": "$.error", "operator": "missing"}]}
    steps(queue, step(sink, "ERP", url=sink.url("/big/70000"), success=rule))
    queue.save_order()
    queue.run()
    assert queue.only.status == Status.ERROR
    assert "is it a success?" in queue.only.error
    assert RequestLog.objects.of(queue.platform).get().truncated


def test_a_rule_that_is_too_much_work_for_an_answer_is_an_error_in_words(queue: Queue) -> None:
    rule = [{"field": f"$..[?(@.a{n} == 1)]", "operator": "missing"} for n in range(30)]
    steps(queue, {"url": "http://127.0.0.1/", "success": {"body": rule}})
    queue.save_order()
    (obj,) = IntegrationObject.objects.claim_due(1).objects
    call = pipeline.prepare(obj, compiled(obj.integration))
    assert isinstance(call, Call)
    said = answer.refusal(
        call, Exchange(call.request, status=200, body=dumps([{}] * 20_000)).unsaid()
    )
    assert "Is it a success? " in said
    assert "too much work for this document" in said
