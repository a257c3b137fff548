"""Every page opens, shows the own platform alone, and costs the same for one row and for many."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from integrations.models import (
    Integration,
    IntegrationObject,
    Log,
    MessageAutomation,
    MessageTemplate,
    RequestLog,
)
from otms.accounts.models import User
from otms.orders.models import Business, Event, TransportOrder
from tests import make
from tests.admin.conftest import SECRET, Browser, furnish, staff
from tests.admin.records import FACTS, OF_THE_DEPLOYMENT, RECORDS, where


def test_what_has_pages_is_known_here() -> None:
    assert set(admin.site._registry) == RECORDS.keys() | OF_THE_DEPLOYMENT


@pytest.mark.parametrize("model", RECORDS)
def test_a_page_opens(model: Any, own: SimpleNamespace, browser: Browser) -> None:
    html = browser.html(where(model, "change", getattr(own, RECORDS[model]).pk))
    assert "own-" in html
    assert SECRET not in html


@pytest.mark.parametrize("model", RECORDS)
@pytest.mark.parametrize("page", ["change", "delete", "history"])
def test_the_page_of_another_platform_is_not_found(
    model: Any, page: str, foreign: SimpleNamespace, browser: Browser
) -> None:
    answer = browser.client.get(where(model, page, getattr(foreign, RECORDS[model]).pk))
    assert answer.status_code in (403, 404)
    assert b"foreign" not in answer.content


ADDED = [User, Business, TransportOrder, Event, Integration, MessageAutomation, MessageTemplate]


@pytest.mark.parametrize("model", ADDED)
def test_an_add_page_opens(model: Any, foreign: SimpleNamespace, browser: Browser) -> None:
    assert "foreign" not in browser.html(where(model, "add"))


@pytest.mark.parametrize("model", OF_THE_DEPLOYMENT)
def test_the_pages_of_beat_open(model: Any, browser: Browser) -> None:
    every = IntervalSchedule.objects.create(every=10, period="seconds")
    made = {
        PeriodicTask: lambda: PeriodicTask.objects.create(name="t", task="t", interval=every),
        IntervalSchedule: lambda: every,
        CrontabSchedule: CrontabSchedule.objects.create,
    }[model]()
    browser.html(where(model, "changelist"))
    browser.html(where(model, "change", made.pk))


@pytest.mark.parametrize("model", FACTS)
def test_a_fact_can_only_be_read(model: Any, own: SimpleNamespace, browser: Browser) -> None:
    pk = getattr(own, RECORDS[model]).pk
    assert browser.client.get(where(model, "add")).status_code == 403
    assert browser.client.get(where(model, "delete", pk)).status_code == 403
    assert browser.client.post(where(model, "change", pk), {}).status_code == 403


@pytest.mark.parametrize("model", [IntegrationObject, Log, RequestLog])
def test_a_page_opens_by_its_uuid(
    model: Any, own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    row = getattr(own, RECORDS[model])
    by_number, by_uuid = (browser.html(where(model, "change", key)) for key in (row.pk, row.uuid))
    assert browser.html(where(model, "changelist") + f"{row.uuid}/")
    plain = re.compile(r'name="csrfmiddlewaretoken" value="\w+"|' + f"{row.uuid}|/{row.pk}/")
    assert plain.sub("", by_uuid) == plain.sub("", by_number)
    answer = browser.client.get(where(model, "change", getattr(foreign, RECORDS[model]).uuid))
    assert answer.status_code == 404


def test_the_first_page_tells_how_it_goes(
    own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    html = browser.html(reverse("admin:index"))
    assert "own-error" in html
    assert "own-integration" in html
    assert "foreign" not in html


def test_the_recent_actions_of_a_person_are_kept(own: SimpleNamespace, browser: Browser) -> None:
    browser.saved(where(Business, "change", own.business.pk), name="renamed")
    assert "Changed Name" in browser.html(where(Business, "history", own.business.pk))


def test_who_may_only_look_sees_every_page(own: SimpleNamespace) -> None:
    every = Permission.objects.filter(codename__startswith="get:")
    may = every.values_list("codename", flat=True)
    looks = Browser(staff(own.platform, username="helper", may=may))
    for model, name in RECORDS.items():
        looks.html(where(model, "changelist"))
        html = looks.html(where(model, "change", getattr(own, name).pk))
        assert SECRET not in html
        assert 'name="_save"' not in html
    page = looks.html(where(Integration, "change", own.integration.pk))
    assert "Transport order: created" in page
    assert "http://127.0.0.1/own" in page
    assert "erp_order_id" in page


@pytest.mark.django_db
def test_what_outside_systems_wrote_stays_text() -> None:
    evil = furnish(make.PlatformFactory(), "<img src=x>")
    browser = Browser(evil.user)
    for model, name in RECORDS.items():
        pages = [where(model, "changelist"), where(model, "change", getattr(evil, name).pk)]
        for page in (*pages, reverse("admin:index")):
            html = browser.html(page)
            assert "img src=x" in html
            assert "<img src=x" not in html, page


def test_choices_are_the_own_platforms(
    own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    asked = {"app_label": "orders", "model_name": "transportorder", "field_name": "customer"}
    found = browser.client.get(reverse("admin:autocomplete"), asked).json()["results"]
    assert [each["text"] for each in found] == ["own-customer"]
    answer = browser.send(
        where(TransportOrder, "change", own.order.pk), customer=str(foreign.business.pk)
    )
    assert "customer" in answer.context["adminform"].form.errors


def test_parts_of_another_platform_cannot_be_claimed(
    own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    browser.send(
        where(TransportOrder, "change", own.order.pk),
        consignments__0__id=str(foreign.consignment.pk),
        consignments__0__name="stolen",
    )
    foreign.consignment.refresh_from_db()
    assert foreign.consignment.name == "foreign-consignment"


@pytest.mark.parametrize("model", sorted(OF_THE_DEPLOYMENT, key=str))
def test_what_belongs_to_the_deployment_is_only_looked_at(model: Any, browser: Browser) -> None:
    """A superuser administers one platform; beat is everybody's."""
    assert browser.client.get(where(model, "add")).status_code == 403
    listed = browser.client.get(where(model, "changelist"))
    assert listed.status_code == 200
    assert b'name="action"' not in listed.content
