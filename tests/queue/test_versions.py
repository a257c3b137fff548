"""What an object was begun with is what its retries say, whatever is saved meanwhile."""

from operator import itemgetter
from typing import Any

import pytest
from django.db import transaction

from integrations import definition
from integrations.models import Integration, IntegrationVersion, RequestLog, Status
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

RETRY = {"delivery": {"retry": {"schedule": [1]}}}


def listening(queue: Queue, sink: Sink, mapping: Any, **fields: Any) -> Integration:
    return make.integration(
        sink.url("/orders"), platform=queue.platform, mapping=mapping, **{**RETRY, **fields}
    )


def remap(integration: Integration, mapping: Any, **settings: Any) -> None:
    source = integration.data_sources.get()
    source.mapping = mapping
    source.settings = {**source.settings, **settings}
    source.save()


def bodies(sink: Sink) -> list[Any]:
    return [each.json() for each in sink.requests]


def test_a_retry_sends_what_the_first_attempt_sent(queue: Queue, sink: Sink) -> None:
    integration = listening(queue, sink, {"n": "$.transportOrder.name", "version": 1})
    sink.answers("/orders", "/status/503")
    queue.save_order(name="A")
    queue.run()
    remap(integration, {"n": "$.transportOrder.name", "version": 2})
    queue.save_order(name="B")
    sink.answers("/orders", "/ok")
    queue.run_when_due()
    # They are two records: which of them is sent first is not promised.
    assert sorted(bodies(sink), key=itemgetter("n")) == [
        {"n": "A", "version": 1},
        {"n": "A", "version": 1},
        {"n": "B", "version": 2},
    ]
    assert set(queue.all.values_list("status", flat=True)) == {Status.SUCCESS}


def test_what_is_put_back_begins_anew_with_what_is_there_now(queue: Queue, sink: Sink) -> None:
    """So support mends a mapping, and requeues what it broke."""
    integration = listening(queue, sink, {"n": {"$path": "$.transportOrder.name", "$round": 1}})
    queue.save_order(name="A")
    queue.run()
    assert queue.only.status == Status.ERROR
    remap(integration, {"n": "$.transportOrder.name"})
    queue.all.requeue()
    queue.run()
    assert bodies(sink) == [{"n": "A"}]


@pytest.mark.parametrize(
    ("asked", "version"), [({}, 2), ({"mapping": "current"}, 2), ({"mapping": "original"}, 1)]
)
def test_who_puts_it_back_chooses_the_mapping(
    queue: Queue, sink: Sink, api: Api, asked: Any, version: int
) -> None:
    integration = listening(queue, sink, {"version": 1})
    sink.answers("/orders", "/status/400")
    queue.save_order()
    queue.run()
    remap(integration, {"version": 2})
    sink.answers("/orders", "/ok")
    api.ok("POST", f"integration/object/{queue.only.uuid}/requeue", asked)
    queue.run()
    assert bodies(sink) == [{"version": 1}, {"version": version}]


def test_addresses_secrets_and_policies_are_those_of_now(queue: Queue, sink: Sink) -> None:
    integration = listening(queue, sink, {"v": 1})
    sink.answers("/orders", "/status/503")
    queue.save_order()
    queue.run()
    remap(integration, {"v": 2}, url=sink.url("/moved"))
    sink.answers("/moved", "/ok")
    queue.run_when_due()
    assert [(each.path, each.json()) for each in sink.requests] == [
        ("/orders", {"v": 1}),
        ("/moved", {"v": 1}),
    ]


def test_filters_are_those_of_the_first_attempt_too(queue: Queue, sink: Sink) -> None:
    integration = listening(queue, sink, {"n": "$.transportOrder.name"})
    sink.answers("/orders", "/status/503")
    queue.save_order(name="A")
    queue.run()
    integration.refresh_from_db()
    integration.filters = [{"field": "$.transportOrder.name", "operator": "eq", "value": "B"}]
    integration.save()
    queue.save_order(name="C")
    sink.answers("/orders", "/ok")
    queue.run_when_due()
    assert bodies(sink)[1:] == [{"n": "A"}]
    statuses = list(queue.all.values_list("status", flat=True))
    assert statuses == [Status.SUCCESS, Status.SKIPPED]


def test_a_step_that_came_later_has_its_own_mapping(queue: Queue, sink: Sink) -> None:
    integration = listening(queue, sink, {"v": 1})
    sink.answers("/orders", "/status/503")
    queue.save_order()
    queue.run()
    remap(integration, {"v": 2})
    make.DataSource.objects.create(
        platform=queue.platform,
        integration=integration,
        position=1,
        settings={"url": sink.url("/second")},
        mapping={"v": 3},
    )
    for path in ("/orders", "/second"):
        sink.answers(path, "/ok")
    queue.run_when_due()
    assert bodies(sink) == [{"v": 1}, {"v": 1}, {"v": 3}]


def test_only_what_says_something_else_is_a_new_version(queue: Queue, sink: Sink) -> None:
    integration = listening(queue, sink, {"v": 1})
    kept = IntegrationVersion.objects.of(queue.platform)
    before = kept.count()
    remap(integration, {"v": 1}, url=sink.url("/elsewhere"))
    integration.refresh_from_db()
    integration.switch(False)
    assert kept.count() == before
    with transaction.atomic():  # one for each transaction, with what it ends with
        remap(integration, {"v": 2})
        remap(integration, {"v": 3})
    assert kept.count() == before + 1
    (mapping,) = kept.first().mappings.values()
    assert mapping == {"v": 3}


def test_a_definition_that_is_saved_is_one_version(queue: Queue, sink: Sink) -> None:
    given = {
        "name": "ERP",
        "type": "configured",
        "data_sources": [
            {"connector": "webhook", "settings": {"url": sink.url()}, "mapping": {"v": n}}
            for n in range(3)
        ],
    }
    saved = definition.save(queue.platform, given)
    (version,) = IntegrationVersion.objects.of(queue.platform).filter(integration=saved)
    assert list(version.mappings.values()) == [{"v": 0}, {"v": 1}, {"v": 2}]


def test_a_version_costs_one_query_for_all_that_is_claimed(
    queue: Queue, sink: Sink, django_assert_max_num_queries: Any
) -> None:
    from integrations.models import IntegrationObject
    from integrations.plan import Plans

    listening(queue, sink, {"v": 1})
    for _ in range(5):
        queue.save_order()
    claimed = IntegrationObject.objects.claim_due(5).objects
    plans = Plans()
    plans.refresh(claimed)
    with django_assert_max_num_queries(1):
        plans.refresh(claimed)
    assert not RequestLog.objects.of(queue.platform).exists()
