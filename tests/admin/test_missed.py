"""An order was saved while an integration was paused: support has it sent all the same."""

import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.urls import reverse
from django.utils.timezone import now

from integrations import explain
from integrations.admin.links import page_of
from integrations.core import origin
from integrations.models import EntityChange, Integration, IntegrationObject, Log, Status
from otms.accounts.audit import AuditEntry
from tests import make
from tests.admin.conftest import Browser, furnish, without_tags
from tests.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def own() -> SimpleNamespace:
    return furnish(make.PlatformFactory(), "own")


def buttons(html: str) -> list[str]:
    return re.findall(r'formaction="([^"]*/tell/)"', html)


def tell(browser: Browser, integration: Integration, record: Any) -> Any:
    where = reverse("admin:integrations_integration_tell", args=[integration.pk])
    return browser.client.post(where, {"record": str(record)})


def objects(integration: Integration, order: Any) -> Any:
    of = IntegrationObject.objects.of(integration.platform_id)
    return of.filter(integration=integration, entity_id=order.pk).order_by("pk")


def listens_to_all(integration: Integration) -> None:
    integration.trigger = {**integration.trigger, "actions": ["created", "updated"]}
    integration.save()


@pytest.fixture
def missed(own: SimpleNamespace) -> Any:
    """An order that was saved while it was paused."""
    own.integration.switch(False)
    order = make.OrderFactory(platform=own.platform, name="Missed")
    own.integration.switch(True)
    return order


def test_what_was_missed_is_sent_by_a_button(
    own: SimpleNamespace, missed: Any, browser: Browser
) -> None:
    html = browser.html(page_of(missed))
    assert "It was paused when this was saved" in without_tags(html)
    assert buttons(html) == [
        reverse("admin:integrations_integration_tell", args=[own.integration.pk])
    ]
    answer = tell(browser, own.integration, missed.pk)
    (row,) = objects(own.integration, missed)
    assert answer.headers["Location"] == page_of(row)
    assert (row.status, row.reference) == (Status.QUEUE, "Missed")
    assert row.change == EntityChange.objects.of(own.platform).latest("pk")
    assert row.due_at is not None
    assert Log.objects.of(own.platform).get(object=row).code == "told"
    entry = AuditEntry.objects.of(own.platform).filter(entity_id=row.uuid).get()
    assert entry.action == "replay:integration:objects"
    # Once: the page offers it no more, and who pressed twice is told.
    assert buttons(browser.html(page_of(missed))) == []
    again = browser.client.post(answer.request["PATH_INFO"], {"record": missed.pk}, follow=True)
    assert "Nothing was queued" in without_tags(again.content.decode())
    assert objects(own.integration, missed).count() == 1


def test_it_leaves_in_its_order(own: SimpleNamespace, missed: Any, browser: Browser) -> None:
    tell(browser, own.integration, missed.pk)
    listens_to_all(own.integration)
    missed.name = "Later"
    missed.save()
    first, second = objects(own.integration, missed)
    assert (first.lane, first.holds_lane) == (second.lane, True)
    assert [first.reference, second.reference] == ["Missed", "Later"]
    assert first.status == second.status == Status.QUEUE  # it is not replaced by what came later


def test_the_last_change_is_told_where_an_older_one_was(
    own: SimpleNamespace, browser: Browser
) -> None:
    listens_to_all(own.integration)
    order = make.OrderFactory(platform=own.platform, name="One")
    own.integration.switch(False)
    order.name = "Two"
    order.save()
    own.integration.switch(True)
    assert buttons(browser.html(page_of(order)))
    tell(browser, own.integration, order.pk)
    assert [row.reference for row in objects(own.integration, order)] == ["One", "Two"]


def test_the_last_that_it_listens_to_is_told_though_others_came_since(
    own: SimpleNamespace, missed: Any, browser: Browser
) -> None:
    missed.name = "Changed since"
    missed.save()
    html = browser.html(page_of(missed))
    assert "It listens to records that are created; this one was updated." in without_tags(html)
    assert buttons(html)
    tell(browser, own.integration, missed.pk)
    (row,) = objects(own.integration, missed)
    assert (row.reference, row.change.action) == ("Missed", "created")
    assert buttons(browser.html(page_of(missed))) == []


