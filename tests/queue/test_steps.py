"""Several steps in their order: what one is answered is there for the next; each is sent once."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from integrations.core import signing
from integrations.models import DataSource, RequestLog, Status
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = (Path(__file__).parents[2] / "docs/how-to/ask-another-system.md").read_text(encoding="utf-8")


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
    integration = steps(
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
    own = [f"{uuid}-{source.pk.hex[-12:]}" for source in integration.data_sources.all()]
    assert ids == [uuid, own[1], own[2], own[2]]
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


def test_a_step_may_ask_with_its_query(queue: Queue, sink: Sink) -> None:
    """Also for what the target says again: what was asked is no secret."""
    integration = steps(
        queue,
        {
            **ASK,
            "url": sink.url("/parrot/200/erp?key=known-to-few"),
            "mapping": {"orderNumber": "$.transportOrder.name", "open": True},
        },
        {"url": sink.url("/ok"), "mapping": {"said": "$.steps['Price list']"}},
    )
    ask = integration.data_sources.first()
    ask.settings |= {"method": "GET"}
    ask.secrets = {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    ask.save()
    queue.save_order(name="SO 12345678+1")
    queue.run()
    assert queue.only.status == Status.SUCCESS
    question, told = sink.requests
    asked = "orderNumber=SO%2012345678%2B1&open=true"
    assert (question.method, question.body) == ("GET", b"")
    assert question.path == f"/parrot/200/erp?key=known-to-few&{asked}"
    assert signing.verify(
        ask.secrets["secret"],
        question.headers["webhook-id"],
        question.headers["webhook-timestamp"],
        b"",
        question.headers["webhook-signature"],
    )
    assert asked in told.json()["said"]
    assert "known-to-few" not in told.json()["said"]
    row = RequestLog.objects.of(queue.platform).order_by("id")[0]
    assert (row.method, row.request_body) == ("GET", "")
    assert row.url == sink.url(f"/parrot/200/erp?key=***&{asked}")


def test_the_how_to_does_what_it_says(api: Api, queue: Queue, sink: Sink) -> None:
    (written,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    (asked,) = re.findall(r"^    GET /orders[?](.*)$", PAGE, re.MULTILINE)
    integration = json.loads(written)
    ask, deliver = integration["dataSources"]
    answers = f"/gzip/{quote(json.dumps({'id': 'E-7'}))}?view=short"
    ask["settings"]["url"] = sink.url(answers)
    deliver["settings"]["url"] = sink.url()
    assert "warnings" not in api.ok("POST", "integration", integration)
    queue.save_order(name="4711")
    queue.run()
    question, delivered = sink.requests
    assert (question.method, delivered.json()) == ("GET", {"id": "E-7", "name": "4711"})
    assert question.path.partition("?")[2] == asked
    assert json.dumps(delivered.json()) in PAGE


def test_a_value_that_has_no_form_in_a_query_is_an_error_that_names_it(
    queue: Queue, sink: Sink
) -> None:
    asks = {**ASK, "mapping": {"who": "$.transportOrder.externalAttributes"}}
    integration = steps(queue, {**asks, "url": sink.url()}, {"url": sink.url()})
    ask = integration.data_sources.first()
    ask.settings |= {"method": "GET"}
    ask.save()
    queue.save_order(external_attributes={"a": "b"})
    queue.run()
    assert queue.only.status == Status.ERROR
    assert queue.only.error.startswith(
        "The mapping fails: who: A parameter of a query is a text, a number"
    )
    assert sink.requests == []


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


def asking(mapping: Any, method: str = "GET") -> dict[str, Any]:
    return source(settings={"url": "http://127.0.0.1/", "method": method}, mapping=mapping)


def test_how_a_step_asks_is_saved_and_shown(api: Api) -> None:
    made = saved(api, asking({"orderNumber": "$.transportOrder.name"})).json()["integration"]
    assert made["dataSources"][0]["settings"] == {"url": "http://127.0.0.1/", "method": "GET"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (asking(None), "mapping"),
        (asking({"who": {"name": "$.transportOrder.name"}}), "mapping.who"),
        (asking({}, "DELETE"), "settings.method"),
        (asking({}, "get"), "settings.method"),
    ],
)
def test_what_can_never_be_asked_is_refused(api: Api, given: Any, field: str) -> None:
    (error,) = saved(api, given).json()["errors"]
    assert error["field"] == f"dataSources[0].{field}"


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
