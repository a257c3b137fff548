"""Several steps in their order: what one is answered is there for the next; each is sent once."""

from typing import Any

import pytest

from integrations.models import DataSource, Status
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def steps(queue: Queue, *sources: dict[str, Any], **fields: Any) -> Any:
    """An integration with these steps."""
    integration = make.integration(platform=queue.platform, **fields)
    for position, source in enumerate(sources):
        url = source.pop("url")
        DataSource.objects.create(
            platform=queue.platform,
            integration=integration,
            position=position,
            settings={"url": url},
            **source,
        )
    return integration


ASK = {"use": "enrich", "name": "Price list", "mapping": {"eur": "$.transportOrder.name"}}


def test_a_retry_goes_on_where_it_failed(queue: Queue, sink: Sink) -> None:
    steps(
        queue,
        {**ASK, "url": sink.url("/echo")},
        {"url": sink.url("/ok"), "mapping": {"second": "$.steps['Price list'].eur"}},
        {"url": sink.url("/failfirst/1/503"), "mapping": {"third": "$.steps['Price list'].eur"}},
    )
    queue.save_order(name="12.50")
    queue.run()
    assert queue.only.status == Status.RETRY
    queue.run_when_due()
    assert queue.only.status == Status.SUCCESS
    bodies = [each.json() for each in sink.requests]
    assert bodies == [{"eur": "12.50"}, {"second": "12.50"}, {"third": "12.50"}, {"third": "12.50"}]
    ids = [each.headers["webhook-id"] for each in sink.requests]
    uuid = str(queue.only.uuid)
    assert ids == [uuid, f"{uuid}-2", f"{uuid}-3", f"{uuid}-3"]
    assert queue.only.answers is None  # the request log has them; the queue need not


@pytest.mark.parametrize(
    ("behaviour", "seen"),
    [
        ("/parrot/200/json", None),
        ("/chunked/1", None),
    ],
)
def test_an_answer_of_any_kind_can_be_used(
    queue: Queue, sink: Sink, behaviour: str, seen: Any
) -> None:
    steps(
        queue,
        {**ASK, "url": sink.url(behaviour)},
        {"url": sink.url("/ok"), "mapping": {"all": "$.steps"}},
    )
    queue.save_order(name="1")
    queue.run()
    assert queue.only.status == Status.SUCCESS
    assert set(sink.requests[-1].json()["all"]) == {"Price list"}


def test_numbers_are_handed_on_as_they_were_written(queue: Queue, sink: Sink) -> None:
    mapping = {"price": {"$decimal": "$.transportOrder.name"}}
    steps(
        queue,
        {**ASK, "url": sink.url("/echo"), "mapping": {"eur": 12.50}},
        {"url": sink.url("/ok"), "mapping": {"eur": "$.steps['Price list'].eur"}},
    )
    assert mapping
    queue.save_order(name="1")
    queue.run()
    assert sink.requests[0].body == sink.requests[1].body


def test_an_answer_that_is_too_large_is_an_error_in_words(queue: Queue, sink: Sink) -> None:
    steps(queue, {**ASK, "url": sink.url("/big/100000")}, {"url": sink.url("/ok")})
    queue.save_order(name="1")
    queue.run()
    obj = queue.only
    assert obj.status == Status.ERROR
    assert obj.error.endswith("answered more than 64 KiB, too much to go on with.")
    assert len(sink.requests) == 1


def test_an_answer_stays_while_a_step_behind_it_fails(queue: Queue, sink: Sink) -> None:
    steps(
        queue,
        {**ASK, "url": sink.url("/echo")},
        {"url": sink.url("/status/400"), "mapping": {"eur": "$.steps['Price list'].eur"}},
    )
    queue.save_order(name="7")
    queue.run()
    assert (queue.only.status, queue.only.step) == (Status.ERROR, 1)
    assert queue.only.answers == {"Price list": {"eur": "7"}}
    queue.all.requeue()
    queue.run()
    assert [each.json() for each in sink.requests] == [{"eur": "7"}] * 3


def test_the_filters_are_asked_before_the_first_step_alone(queue: Queue, sink: Sink) -> None:
    wanted = [{"field": "$.transportOrder.name", "operator": "eq", "value": "1"}]
    steps(queue, {**ASK, "url": sink.url("/echo")}, {"url": sink.url("/ok")}, filters=wanted)
    queue.save_order(name="2")
    queue.run()
    assert sink.requests == []
    assert queue.only.status == Status.SKIPPED


def saved(api: Api, *sources: dict[str, Any]) -> Any:
    given = {"name": "Steps", "type": "configured", "dataSources": list(sources)}
    return api("POST", "integration", given)


def source(**fields: Any) -> dict[str, Any]:
    return {"connector": "webhook", "settings": {"url": "http://127.0.0.1/"}, **fields}


def test_steps_are_saved_and_shown_with_their_use(api: Api) -> None:
    made = saved(api, source(name="Ask", use="enrich"), source(name="Tell")).json()["integration"]
    assert [each["use"] for each in made["dataSources"]] == ["enrich", "deliver"]
    again = api.ok("PUT", "integration", made)["integration"]
    assert [each["use"] for each in again["dataSources"]] == ["enrich", "deliver"]


def test_what_is_not_asked_before_is_no_field_that_is_known(api: Api) -> None:
    uses = {"a": "$.steps.Ask.id", "b": "$.steps.Aks.id"}
    made = saved(
        api,
        source(name="Ask", use="enrich", mapping={"own": "$.steps.Ask.id"}),
        source(mapping=uses),
    ).json()
    told = [each["field"] for each in made["warnings"] if each["code"] == "unknown_path"]
    assert told == ["dataSources[0].mapping.own", "dataSources[1].mapping.b"]


@pytest.mark.parametrize(
    ("sources", "field"),
    [
        ([source(use="enrich"), source()], "dataSources[0].name"),
        ([source(use="enrich", name="a"), source(use="enrich", name="a"), source()], "[1].name"),
        ([source(use="enrich", name="a")], "dataSources[0].use"),
        ([source(), source(use="enrich", name="a")], "dataSources[1].use"),
        ([source(use="ask", name="a"), source()], "dataSources[0].use"),
    ],
)
def test_a_step_that_could_not_be_used_is_refused(
    api: Api, sources: list[dict[str, Any]], field: str
) -> None:
    answer = saved(api, *sources)
    assert answer.status_code == 400
    assert any(each["field"].endswith(field) for each in answer.json()["errors"]), answer.json()
