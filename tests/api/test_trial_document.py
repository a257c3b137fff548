"""What a trial tells of: a record or the example, mapped."""

from uuid import uuid4

import pytest

from integrations.api import shapes
from otms.accounts.models import PersonalToken, Platform, User
from tests import make
from tests.api.trying import STATUS, lively, tried
from tests.conftest import Api
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_record_is_sent_as_it_is_now_with_what_it_was_before(
    api: Api, platform: Platform, sink: Sink
) -> None:
    moved = [{"field": STATUS, "operator": "changedFrom", "value": "requested"}]
    integration = lively(platform, sink.url(), filters=moved, mapping=None)
    order = api.ok("POST", "transportOrder", {"name": "4711", "status": "requested"})
    id = order["transportOrder"]["id"]
    assert tried(api, integration, entityId=id)["matched"] is False
    api.ok("PUT", "transportOrder", {"id": id, "status": "planned"})
    assert tried(api, integration, entityId=id)["matched"] is True
    (call,) = sink.requests
    assert call.json()["transportOrder"]["status"] == "planned"
    assert call.json()["before"]["transportOrder"]["status"] == "requested"


def test_what_cant_be_mapped_is_told_and_not_sent(api: Api, platform: Platform, sink: Sink) -> None:
    integration = lively(platform, sink.url(), mapping={"n": {"$path": STATUS, "$type": "integer"}})
    test = tried(api, integration)
    error = (
        'The mapping fails: n: `$type`: "requested" is no whole number. '
        'It is written {"$path":"$.transportOrder.status","$type":"integer"}.'
    )
    assert (test["error"], test["result"]) == (error, None)
    assert test["verdict"] == f"Nothing was sent: {error}"
    assert sink.requests == []


def test_a_path_that_leads_nowhere_is_warned_of(api: Api, platform: Platform, sink: Sink) -> None:
    integration = lively(platform, sink.url(), mapping={"a": "$.transportOrder.nmae", "b": 1})
    (warning,) = tried(api, integration)["warnings"]
    assert (warning["target"], warning["path"]) == ("a", "$.transportOrder.nmae")
    assert warning["message"].endswith("Did you mean `$.transportOrder.name`?")


def test_ids_that_nobody_has_here_are_told(api: Api, platform: Platform, sink: Sink) -> None:
    integration, other = lively(platform, sink.url()), lively(make.PlatformFactory(), sink.url())
    make.OrderFactory(platform=platform)
    foreign = {
        "dataSourceId": other.data_sources.get().pk,
        "entityId": make.OrderFactory(platform=other.platform).pk,
    }
    for field in ("dataSourceId", "entityId"):
        for id in (uuid4(), foreign[field]):
            body = {field: str(id)}
            told = api.refused("POST", f"integration/{integration.pk}/test", body)
            assert [(each["field"], each["code"]) for each in told["errors"]] == [
                (field, "not_found")
            ]
    api.refused("POST", f"integration/{other.pk}/test", {}, code=404)
    assert sink.requests == []


@pytest.mark.parametrize("entity", ["business", "event"])
def test_each_entity_can_be_tried(api: Api, platform: Platform, sink: Sink, entity: str) -> None:
    trigger = {"entity": entity, "actions": ["created"]}
    integration = lively(platform, sink.url(), trigger=trigger, mapping=f"$.{entity}.name")
    assert tried(api, integration)["result"] == shapes.example(entity)[entity]["name"]


def test_who_may_not_see_records_tries_the_example_alone(
    platform: Platform, user: User, sink: Sink
) -> None:
    integration = lively(platform, sink.url())
    order = make.OrderFactory(platform=platform)
    _, token = PersonalToken.generate(user, "script", permissions=["test:integration"])
    api = Api(token)
    tried(api, integration)
    body = {"entityId": str(order.pk)}
    told = api.refused("POST", f"integration/{integration.pk}/test", body, code=403)
    assert "leave entityId out" in told["message"]
    support = Api(make.token(make.UserFactory(platform=platform, role="support")))
    support.refused("POST", f"integration/{integration.pk}/test", {}, code=403)
    manager = Api(make.token(make.UserFactory(platform=platform, role="integration manager")))
    tried(manager, integration, **body)
