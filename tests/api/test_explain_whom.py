"""Which record is meant: by its id, or by what people call it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations import explain
from otms.accounts.models import Platform
from tests import make
from tests.api.explaining import listener
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_several_that_are_called_so_the_others_are_named(api: Api, queue: Queue) -> None:
    first, last = queue.save_order(name="4711"), queue.save_order(name="4711")
    told = api.ok("GET", "integration/explain?q=4711")["explanation"]
    assert (told["entityId"], told["others"]) == (str(last.pk), [str(first.pk)])


def test_a_record_is_asked_for_by_its_id_or_by_what_people_call_it(api: Api, queue: Queue) -> None:
    order = queue.save_order(name="4711", order_id="A-1")
    for asked in (f"entityId={order.pk}", "q=4711", "q=A-1", "entity=transportOrder&q=4711"):
        told = api.ok("GET", f"integration/explain?{asked}")["explanation"]
        assert told["entityId"] == str(order.pk)
    business = make.BusinessFactory(platform=queue.platform, name="Acme")
    told = api.ok("GET", "integration/explain?entity=business&q=Acme")["explanation"]
    assert told["entityId"] == str(business.pk)


@pytest.mark.parametrize("asked", ["", "entityId=123e4567-e89b-12d3-a456-426614174000&q=4711"])
def test_one_of_them_has_to_be_said(api: Api, asked: str) -> None:
    refused = api.refused("GET", f"integration/explain?{asked}")
    assert refused["errors"][0]["field"] == "entityId"


def test_a_deleted_record_is_found_by_what_was_queued_of_it(
    api: Api, queue: Queue, sink: Sink
) -> None:
    listener(queue, sink.url())
    queue.save_order(name="4711").delete()
    assert api.ok("GET", "integration/explain?q=4711")["explanation"]["change"]["action"] == (
        "deleted"
    )


def test_what_nobody_calls_so_is_not_found_nor_is_what_is_anothers(api: Api) -> None:
    theirs = make.OrderFactory(name="4711")
    api.refused("GET", "integration/explain?q=4711", code=404)
    told = api.ok("GET", f"integration/explain?entityId={theirs.pk}")["explanation"]
    assert (told["change"], told["integrations"]) == (None, [])
    assert "No change of this record is known" in told["why"]


@pytest.mark.parametrize("entity", ["transportOrder", "business", "event"])
def test_who_is_called_so_is_asked_for_by_one_thing_at_a_time(
    platform: Platform, entity: str
) -> None:
    """Over two tables, no index answers what may hold in either: all events would be read."""
    with CaptureQueriesContext(connection) as seen:
        assert explain.find(platform.pk, entity, "4711") == []
    for each in seen:
        assert " OR " not in each["sql"]
        assert "LEFT OUTER" not in each["sql"]


@pytest.mark.parametrize("asked", ["4711", "A-1", "left the yard"])
def test_an_event_is_found_by_its_order_or_its_name(queue: Queue, asked: str) -> None:
    order = queue.save_order(name="4711", order_id="A-1")
    of = {"platform": queue.platform, "transport_order": order}
    first = make.EventFactory(**of, name="left the yard")
    last = make.EventFactory(**of, name="left the yard")
    make.EventFactory(platform=make.PlatformFactory(), transport_order=order, name="left the yard")
    assert explain.find(queue.platform.pk, "event", asked) == [last.pk, first.pk]
