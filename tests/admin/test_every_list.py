"""Lists: what they may be asked, what narrows them, and what they cost."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError
from django.urls import reverse
from unfold.views import ChangeList

from integrations.models import (
    IntegrationObject,
)
from otms.accounts.models import PersonalToken, User
from otms.orders.models import TransportOrder
from tests import make
from tests.admin.conftest import Browser, queued, staff
from tests.admin.records import OF_THE_DEPLOYMENT, RECORDS, where


@pytest.mark.parametrize("model", RECORDS)
def test_a_list_shows_the_own_platform_alone(
    model: Any, own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    html = browser.html(where(model, "changelist"))
    assert where(model, "change", getattr(own, RECORDS[model]).pk) in html
    assert where(model, "change", getattr(foreign, RECORDS[model]).pk) not in html
    assert "foreign" not in html


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