@pytest.mark.parametrize("why", ["paused", "other action", "imported", "deleted", "no record"])
def test_what_it_is_not_to_be_told_is_not_offered_and_not_done(
    own: SimpleNamespace, missed: Any, browser: Browser, why: str
) -> None:
    integration, record = own.integration, missed.pk
    if why == "paused":
        integration.switch(False)
    if why == "other action":
        integration.trigger = {**integration.trigger, "actions": ["deleted"]}
        integration.save()
    if why == "imported":
        changes = EntityChange.objects.of(own.platform).filter(entity_id=missed.pk)
        changes.update(origin_integration=integration)
    if why != "no record" and why != "deleted":
        assert buttons(browser.html(page_of(missed))) == []
    if why == "deleted":
        missed.delete()
        objects(integration, SimpleNamespace(pk=record)).delete()
        listens_to_all(integration)
    if why == "no record":
        record = "nothing"
    answer = tell(browser, integration, record)
    assert answer.status_code == 302
    assert not objects(integration, SimpleNamespace(pk=missed.pk or record)).exists()


def test_another_platforms_is_neither_told_nor_told_of(
    own: SimpleNamespace, missed: Any, browser: Browser
) -> None:
    theirs = furnish(make.PlatformFactory(), "theirs")
    assert tell(browser, theirs.integration, theirs.order.pk).status_code == 404
    assert tell(browser, own.integration, theirs.order.pk).status_code == 302
    assert not objects(own.integration, theirs.order).exists()


def test_who_may_not_replay_has_no_button(own: SimpleNamespace, missed: Any) -> None:
    may = ["get:transportOrder", "get:integration:object", "get:integration"]
    person = make.UserFactory(platform=own.platform, is_staff=True, role="", may=may)
    browser = Browser(person)
    assert buttons(browser.html(page_of(missed))) == []
    assert tell(browser, own.integration, missed.pk).status_code == 403
    assert not objects(own.integration, missed).exists()


def test_an_older_state_is_not_told_after_a_newer_one(
    own: SimpleNamespace, browser: Browser
) -> None:
    own.integration.trigger = {**own.integration.trigger, "actions": ["updated"]}
    own.integration.save()
    order = make.OrderFactory(platform=own.platform, name="One")
    order.name = "Two"
    order.save()
    own.integration.trigger = {**own.integration.trigger, "actions": ["created"]}
    own.integration.save()
    assert buttons(browser.html(page_of(order))) == []
    tell(browser, own.integration, order.pk)
    assert [row.reference for row in objects(own.integration, order)] == ["Two"]


def test_what_changed_since_it_was_looked_at_is_told_last(
    own: SimpleNamespace, missed: Any
) -> None:
    listens_to_all(own.integration)
    change = explain.missed(own.integration, missed.pk)
    assert change
    missed.name = "Later"
    missed.save()
    queue = IntegrationObject.objects.of(own.platform)
    assert queue.tell(own.integration, change) is None
    assert [row.reference for row in objects(own.integration, missed)] == ["Later"]


@pytest.mark.parametrize("what", ["paused", "deleted"])
def test_one_that_listens_no_more_meanwhile_is_not_told(
    own: SimpleNamespace, missed: Any, what: str
) -> None:
    change = explain.missed(own.integration, missed.pk)
    assert change
    stale = Integration.objects.of(own.platform).get(pk=own.integration.pk)
    own.integration.switch(False) if what == "paused" else own.integration.retire()
    assert IntegrationObject.objects.of(own.platform).tell(stale, change) is None


def test_what_was_delivered_and_forgotten_is_not_offered(
    own: SimpleNamespace, browser: Browser, settings: LazySettings
) -> None:
    order = make.OrderFactory(platform=own.platform)
    objects(own.integration, order).delete()
    assert buttons(browser.html(page_of(order)))
    old = now() - timedelta(days=settings.OTMS_KEEP_DAYS + 1)
    EntityChange.objects.of(own.platform).filter(entity_id=order.pk).update(created_at=old)
    assert buttons(browser.html(page_of(order))) == []
    settings.OTMS_KEEP_DAYS = 0  # nothing is forgotten
    assert buttons(browser.html(page_of(order)))


def test_what_goes_round_is_ended_here_too(
    own: SimpleNamespace, missed: Any, browser: Browser
) -> None:
    changes = EntityChange.objects.of(own.platform).filter(entity_id=missed.pk)
    changes.update(hops=origin.MOST_HOPS)
    tell(browser, own.integration, missed.pk)
    (row,) = objects(own.integration, missed)
    assert row.status == Status.SKIPPED
    assert row.due_at is None


def test_many_clicks_are_one(own: SimpleNamespace, missed: Any) -> None:
    """Of a record that is there, and of one that is not."""
    own.integration.trigger = {**own.integration.trigger, "actions": ["created", "deleted"]}
    own.integration.save()
    gone = make.OrderFactory(platform=own.platform)
    id = gone.pk
    gone.delete()
    objects(own.integration, SimpleNamespace(pk=id)).delete()
    for record in (missed.pk, id):
        at_once(4, lambda record=record: tell(Browser(own.user), own.integration, record))
        assert objects(own.integration, SimpleNamespace(pk=record)).count() == 1
