"""What happened on the way: reported, listed, searched, and heard of by integrations."""

import uuid
from typing import Any

import pytest

from integrations.models import EntityChange, IntegrationObject
from otms.accounts.models import Platform
from otms.orders.models import Event, EventType, LifeCycle
from tests import make
from tests.conftest import Api
from tests.sink import Sink

ARRIVAL = {"type": "ArrivalEvent", "dateTime": "2026-03-22T10:00:00Z", "lifeCycle": "actual"}


@pytest.mark.django_db
def test_an_event_is_kept_as_it_was_sent(api: Api, platform: Platform) -> None:
    order = make.OrderFactory(
        platform=platform, name="4711", order_id="SO-1", external_attributes={"erp": {"id": 1}}
    )
    given = {
        **ARRIVAL,
        "name": " at the gate ",
        "description": "late, because of rain",
        "location": {"name": "Warehouse 3", "city": "Rotterdam"},
        "externalAttributes": {"board": {"id": 7}},
    }
    shown = api.ok("POST", "event", {**given, "transportOrder": {"id": str(order.pk)}})["event"]
    assert {key: shown[key] for key in given} == {**given, "name": "at the gate"}
    assert shown["transportOrder"] == {
        "id": str(order.pk),
        "orderId": "SO-1",
        "name": "4711",
        "externalAttributes": {"erp": {"id": 1}},
    }
    assert shown["uuid"] == shown["id"]
    assert shown["primaryPlatformId"] == str(platform.pk)
    assert api.ok("GET", f"event/{shown['id']}")["event"] == shown
    assert api.ok("GET", "events/0/10")["events"] == [shown]


@pytest.mark.django_db
@pytest.mark.parametrize("type", EventType.values)
def test_the_vendors_types_are_known(api: Api, type: str) -> None:
    shown = api.ok("POST", "event", {"type": type, "dateTime": "2026-03-22T10:00:00+01:00"})
    assert shown["event"]["type"] == type
    assert shown["event"]["dateTime"] == "2026-03-22T09:00:00Z"
    assert shown["event"]["lifeCycle"] == "actual"
    assert shown["event"]["transportOrder"] is None


@pytest.mark.django_db
def test_the_id_and_a_nonce_are_the_clients(api: Api) -> None:
    id = str(uuid.uuid4())
    answer = api.ok("POST", "event", {**ARRIVAL, "id": id, "nonce": "n", "colour": "red"})
    assert (answer["event"]["id"], answer["event"]["nonce"]) == (id, "n")
    assert [each["field"] for each in answer["warnings"]] == ["colour"]
    (error,) = api.refused("POST", "event", {**ARRIVAL, "id": id})["errors"]
    assert (error["field"], error["code"]) == ("id", "taken")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"type": "arrivalEvent"}, "type"),
        ({"type": None}, "type"),
        ({"dateTime": "yesterday"}, "dateTime"),
        ({"dateTime": None}, "dateTime"),
        ({"lifeCycle": "done"}, "lifeCycle"),
        ({"location": "Rotterdam"}, "location"),
        ({"transportOrder": "4711"}, "transportOrder"),
        ({"transportOrder": {"name": "4711"}}, "transportOrder.id"),
        ({"transportOrder": {"id": str(uuid.uuid4())}}, "transportOrder.id"),
    ],
)
def test_what_makes_no_sense_is_refused(api: Api, fields: Any, field: str) -> None:
    errors = api.refused("POST", "event", {**ARRIVAL, **fields})["errors"]
    assert [error["field"] for error in errors] == [field]
    assert api.ok("GET", "events/0/1")["totalResults"] == 0


@pytest.mark.django_db
@pytest.mark.parametrize("missing", ["type", "dateTime"])
def test_what_and_when_must_be_said(api: Api, missing: str) -> None:
    given = {key: value for key, value in ARRIVAL.items() if key != missing}
    (error,) = api.refused("POST", "event", given)["errors"]
    assert (error["field"], error["code"]) == (missing, "required")


@pytest.mark.django_db
def test_the_order_of_another_platform_is_nobodys(api: Api) -> None:
    theirs = make.OrderFactory()
    given = {**ARRIVAL, "transportOrder": {"id": str(theirs.pk)}}
    (error,) = api.refused("POST", "event", given)["errors"]
    assert (error["field"], error["code"]) == ("transportOrder.id", "not_found")


