"""Filters of one step alone."""

from typing import Any

import pytest

from integrations.models import (
    DataSource,
    Integration,
    IntegrationVersion,
    Log,
    Status,
)
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.queue.test_steps import ASK, steps
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "$.transportOrder.name"
NEW = {"name": "n", "type": "manual", "trigger": make.ALL_ACTIONS}


def named(name: str) -> list[dict[str, Any]]:
    return [{"field": NAME, "operator": "eq", "value": name}]


def step(sink: Sink, name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "url": sink.url("/ok"), "mapping": {"to": name}, **fields}


def sent(sink: Sink) -> list[str]:
    return [each.json()["to"] for each in sink.requests]


def told(integration: Integration, code: str) -> Log:
    found: Log = Log.objects.of(integration.platform_id).filter(code=code).latest("id")
    return found


def test_a_step_is_left_out_where_its_own_filters_say_no(queue: Queue, sink: Sink) -> None:
    integration = steps(
        queue,
        step(sink, "ERP", filters=named("big")),
        step(sink, "WMS"),
        step(sink, "CRM", filters=named("small")),
        step(sink, "BI", filters=named("big")),
    )
    queue.save_order(name="small")
    queue.run()
    assert sent(sink) == ["WMS", "CRM"]
    assert queue.only.status == Status.SUCCESS
    first = told(integration, "step_delivered")
    why = 'ERP was left out: $.transportOrder.name is "small", the filter wants eq "big".'
    log = Log.objects.of(queue.platform).filter(code="step_delivered").order_by("id")
    assert why in log[0].message
    assert log[0].data == {"trace": [{**trace("big"), "seen": "small", "matched": False}]}
    assert first.data is None
    last = told(integration, "delivered")
    assert last.message.startswith("That was all: BI was left out: ")
    ids = [each.headers["webhook-id"] for each in sink.requests]
    crm = integration.data_sources.get(name="CRM")
    assert ids == [str(queue.only.uuid), f"{queue.only.uuid}-{crm.pk.hex[-12:]}"]


def trace(value: str) -> dict[str, Any]:
    return {"field": NAME, "operator": "eq", "value": value}


def test_where_no_step_wants_it_nothing_is_sent(queue: Queue, sink: Sink) -> None:
    steps(queue, step(sink, "ERP", filters=named("a")), step(sink, "WMS", filters=named("b")))
    queue.save_order(name="c")
    queue.run()
    assert sink.requests == []
    assert queue.only.status == Status.SKIPPED
    assert queue.only.reason.startswith("ERP was left out: ")
    assert "; WMS was left out: " in queue.only.reason


def test_what_was_only_asked_for_was_not_delivered(queue: Queue, sink: Sink) -> None:
    price = [{"field": "$.steps['Price list'].eur", "operator": "gt", "value": 100}]
    steps(
        queue,
        {**ASK, "url": sink.url("/echo")},
        step(sink, "Costly", filters=price),
    )
    queue.save_order(name="12.50")
    queue.run()
    assert len(sink.requests) == 1
    assert queue.only.status == Status.SKIPPED
    assert "Costly was left out: $.steps['Price list'].eur" in queue.only.reason


def test_a_step_that_asks_may_be_left_out(queue: Queue, sink: Sink) -> None:
    steps(
        queue,
        {**ASK, "url": sink.url("/echo"), "filters": named("big")},
        step(sink, "ERP", mapping={"to": {"$path": "$.steps['Price list'].eur", "$default": "?"}}),
    )
    queue.save_order(name="small")
    queue.run()
    assert sent(sink) == ["?"]
    assert queue.only.status == Status.SUCCESS


def test_a_retry_keeps_to_the_filters_that_it_began_with(queue: Queue, sink: Sink) -> None:
    integration = steps(queue, step(sink, "ERP", url=sink.url("/failfirst/1/503")))
    queue.save_order(name="a")
    queue.run()
    source = integration.data_sources.get()
    source.filters = named("b")
    source.save()
    queue.run_when_due()
    assert queue.only.status == Status.SUCCESS
    queue.save_order(name="a")
    queue.run()
    assert [each.status for each in queue.all] == [Status.SUCCESS, Status.SKIPPED]


def test_a_step_that_is_taken_away_sends_no_other_again(queue: Queue, sink: Sink) -> None:
    integration = steps(
        queue,
        step(sink, "A", filters=named("big")),
        step(sink, "B"),
        step(sink, "C", url=sink.url("/status/503")),
        step(sink, "D"),
    )
    queue.save_order(name="small")
    queue.run()
    integration.data_sources.get(name="C").delete()
    queue.run_when_due()
    assert sent(sink) == ["B", "C", "D"]
    assert queue.only.status == Status.SUCCESS


def test_a_step_that_is_put_before_the_first_call_again_changes_nothing(
    queue: Queue, sink: Sink
) -> None:
    integration = steps(queue, step(sink, "A", url=sink.url("/failfirst/1/503")))
    queue.save_order()
    queue.run()
    before = DataSource(
        platform=queue.platform,
        integration=integration,
        name="new",
        settings={"url": sink.url("/ok")},
        mapping={"to": "new"},
    )
    integration.data_sources.update(position=1)
    before.save()
    queue.run_when_due()
    assert sent(sink) == ["A", "A"]
    assert len({each.headers["webhook-id"] for each in sink.requests}) == 1


