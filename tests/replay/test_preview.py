"""What a replay would do is seen before it is done."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations import replay, story
from integrations.models import (
    DataSource,
    Integration,
    RequestLog,
    Status,
    Task,
)
from integrations.tasks import carry_out_replays
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.replay.conftest import (
    ALL,
    NAMED,
    ask,
    delivered,
    remap,
    stock,
    told,
)
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_dry_run_says_what_differs_and_changes_nothing(
    api: Api, queue: Queue, sink: Sink, integration: Integration
) -> None:
    delivered(queue, "A", "B")
    remap(integration, {"name": "$.transportOrder.name"})
    answer = ask(api, integration, **ALL, dryRun=True)
    assert answer["task"] is None
    counted = ("count", "examined", "differ", "skipped", "failed", "older", "gone", "blocked")
    assert [answer[each] for each in counted] == [2, 2, 2, 0, 0, 0, 0, 0]
    (newest, oldest) = answer["differences"]
    sent = RequestLog.objects.of(queue.platform).get(uuid=newest["requestLogId"])
    assert sent.request_body == '{"n":"B"}'
    assert (newest["reference"], oldest["reference"]) == ("B", "A")
    assert newest["changes"] == [
        {"path": "$.n", "before": "B", "after": None},
        {"path": "$.name", "before": None, "after": "B"},
    ]
    assert (queue.all.count(), Task.objects.of(queue.platform).count()) == (2, 0)
    queue.run()
    assert len(sink.requests) == 2


def test_what_would_be_sent_alike_is_no_difference(
    api: Api, queue: Queue, integration: Integration
) -> None:
    delivered(queue, "A")
    answer = ask(api, integration, **ALL, dryRun=True)
    assert (answer["examined"], answer["differ"], answer["differences"]) == (1, 0, [])


def test_of_what_was_never_sent_all_is_new(
    api: Api, queue: Queue, integration: Integration
) -> None:
    integration.filters = [{"field": "$.transportOrder.name", "operator": "eq", "value": "B"}]
    integration.save()
    delivered(queue, "A")
    integration.filters = []
    integration.save()
    answer = ask(api, integration, filter={"status": ["SKIPPED"]}, dryRun=True)
    (one,) = answer["differences"]
    assert one["requestLogId"] is None
    assert one["changes"] == [{"path": "$", "before": None, "after": {"n": "A"}}]


def test_who_is_left_out_by_filters_of_today_or_can_not_be_mapped_is_counted_with_the_reason(
    api: Api, queue: Queue, integration: Integration
) -> None:
    delivered(queue, "A", "A", "B", "C")
    integration.filters = [{"field": "$.transportOrder.name", "operator": "ne", "value": "A"}]
    integration.save()
    remap(integration, {"n": {"$path": "$.transportOrder.name", "$lookup": {"B": "bee"}}})
    answer = ask(api, integration, **ALL, dryRun=True)
    assert [answer[each] for each in ("skipped", "failed", "differ")] == [2, 1, 1]
    first, second = answer["reasons"]
    assert (first["code"], first["count"]) == ("filter_no_match", 2)
    assert '"A"' in first["reason"]
    assert (second["code"], second["count"]) == ("mapping_error", 1)


def test_what_was_replayed_already_is_counted(
    api: Api, queue: Queue, sink: Sink, integration: Integration
) -> None:
    sink.answers("/ok", "/status/400")
    delivered(queue, "A", "B")
    failed = {"filter": {"status": ["ERROR"]}}
    one = ask(api, integration, ids=[str(queue.all[0].uuid)])["task"]
    carry_out_replays()
    assert ask(api, integration, **failed, dryRun=True)["replayed"] == 1, "it waits"
    queue.run()
    assert told(api, one)["message"] == "1 object made anew."
    assert ask(api, integration, **failed, dryRun=True)["replayed"] == 0, "it was refused again"
    sink.answers("/ok", "/ok")
    ask(api, integration, **failed)
    carry_out_replays()
    queue.run()
    answer = ask(api, integration, **failed, dryRun=True)
    assert (answer["count"], answer["replayed"]) == (2, 2)
    for given_up in queue.all.filter(status=Status.ERROR, replay_of=None):
        said = " ".join(story.in_words(given_up))
        assert "It was replayed, and that was delivered at" in said


def test_older_states_that_would_come_last_are_counted(
    api: Api, queue: Queue, integration: Integration
) -> None:
    (order, _) = delivered(queue, "A", "B")
    order.name = "A2"
    order.save()
    queue.run()
    answer = ask(api, integration, **ALL, dryRun=True)
    assert (answer["count"], answer["older"]) == (3, 1)
    current = ask(api, integration, **ALL, snapshot="current", dryRun=True)
    assert current["older"] == 0, "the newest state comes last"
    assert current["differ"] == 1
    assert {"path": "$.n", "before": "A", "after": "A2"} in current["differences"][0]["changes"]


def test_what_would_wait_behind_an_error_that_blocks_is_counted_and_leaves_when_that_is_put_back(
    api: Api, queue: Queue, sink: Sink, integration: Integration
) -> None:
    integration.delivery = {"onPoison": "block"}
    integration.save()
    sink.answers("/ok", "/status/400")
    (order, _) = delivered(queue, "A", "B")
    order.name = "A2"
    order.save()
    sink.answers("/ok", "/ok")
    failed = {"filter": {"status": ["ERROR"]}}
    assert ask(api, integration, **failed, dryRun=True)["blocked"] == 2
    first, _, waits = queue.all
    assert ask(api, integration, ids=[str(waits.uuid)], dryRun=True)["blocked"] == 1
    task = ask(api, integration, ids=[str(first.uuid)])["task"]
    carry_out_replays()
    queue.run()
    assert told(api, task)["message"] == (
        "1 object made anew. Waiting behind an error of their record, until it is put back or "
        "cancelled: 1."
    )
    assert [each.status for each in queue.all] == ["ERROR", "ERROR", "QUEUE", "QUEUE"]
    queue.all.filter(pk=first.pk).requeue()
    queue.run()
    assert [each.status for each in queue.all] == ["SUCCESS", "ERROR", "SUCCESS", "SUCCESS"]
    sent = [each.body for each in sink.requests][-3:]
    assert sent == [b'{"n":"A"}', b'{"n":"A2"}', b'{"n":"A"}']
    # Where nothing keeps an order, nothing waits.
    integration.refresh_from_db()
    integration.delivery = {"ordering": "none", "onPoison": "block"}
    integration.save()
    assert ask(api, integration, **failed, dryRun=True)["blocked"] == 0


def test_records_that_are_gone_are_counted_where_their_state_of_now_is_asked_for(
    api: Api, queue: Queue, integration: Integration
) -> None:
    (order, _) = delivered(queue, "A", "B")
    order.delete()
    queue.run()
    answer = ask(api, integration, **ALL, snapshot="current", dryRun=True)
    assert (answer["count"], answer["gone"], answer["examined"]) == (3, 2, 1)
    assert ask(api, integration, **ALL, dryRun=True)["gone"] == 0


def test_what_the_integration_redacts_is_in_no_difference(
    api: Api, queue: Queue, integration: Integration
) -> None:
    delivered(queue, "Ann Smith")
    integration.redact = ["$.n", "$.transportOrder.name", "$.person"]
    integration.save()
    remap(integration, {"person": "$.transportOrder.name", "text": "for {{transportOrder.name}}"})
    answer = ask(api, integration, **ALL, dryRun=True)
    (one,) = answer["differences"]
    changes = {each["path"]: (each["before"], each["after"]) for each in one["changes"]}
    assert changes["$.n"] == ("***", None)
    assert changes["$.person"] == (None, "***")
    assert "Ann" not in str(one["changes"])
    integration.filters = [{"field": "$.transportOrder.name", "operator": "eq", "value": "B"}]
    integration.save()
    assert "Ann" not in str(ask(api, integration, **ALL, dryRun=True)["reasons"])


def test_what_was_kept_before_it_was_redacted_is_hidden_too(
    api: Api, queue: Queue, integration: Integration
) -> None:
    remap(integration, {"phone": "$.transportOrder.description"})
    queue.save_order(name="A", description="+31 6 12345678")
    queue.run()
    integration.redact = ["$.phone"]
    integration.save()
    remap(integration, NAMED)
    (one,) = ask(api, integration, **ALL, dryRun=True)["differences"]
    assert {"path": "$.phone", "before": "***", "after": None} in one["changes"]
    assert "12345678" not in str(one)


def test_another_address_is_a_difference_and_its_secrets_stay_hidden(
    api: Api, queue: Queue, sink: Sink, integration: Integration
) -> None:
    delivered(queue, "A")
    source = integration.data_sources.get()
    source.settings = {"url": sink.url("/other?key=a-secret-key")}
    source.save()
    (one,) = ask(api, integration, **ALL, dryRun=True)["differences"]
    changes = {each["path"]: (each["before"], each["after"]) for each in one["changes"]}
    assert changes == {"url": (sink.url("/ok"), sink.url("/other?key=***"))}


def test_each_step_is_compared_with_what_was_sent_to_it(
    api: Api, queue: Queue, sink: Sink, integration: Integration
) -> None:
    second = DataSource.objects.create(
        platform=queue.platform,
        integration=integration,
        position=1,
        settings={"url": sink.url("/ok")},
        mapping={"second": 1},
    )
    delivered(queue, "A")
    assert ask(api, integration, **ALL, dryRun=True)["differ"] == 0
    second.mapping = {"second": 2}
    second.save()
    (one,) = ask(api, integration, **ALL, dryRun=True)["differences"]
    assert one["dataSourceId"] == str(second.pk)
    assert one["changes"] == [{"path": "$.second", "before": 1, "after": 2}]


def test_a_dry_run_examines_so_many_and_asks_no_more_for_more(
    api: Api, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "EXAMINED", 5)
    stock(integration, 5)
    remap(integration, {"name": "$.transportOrder.name"})
    with CaptureQueriesContext(connection) as few:
        ask(api, integration, **ALL, dryRun=True)
    stock(integration, 45)
    with CaptureQueriesContext(connection) as many:
        answer = ask(api, integration, **ALL, dryRun=True)
    assert (answer["count"], answer["examined"], answer["differ"]) == (50, 5, 5)
    assert len(many) == len(few)


def test_a_dry_run_ends_in_time(
    api: Api, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(integration, 3)
    monkeypatch.setattr(replay, "PREVIEW_SECONDS", -1)
    answer = ask(api, integration, **ALL, dryRun=True)
    assert (answer["count"], answer["examined"]) == (3, 0)


def test_the_mapping_of_then_differs_in_nothing(
    api: Api, queue: Queue, integration: Integration
) -> None:
    delivered(queue, "A")
    remap(integration, {"name": "$.transportOrder.name"})
    assert ask(api, integration, **ALL, mapping="original", dryRun=True)["differ"] == 0