@pytest.mark.django_db
def test_events_are_searched_by_example(api: Api, platform: Platform) -> None:
    order = make.OrderFactory(platform=platform)
    first = make.EventFactory(platform=platform, transport_order=order, name="first")
    make.EventFactory(platform=platform, type="GeneralEvent", life_cycle="planned", name="second")
    make.EventFactory()

    def found(**example: Any) -> list[str]:
        return [each["name"] for each in api.ok("POST", "events/0/10", example)["events"]]

    assert found() == ["second", "first"]
    assert found(type="ArrivalEvent") == ["first"]
    assert found(type="ArrivalEvent", dateTime="2026-03-22T10:00:00Z") == ["first"]
    assert found(dateTime="2026-03-22T12:00:00+02:00", lifeCycle="planned") == ["second"]
    assert found(dateTime="2026-03-22T10:00:01Z") == []
    assert found(transportOrder={"id": str(order.pk)}) == ["first"]
    assert found(id=str(first.pk)) == ["first"]
    api.refused("POST", "events/0/10", {"colour": "red"})


@pytest.mark.django_db
def test_an_event_is_neither_changed_nor_deleted_by_a_call(api: Api, platform: Platform) -> None:
    event = make.EventFactory(platform=platform)
    api.refused("PUT", "event", {"id": str(event.pk), "name": "x"}, code=405)
    api.refused("DELETE", f"event/{event.pk}", code=405)


@pytest.mark.django_db(transaction=True)
def test_an_event_outlives_its_order(api: Api, platform: Platform) -> None:
    order = make.OrderFactory(platform=platform)
    event = make.EventFactory(platform=platform, transport_order=order)
    api.ok("DELETE", f"transportOrder/{order.pk}")
    shown = api.ok("GET", f"event/{event.pk}")["event"]
    assert shown["transportOrder"] == {"id": str(order.pk)}
    changes = EntityChange.objects.of(platform).filter(entity="event")
    assert [each.action for each in changes] == ["created"]


@pytest.mark.django_db(transaction=True)
def test_an_event_is_delivered_to_who_listens(
    api: Api, platform: Platform, sink: Sink, run_queue: Any
) -> None:
    order = make.OrderFactory(platform=platform, name="4711")
    listens = make.integration(
        sink.url("/ok"),
        platform=platform,
        trigger={"entity": "event", "actions": ["created"]},
        filters=[{"field": "$.event.type", "operator": "eq", "value": "ArrivalEvent"}],
        mapping={
            "what": "$.event.type",
            "when": "$.event.dateTime",
            "order": "$.event.transportOrder.name",
            "city": "$.event.location.city",
        },
    )
    make.integration(sink.url("/never"), platform=platform)
    for type in ("ArrivalEvent", "DepartureEvent"):
        api.ok(
            "POST",
            "event",
            {
                **ARRIVAL,
                "type": type,
                "location": {"city": "Rotterdam"},
                "transportOrder": {"id": str(order.pk)},
            },
        )
    run_queue()
    (received,) = sink.requests
    assert received.path == "/ok"
    assert received.json() == {
        "what": "ArrivalEvent",
        "when": "2026-03-22T10:00:00Z",
        "order": "4711",
        "city": "Rotterdam",
    }
    queue = IntegrationObject.objects.of(platform).filter(integration=listens).order_by("id")
    assert [(each.status, each.reference) for each in queue] == [
        ("SUCCESS", "4711"),
        ("SKIPPED", "4711"),
    ]


@pytest.mark.django_db
def test_the_paths_of_an_event_are_known(api: Api) -> None:
    mapping = {"a": "$.event.transportOrder.orderId", "b": "$.event.lifeCycle", "c": "$.event.typ"}
    source = {
        "connector": "webhook",
        "settings": {"url": "https://93.184.216.34/"},
        "mapping": mapping,
    }
    trigger = {"entity": "event", "actions": ["created"]}
    body = {"name": "e", "type": "configured", "trigger": trigger, "dataSources": [source]}
    (warning,) = api.ok("POST", "integration", body)["warnings"]
    assert "Did you mean `$.event.type`?" in warning["message"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "called"),
    [({"name": "at the gate"}, "at the gate"), ({}, "Arrival at 2026-03-22 10:00")],
)
def test_an_event_has_a_name_for_people(fields: dict[str, Any], called: str) -> None:
    assert str(make.EventFactory(**fields)) == called


def test_what_may_happen_is_what_the_vendor_lists() -> None:
    assert len(EventType.values) == 11
    assert LifeCycle.values == ["requested", "planned", "projected", "actual", "realized"]
    assert Event._meta.get_field("transport_order").null