@pytest.mark.parametrize(
    ("stays", "then"),
    [
        ("ABCD", "CD"),
        ("BCD", "CD"),  # a step that is done is taken away
        ("ABD", "D"),  # the step where it stands
        ("BD", "D"),  # both
        ("AB", ""),  # all that is left to do
        ("CBAD", "CD"),  # turned round: what is done stands behind
    ],
)
def test_steps_may_change_while_an_object_is_between_them(
    queue: Queue, sink: Sink, stays: str, then: str
) -> None:
    integration = steps(
        queue,
        step(sink, "A"),
        step(sink, "B"),
        step(sink, "C", url=sink.url("/failfirst/1/503")),
        step(sink, "D"),
    )
    queue.save_order()
    queue.run()
    assert sent(sink) == ["A", "B", "C"]
    integration.data_sources.exclude(name__in=stays).delete()
    for place, name in enumerate(stays):
        integration.data_sources.filter(name=name).update(position=place)
    integration.new_version()
    queue.run_when_due()
    assert "".join(sent(sink)[3:]) == then
    assert queue.only.status == Status.SUCCESS
    ids = {(each.json()["to"], each.headers["webhook-id"]) for each in sink.requests}
    assert len({id for _, id in ids}) == len(ids), "each step has an id of its own"


def test_what_was_between_steps_before_they_were_written_down_goes_on(
    queue: Queue, sink: Sink
) -> None:
    steps(queue, step(sink, "A"), step(sink, "B", url=sink.url("/failfirst/1/503")))
    queue.save_order()
    queue.run()
    queue.all.update(done=None)
    queue.run_when_due()
    assert sent(sink) == ["A", "B", "B"]
    assert sink.requests[-1].headers["webhook-id"] == f"{queue.only.uuid}-2"


def test_a_version_from_before_there_were_such_filters_has_none(queue: Queue, sink: Sink) -> None:
    integration = steps(queue, step(sink, "A", url=sink.url("/failfirst/1/503")))
    queue.save_order(name="a")
    queue.run()
    IntegrationVersion.objects.of(queue.platform).update(conditions=None)
    source = integration.data_sources.get()
    source.filters = named("b")
    source.save()
    queue.run_when_due()
    assert queue.only.status == Status.SUCCESS


def test_what_filters_of_a_step_saw_is_redacted(queue: Queue, sink: Sink) -> None:
    integration = steps(
        queue,
        step(sink, "ERP", filters=named("b")),
        step(sink, "WMS"),
        redact=["$.name", NAME],
    )
    queue.save_order(name="Jane Doe")
    queue.run()
    assert sent(sink) == ["WMS"]
    for log in Log.objects.of(integration.platform_id):
        assert "Jane" not in f"{log.message} {log.data}"


def test_a_trial_asks_the_filters_of_the_step(queue: Queue, api: Api, sink: Sink) -> None:
    integration = make.integration(sink.url("/ok"), platform=queue.platform, mapping=None)
    source = integration.data_sources.get()
    source.filters = named("nobody's")
    source.save()
    call = "POST", f"integration/{integration.pk}/test"
    test = api.ok(*call)["test"]
    assert not test["matched"]
    assert test["verdict"].startswith("Nothing was sent, because a filter says no: ")
    assert sink.requests == []
    assert api.ok(*call, {"force": True})["test"]["response"]["status"] == 200
    assert len(sink.requests) == 1


def test_the_filters_of_a_step_are_shown_and_put_back(api: Api, sink: Sink) -> None:
    source = {
        "connector": "webhook",
        "name": "ERP",
        "settings": {"url": sink.url("/ok")},
        "filters": named("a"),
        "success": {"status": [200], "body": [{"field": "$.error", "operator": "missing"}]},
    }
    body = {**NEW, "dataSources": [source]}
    made = api.ok("POST", "integration", body)["integration"]
    (shown,) = made["dataSources"]
    assert shown["filters"] == source["filters"]
    assert shown["success"] == source["success"]
    again = api.ok("PUT", "integration", made)["integration"]
    assert again["updatedAt"] == made["updatedAt"]
    del source["filters"], source["success"]
    less = api.ok("PUT", "integration", {"id": made["id"], "dataSources": [source]})["integration"]
    assert less["dataSources"][0]["filters"] == []
    assert less["dataSources"][0]["success"] is None


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"filters": [{"field": "x"}]}, "filters[0].operator", "required"),
        ({"filters": {"field": "x"}}, "filters", "invalid_filters"),
        ({"success": {}}, "success", "not_an_object"),
        ({"success": {"body": []}}, "success.body", "required"),
        (
            {"success": {"body": [{"field": "$.a", "operator": "is"}]}},
            "success.body[0].operator",
            "",
        ),
        ({"success": {"state": [200]}}, "success.state", "unknown_field"),
    ],
)
def test_what_is_wrong_is_named(api: Api, sink: Sink, fields: Any, field: str, code: str) -> None:
    source = {"connector": "webhook", "settings": {"url": sink.url("/ok")}, **fields}
    body = {**NEW, "dataSources": [source]}
    answer = api("POST", "integration", body)
    assert answer.status_code == 400
    found = {each["field"]: each["code"] for each in answer.json()["errors"]}
    assert found[f"dataSources[0].{field}"] == (code or "unknown_operator")


def test_a_path_that_no_document_has_is_told(api: Api, sink: Sink) -> None:
    wrong = [{"field": "$.transportOrder.nmae", "operator": "exists"}]
    source = {"connector": "webhook", "settings": {"url": sink.url("/ok")}, "filters": wrong}
    body = {**NEW, "dataSources": [source]}
    (warning,) = api.ok("POST", "integration", body)["warnings"]
    assert warning["field"] == "dataSources[0].filters[0].field"
    assert "Did you mean `$.transportOrder.name`?" in warning["message"]
