"""Every page opens, shows the own platform alone, and costs the same for one row and for many."""

import re
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from unfold.views import ChangeList

from integrations.models import (
    Alert,
    AlertRecipient,
    AppInstallation,
    Email,
    File,
    Integration,
    IntegrationObject,
    Log,
    MessageAutomation,
    MessageTemplate,
    RequestLog,
    Task,
)
from otms.accounts.models import AuditEntry, PersonalToken, Session, User
from otms.orders.models import Business, Event, TransportOrder
from tests import make
from tests.admin.conftest import SECRET, Browser, furnish, queued, staff, without_tags

RECORDS: dict[Any, str] = {
    User: "user",
    Session: "session",
    PersonalToken: "token",
    AuditEntry: "entry",
    Business: "business",
    TransportOrder: "order",
    Event: "event",
    Integration: "integration",
    AppInstallation: "installation",
    AlertRecipient: "recipient",
    Alert: "alert",
    IntegrationObject: "row",
    Log: "log",
    MessageAutomation: "automation",
    MessageTemplate: "template",
    RequestLog: "request",
    Task: "task",
    File: "file",
    Email: "email",
}
OF_THE_DEPLOYMENT = [PeriodicTask, IntervalSchedule, CrontabSchedule]
FACTS = [AuditEntry, IntegrationObject, Log, RequestLog, Session, PersonalToken, Task, File, Email]


