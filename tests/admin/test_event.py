"""The pages of events."""

from types import SimpleNamespace

import pytest
from django.urls import reverse

from integrations.models import EntityChange
from tests.admin.conftest import Browser, without_tags

WHEN = {"date_time_0": "2026-03-22", "date_time_1": "10:00:00"}  # the field has two boxes
LIST = "admin:orders_event_changelist"


def page(event: object) -> str:
    return reverse("admin:orders_event_change", args=[event.pk])  # type: ignore[attr-defined]


def test_the_list_says_what_happened_to_which_order(own: SimpleNamespace, browser: Browser) -> None:
    html = without_tags(browser.html(reverse(LIST)))
    for words in ("own-event", "arrival", "2026-03-22 10:00:00", "own-order"):
        assert words in html, words
    assert "own-event" in browser.html(f"{reverse(LIST)}?q=own-order")
    assert page(own.event) not in browser.html(f"{reverse(LIST)}?q=nothing")


def test_an_event_of_a_deleted_order_still_opens(own: SimpleNamespace, browser: Browser) -> None:
    id = str(own.order.pk)[:8]
    own.order.delete()
    assert f"{id} (deleted)" in without_tags(browser.html(reverse(LIST)))
    assert "own-event" in browser.html(page(own.event))
    browser.saved(page(own.event), name="at the gate", transport_order="", **WHEN)
    own.event.refresh_from_db()
    assert (own.event.name, own.event.transport_order_id) == ("at the gate", None)


@pytest.mark.django_db(transaction=True)
def test_an_event_saved_by_a_person_is_a_change(own: SimpleNamespace, browser: Browser) -> None:
    browser.saved(page(own.event), name="put right", **WHEN)
    changes = EntityChange.objects.of(own.platform).filter(entity="event").order_by("id")
    assert changes.last().changed_fields == ["name"]  # type: ignore[union-attr]
