"""An order with its parts: one page, one save, one change."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse
from django.utils.timezone import now

from integrations.models import EntityChange, IntegrationObject
from otms.orders.models import Consignment, Goods, TransportOrder
from tests import make
from tests.admin.conftest import Browser, furnish, queued

ADD = "admin:orders_transportorder_add"
LIST = "admin:orders_transportorder_changelist"


def page(order: Any) -> str:
    return reverse("admin:orders_transportorder_change", args=[order.pk])


def parts(order: TransportOrder) -> list[tuple[int, str, list[tuple[int, str]]]]:
    of_order = Consignment.objects.of(order.platform_id).filter(transport_order=order)
    return [
        (
            each.position,
            each.name,
            [
                (one.position, one.description)
                for one in Goods.objects.of(order.platform_id).filter(consignment=each)
            ],
        )
        for each in of_order
    ]


@pytest.mark.django_db(transaction=True)
def test_one_save_is_one_change_with_the_final_state() -> None:
    own = furnish(make.PlatformFactory(), "own")
    browser = Browser(own.user)
    changes = EntityChange.objects.of(own.platform).order_by("id")
    before = changes.last()
    assert before
    browser.saved(
        reverse(ADD),
        name="ORD-1",
        customer=str(own.business.pk),
        consignments__TOTAL_FORMS=2,
        consignments__0__name="A",
        consignments__0__goods__TOTAL_FORMS=2,
        consignments__0__goods__0__description="first",
        consignments__0__goods__0__quantity="2.5",
        consignments__0__goods__0__weight='{"value": 1.50, "unit": "kg"}',
        consignments__0__goods__1__type="items",
        consignments__0__goods__1__description="second",
        consignments__1__status="requested",
        # The second has nothing but goods.
        consignments__1__goods__TOTAL_FORMS=1,
        consignments__1__goods__INITIAL_FORMS=0,
        consignments__1__goods__0__type="items",
        consignments__1__goods__0__description="third",
    )
    (change,) = changes.filter(id__gt=before.pk)
    assert change.action == "created"
    assert change.reference == "ORD-1"
    seen = [
        (each["name"], [goods["description"] for goods in each["goods"]])
        for each in change.after["consignments"]
    ]
    assert seen == [("A", ["first", "second"]), ("", ["third"])]
    assert str(change.after["consignments"][0]["goods"][0]["weight"]["value"]) == "1.50"
    made = TransportOrder.objects.of(own.platform).get(name="ORD-1")
    assert parts(made) == [(0, "A", [(0, "first"), (1, "second")]), (1, "", [(0, "third")])]

    browser.saved(
        page(made),
        consignments__0__goods__0__DELETE="on",
        consignments__1__name="B",
    )
    change = changes.filter(id__gt=change.pk).get()
    assert change.action == "updated"
    assert parts(made) == [(0, "A", [(0, "second")]), (1, "B", [(0, "third")])]

    browser.saved(page(made))
    assert not changes.filter(id__gt=change.pk).exists(), "nothing typed, nothing changed"


@pytest.mark.django_db
def test_a_blank_part_is_no_part(own: SimpleNamespace, browser: Browser) -> None:
    browser.saved(reverse(ADD), name="ORD-2")
    assert parts(TransportOrder.objects.of(own.platform).get(name="ORD-2")) == []


def test_the_page_tells_what_the_integrations_made_of_it(
    own: SimpleNamespace, browser: Browser
) -> None:
    html = browser.html(page(own.order))
    assert "own-error" in html
    assert reverse("admin:integrations_integrationobject_change", args=[own.row.pk]) in html
    quiet = make.OrderFactory(platform=own.platform)
    assert "No change of this record is known" in browser.html(page(quiet))


def test_each_integration_is_told_of_however_often_another_was_replayed(
    own: SimpleNamespace, browser: Browser
) -> None:
    order = make.OrderFactory(platform=own.platform)
    queued(own.integration, order)
    own.integration.switch(False)
    row = queued(make.integration(platform=own.platform, name="busy"), order)
    for _ in range(11):
        IntegrationObject.objects.of(own.platform).filter(pk=row.pk).replay("a person")
    html = browser.html(page(order))
    told = html.partition(">Integrations</h2>")[2].partition("</section>")[0]
    assert "own-integration" in told
    assert "busy" in told
    newest = html.partition("What was queued")[2].partition("</section>")[0]
    assert "own-integration" not in newest
    assert newest.count("created, replayed") == 10
    assert "All of them" in newest


@pytest.mark.parametrize("asked", ["own-order", "own-customer"])
def test_search_by_name_and_customer(asked: str, own: SimpleNamespace, browser: Browser) -> None:
    lists = reverse("admin:orders_transportorder_changelist")
    assert page(own.order) in browser.html(f"{lists}?q={asked}")
    assert page(own.order) not in browser.html(f"{lists}?q=nothing")


def test_numbers_are_shown_as_people_write_them(own: SimpleNamespace, browser: Browser) -> None:
    assert browser.fields(page(own.order))["consignments-0-goods-0-quantity"] == "1"


def test_a_customer_with_orders_is_not_deleted(own: SimpleNamespace, browser: Browser) -> None:
    address = reverse("admin:orders_business_delete", args=[own.business.pk])
    assert "own-order" in browser.html(address)
    browser.client.post(address, {"post": "yes"})
    own.business.refresh_from_db()


def test_a_page_costs_the_same_for_more_consignments(
    own: SimpleNamespace, browser: Browser
) -> None:
    browser.looks(page(own.order))
    few = browser.looks(page(own.order))
    for _ in range(4):
        make.GoodsFactory.create_batch(
            2, consignment=make.ConsignmentFactory(transport_order=own.order)
        )
    given = browser.fields(page(own.order))
    assert given["consignments-4-goods-1-description"].startswith("pallet")
    assert browser.looks(page(own.order)) == few


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("of", ["order", "business", "integration"])
def test_a_form_does_not_undo_what_was_changed_meanwhile(of: str) -> None:
    """It was opened, somebody else renamed the record, and then it was saved."""
    own = furnish(make.PlatformFactory(), "own")
    record, browser = getattr(own, of), Browser(own.user)
    address = reverse(
        f"admin:{record._meta.label_lower.replace('.', '_')}_change", args=[record.pk]
    )
    assert '<input type="hidden" name="as_read"' in browser.html(address)
    opened = browser.fields(address)
    stored = type(record).objects.of(own.platform).get(pk=record.pk)
    stored.name = "renamed"
    stored.save()
    answer = browser.client.post(address, {**opened, "description": "typed"}, follow=True)
    assert "somebody changed this since you opened it" in answer.content.decode()
    stored.refresh_from_db()
    assert (stored.name, stored.description) == ("renamed", "")
    browser.saved(address, description="typed")


@pytest.mark.django_db
def test_parts_are_looked_for_in_the_newest_and_whole_names_in_all(
    own: SimpleNamespace, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(asked: str) -> list[str]:
        listed = browser.open(f"{reverse(LIST)}?q={asked}").context["cl"].result_list
        return sorted(order.name for order in listed)

    own.order.delete()
    since = now() - timedelta(days=9)
    for number, name in enumerate(["ANCHOR-1", "ANCHOR-10", "ANCHOR-11", "ANCHOR-12"]):
        order = make.OrderFactory(platform=own.platform, name=name, order_id=f"no-{number}")
        rows = TransportOrder.objects.of(own.platform).filter(pk=order.pk)
        rows.update(created_at=since + timedelta(days=number))
    assert found("anchor-1") == ["ANCHOR-1", "ANCHOR-10", "ANCHOR-11", "ANCHOR-12"]
    monkeypatch.setattr("otms.db.newest.LOOKED_THROUGH", 2)
    assert found("anchor-1") == ["ANCHOR-11", "ANCHOR-12"]
    assert found("ANCHOR-1") == ["ANCHOR-1", "ANCHOR-11", "ANCHOR-12"]
    assert found("no-1") == ["ANCHOR-10"]
    assert found("ANCHOR-2") == []
    assert len(found("")) == 4
    asked = {"app_label": "orders", "model_name": "event", "field_name": "transport_order"}
    answer = browser.client.get("/admin/autocomplete/", {"term": "\0abc", **asked})
    assert answer.status_code == 200