def where(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_what_has_pages_is_known_here() -> None:
    assert set(admin.site._registry) == RECORDS.keys() | OF_THE_DEPLOYMENT


@pytest.mark.parametrize("model", RECORDS)
def test_a_list_shows_the_own_platform_alone(
    model: Any, own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    html = browser.html(where(model, "changelist"))
    assert where(model, "change", getattr(own, RECORDS[model]).pk) in html
    assert where(model, "change", getattr(foreign, RECORDS[model]).pk) not in html
    assert "foreign" not in html


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


JUNK = [
    "created_at__year=99999",
    "created_at__gte=never",
    "created_at__gte=99999-01-01",
    "pk__in=1,x",
    "id__gt=" + "9" * 60,
    "id__regex=(",
    "enabled__regex=(",
    "name__regex=(",
    "status__exact=%00",
    "code=%00",
    "answer=moon",
    "entity=%00",
    "integration__id__exact=moon",
    "user__id__exact=moon",
    "attempts__gt=1e400",
    "last_run_at__year=99999",
    "moon=1",
    "password__startswith=p",
    "_to_field=moon",
    "_popup=moon",
    "p=-1",
    "p=moon",
    "p=" + "9" * 40,
    "all=moon",
    "o=99.-moon.1.1.1",
    "q=%00",
    "q=" + "x" * 60_000,
    "q=" + "x+" * 2_000,
    "q=" + "%22+" * 2_000,
    "q=" + "x+" * 150,
    "q=" + "%F0%9F%9A%9B" * 50,
    "e=1",
]


# The others when there is more time.
ASKED = [TransportOrder, IntegrationObject, User]
ASKED_TOO = sorted({*RECORDS, *OF_THE_DEPLOYMENT}.difference(ASKED), key=str)


@pytest.mark.django_db(transaction=True)  # a refused query would spoil the transaction of a test
@pytest.mark.parametrize(
    "model", [*ASKED, *(pytest.param(each, marks=pytest.mark.long) for each in ASKED_TOO)]
)
def test_a_list_survives_what_it_is_asked(
    model: Any, own: SimpleNamespace, browser: Browser
) -> None:
    browser.client.raise_request_exception = False
    answers = {
        asked[:40]: browser.open(f"{where(model, 'changelist')}?{asked}").status_code
        for asked in JUNK
    }
    assert {asked: code for asked, code in answers.items() if code not in (200, 400)} == {}


@pytest.mark.parametrize("asked", ["x" * 60_000, "x " * 2_000, "own\0"])
def test_an_absurd_search_finds_nothing(asked: str, own: SimpleNamespace, browser: Browser) -> None:
    field = {"app_label": "orders", "model_name": "transportorder", "field_name": "customer"}
    found = browser.client.get(reverse("admin:autocomplete"), {**field, "term": asked})
    assert found.json()["results"] == []
    if "\0" not in asked:  # in the field above a list it is refused, with a message
        answer = browser.client.get(where(TransportOrder, "changelist"), {"q": asked})
        assert "own-order" not in answer.content.decode()


def test_a_database_that_is_away_is_no_fault_of_the_address(
    own: SimpleNamespace, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(ChangeList, "get_results", away)
    with pytest.raises(OperationalError):
        browser.open(where(TransportOrder, "changelist"))


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


@pytest.mark.parametrize("model", RECORDS)
def test_a_list_costs_the_same_for_more_rows(
    model: Any, own: SimpleNamespace, browser: Browser
) -> None:
    browser.looks(where(model, "changelist"))
    few = browser.looks(where(model, "changelist"))
    for n in range(5):
        order = make.OrderFactory(platform=own.platform)
        queued(own.integration, order)
        make.integration("http://127.0.0.1/", platform=own.platform, enabled=False)
        make.automation(own.platform, enabled=False)
        PersonalToken.generate(staff(own.platform), f"token {n}")
    assert browser.looks(where(model, "changelist")) == few
    assert few <= 12


@pytest.mark.parametrize("page", ["admin:login", "admin:index"])
def test_every_page_has_the_icon_and_the_style(page: str, browser: Browser) -> None:
    client = Client() if page == "admin:login" else browser.client
    html = client.get(reverse(page)).content.decode()
    found = re.findall(r'href="([^"]*/integrations/[^"]*[.](?:svg|css))"', html)
    assert [each.rpartition("/")[2] for each in found] == ["favicon.svg", "admin.css"]
    for address in found:
        with closing(client.get(address)) as answer:
            assert answer.status_code == 200


def test_browsers_ask_for_an_icon_by_themselves() -> None:
    with closing(Client().get("/favicon.ico", follow=True)) as answer:
        assert answer.status_code == 200
        assert answer["Content-Type"] == "image/svg+xml"


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


def test_the_sidebar_shows_what_a_person_may_see(own: SimpleNamespace) -> None:
    helper = Browser(staff(own.platform, username="helper", role=""))
    html = helper.html(reverse("admin:index"))
    assert where(Integration, "changelist") not in html
    assert helper.client.get(where(IntegrationObject, "changelist")).status_code == 403


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


def test_no_page_brings_a_script_of_ours() -> None:
    from pathlib import Path

    for template in (Path(__file__).parents[2] / "templates").rglob("*.html"):
        assert "<script" not in template.read_text(encoding="utf-8"), template


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


def test_filters_by_a_relation_offer_the_own_platforms(
    own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    lists = where(IntegrationObject, "changelist")
    assert "own-order" in browser.html(f"{lists}?integration__id__exact={own.integration.pk}")
    html = browser.html(f"{lists}?integration__id__exact={foreign.integration.pk}")
    assert "own-order" not in html
    assert "foreign-order" not in html


def test_a_list_is_narrowed_by_its_filters_alone(own: SimpleNamespace, browser: Browser) -> None:
    """By another column one could guess, letter by letter, what the list does not show."""
    tokens = where(PersonalToken, "changelist")
    assert browser.open(f"{tokens}?user__id__exact={own.user.pk}").status_code == 200
    for asked in (f"hash__startswith={own.token.hash[:3]}", "user__password__startswith=p"):
        assert browser.open(f"{tokens}?{asked}").status_code == 400
    people = where(User, "changelist")
    for asked in ("is_superuser__exact=1", "last_login__gte=2020-01-01", "tokens__name=x"):
        assert browser.open(f"{people}?{asked}").status_code == 400


@pytest.mark.parametrize("model", sorted(OF_THE_DEPLOYMENT, key=str))
def test_what_belongs_to_the_deployment_is_only_looked_at(model: Any, browser: Browser) -> None:
    """A superuser administers one platform; beat is everybody's."""
    assert browser.client.get(where(model, "add")).status_code == 403
    listed = browser.client.get(where(model, "changelist"))
    assert listed.status_code == 200
    assert b'name="action"' not in listed.content


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (lambda own: where(Integration, "changelist"), "Integrations"),
        (
            lambda own: where(Integration, "changelist") + "?enabled__exact=1",
            "Integrations 1 result ( Show all )",
        ),
        (lambda own: where(Integration, "add"), "Integrations"),
        (
            lambda own: where(Integration, "change", own.integration.pk),
            "Integrations chevron_right own-integration",
        ),
        (
            lambda own: where(Integration, "workbench", own.integration.pk),
            "Integrations chevron_right own-integration chevron_right Workbench",
        ),
        (
            lambda own: where(Integration, "import_yaml"),
            "Integrations chevron_right Import",
        ),
        (
            lambda own: where(IntegrationObject, "change", own.row.pk),
            "Queue chevron_right own-order → own-integration",
        ),
        (lambda own: reverse("admin:index"), "Overview"),
    ],
)
def test_the_head_says_where_one_is_and_names_no_app(
    of: Any, said: str, own: SimpleNamespace, browser: Browser
) -> None:
    (head,) = re.findall(r"<h1.*?</h1>", browser.html(of(own)), re.DOTALL)
    assert " ".join(without_tags(head).split()) == said


def test_who_is_refused_is_told_why_and_led_back(own: SimpleNamespace, browser: Browser) -> None:
    for role, said in (
        ("support", "Your role is support, and this is not part of it"),
        ("", "You have no role yet"),
    ):
        visitor = Browser(staff(own.platform, username=f"a-{role}", role=role))
        answer = visitor.client.get(where(User, "changelist"))
        assert answer.status_code == 403
        assert said in answer.content.decode()
        assert reverse("admin:index") in answer.content.decode()
    answer = browser.client.get(where(Log, "add"))
    assert "Nobody may" in answer.content.decode()


def test_what_is_not_there_is_told_in_words(own: SimpleNamespace, browser: Browser) -> None:
    gone = where(TransportOrder, "change", own.business.pk)
    for address in (gone, "/admin/nothing/"):
        answer = browser.client.get(address)
        assert answer.status_code == 404
        assert "no such record on your platform" in answer.content.decode()
