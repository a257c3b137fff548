"""Where is my order? One box leads to it, whatever somebody has in their hands."""

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integrations import where
from integrations.admin.links import list_of, page_of
from integrations.models import IntegrationObject, RemoteRecord, Status
from tests import make
from tests.admin.conftest import Browser, queued, without_tags

pytestmark = pytest.mark.django_db
WHERE = "admin:integrations_integrationobject_where"


def led_to(browser: Browser, asked: Any) -> str:
    """The page that the box leads to; that of the box if there is none, or more."""
    answer = browser.client.get(reverse(WHERE), {"q": str(asked)})
    assert answer.status_code in (200, 302), answer.content
    return str(answer.headers.get("Location", reverse(WHERE)))


@pytest.fixture
def order(own: SimpleNamespace) -> Any:
    acme = make.BusinessFactory(platform=own.platform, name="Acme Corp")
    return make.OrderFactory(
        platform=own.platform, name="Rotterdam - Bremen", order_id="4711", customer=acme
    )


def test_a_name_a_number_and_an_id_lead_to_its_page(
    own: SimpleNamespace, order: Any, browser: Browser
) -> None:
    row = queued(own.integration, order)
    for asked in ("Rotterdam - Bremen", "4711", " 4711 ", order.pk, row.uuid):
        assert led_to(browser, asked) == page_of(order), asked


def test_what_its_target_calls_it_leads_to_its_page(
    own: SimpleNamespace, order: Any, browser: Browser
) -> None:
    RemoteRecord.objects.create(
        platform=own.platform,
        data_source=own.integration.data_sources.first(),
        entity="transportOrder",
        entity_id=order.pk,
        remote_id="WMS-77",
    )
    assert led_to(browser, "WMS-77") == page_of(order)


def test_of_a_customer_all_are_listed(own: SimpleNamespace, order: Any, browser: Browser) -> None:
    other = make.OrderFactory(platform=own.platform, name="Other", customer=order.customer)
    html = browser.html(f"{reverse(WHERE)}?q=Acme+Corp")
    for each in (order, other, order.customer):
        assert f'href="{page_of(each)}"' in html
    assert "belongs to Acme Corp" in without_tags(html)


def test_each_of_several_says_how_far_it_is(
    own: SimpleNamespace, order: Any, browser: Browser
) -> None:
    queued(own.integration, order, status=Status.ERROR)
    anothers = queued(own.integration, order, status=Status.ERROR)
    queued(own.integration, order, status=Status.SUCCESS)
    anothers.integration = make.integration("http://127.0.0.1/", platform=own.platform)
    anothers.save()
    make.OrderFactory(platform=own.platform, name="Other", customer=order.customer)
    read = without_tags(browser.html(f"{reverse(WHERE)}?q=Acme+Corp"))
    said = " ".join(read.split())
    assert "Rotterdam - Bremen ERROR SUCCESS belongs to Acme Corp" in said
    assert "Other not queued belongs to Acme Corp" in said


def test_one_that_was_deleted_leads_to_what_was_queued_of_it(
    own: SimpleNamespace, order: Any, browser: Browser
) -> None:
    queued(own.integration, order)
    id = order.pk
    order.delete()
    assert led_to(browser, "Rotterdam - Bremen") == list_of(IntegrationObject, q=id)
    assert led_to(browser, id) == list_of(IntegrationObject, q=id)


def test_who_may_not_see_orders_is_led_to_the_queue(own: SimpleNamespace, order: Any) -> None:
    queued(own.integration, order)
    person = make.UserFactory(
        platform=own.platform, is_staff=True, role="", may=["get:integration:object"]
    )
    assert led_to(Browser(person), "4711") == list_of(IntegrationObject, q=order.pk)


def test_who_may_not_see_orders_is_shown_no_parts_of_them(own: SimpleNamespace, order: Any) -> None:
    person = make.UserFactory(
        platform=own.platform, is_staff=True, role="", may=["get:integration:object"]
    )
    for part in ("otterda", "cme Cor"):
        assert "Nothing is called" in Browser(person).html(f"{reverse(WHERE)}?q={part}")


def test_what_nobody_calls_so_is_said_and_what_is_anothers_is_not_found(
    own: SimpleNamespace, browser: Browser
) -> None:
    theirs = make.OrderFactory(order_id="X-1", name="Theirs")
    for asked in ("X-1", "Theirs", theirs.pk, uuid4()):
        assert led_to(browser, asked) == reverse(WHERE)
    read = without_tags(browser.html(f"{reverse(WHERE)}?q=X-1"))
    assert "Nothing is called X-1, and none of the newest 30,000 orders has it" in read


def test_the_first_page_has_the_box(own: SimpleNamespace, browser: Browser) -> None:
    assert f'action="{reverse(WHERE)}"' in browser.html(reverse("admin:index"))


def test_a_part_in_small_letters_is_found_where_nothing_is_called_so(
    own: SimpleNamespace, order: Any, browser: Browser
) -> None:
    other = make.OrderFactory(platform=own.platform, name="Bremen - Oslo", order_id="4712")
    make.OrderFactory(name="bremen of another", order_id="4713")
    for asked in ("rotterdam", "4711", "471 1", "wien"):
        expected = page_of(order) if asked in ("rotterdam", "4711") else reverse(WHERE)
        assert led_to(browser, asked) == expected, asked
    said = " ".join(without_tags(browser.html(f"{reverse(WHERE)}?q=bremen")).split())
    assert "Bremen - Oslo not queued has bremen in a name or number" in said
    assert "another" not in said
    assert led_to(browser, "acme") == reverse(WHERE)  # the business, and its order
    assert f'href="{page_of(order)}"' in browser.html(f"{reverse(WHERE)}?q=acme")
    assert led_to(browser, "47") == reverse(WHERE)
    # What is called so goes before what has it in its name.
    whole = make.OrderFactory(platform=own.platform, name="471")
    assert led_to(browser, "471") == page_of(whole)
    assert led_to(browser, "712") == page_of(other)


def test_nothing_is_looked_for_row_by_row_but_in_the_newest(
    own: SimpleNamespace, order: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = ["transportOrder", "business"]
    with CaptureQueriesContext(connection) as seen:
        assert where.find(own.platform.pk, "4711", kinds)
        assert where.find(own.platform.pk, str(order.pk), kinds)
    assert not [each for each in seen if " LIKE " in each["sql"] or " OR " in each["sql"]]
    for number in range(3):
        make.OrderFactory(platform=own.platform, name=f"N{number}")
    assert where.find(own.platform.pk, "otterda", kinds)
    monkeypatch.setattr("otms.db.newest.LOOKED_THROUGH", 2)
    assert where.find(own.platform.pk, "otterda", kinds) == []
    with CaptureQueriesContext(connection) as seen:
        assert where.find(own.platform.pk, "N1", kinds)
        assert where.find(own.platform.pk, "nothing", kinds) == []
    looked = [each["sql"] for each in seen if " LIKE " in each["sql"]]
    assert looked
    for sql in looked:
        assert '"created_at" >' in sql or "orders_business" in sql.partition("WHERE")[0]
        assert "LIMIT 20" in sql


def test_a_list_of_many_takes_no_statement_for_each(
    own: SimpleNamespace, order: Any, browser: Browser
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            browser.html(f"{reverse(WHERE)}?q=Acme+Corp")
        return len(seen)

    few = asked()
    for place in range(8):
        make.OrderFactory(platform=own.platform, name=f"N{place}", customer=order.customer)
    assert asked() == few
    assert few <= 20
