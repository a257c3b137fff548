"""An owner sees how much is kept about somebody, and then has it erased."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from integrations.models import ErasureRequest, Task
from integrations.tasks import carry_out_erasures
from tests.admin.conftest import Browser, staff, without_tags

pytestmark = pytest.mark.django_db


@pytest.fixture
def page() -> str:
    return reverse("admin:integrations_task_erase")


@pytest.fixture
def owner(own: SimpleNamespace) -> Browser:
    return Browser(staff(own.platform, username="an-owner", role="owner"))


def said(answer: Any) -> str:
    return " ".join(without_tags(answer.content.decode()).split())


def erasures(of: SimpleNamespace) -> Any:
    return Task.objects.of(of.platform).filter(kind="erase")


def test_first_it_is_shown_how_much_and_then_it_is_erased(
    own: SimpleNamespace, owner: Browser, page: str
) -> None:
    seen = owner.client.post(page, {"texts": "own-order\nown-error\n"})
    text = said(seen)
    assert f"{seen.context['rows']} rows of" in text
    assert "for good: no page, no call and nobody here brings it back" in text
    assert not erasures(own).exists()
    own.row.refresh_from_db()
    assert own.row.error == "own-error"

    answer = owner.client.post(page, {"previewed": seen.context["previewed"]}, follow=True)
    task = erasures(own).get()
    assert answer.redirect_chain[0][0].endswith(f"/{task.pk}/change/")
    assert 'data-live="3"' in answer.content.decode()
    carry_out_erasures()
    answer = owner.client.get(answer.redirect_chain[0][0])
    assert "Erased from changes (1), objects of the queue (1)" in said(answer)
    assert "data-live" not in answer.content.decode()
    own.row.refresh_from_db()
    assert own.row.error == "[erased]"


def test_nothing_is_erased_that_was_not_previewed_by_the_same_person(
    own: SimpleNamespace, owner: Browser, page: str, browser: Browser
) -> None:
    others = browser.client.post(page, {"texts": "own-order"}).context["previewed"]
    for forged in (others, "own-order", ""):
        answer = owner.client.post(page, {"previewed": forged, "texts": "own-order"}, follow=True)
        assert "look again" in said(answer)
    assert not ErasureRequest.objects.across_platforms().exists()


def test_more_than_can_be_counted_can_be_erased_all_the_same(
    own: SimpleNamespace, owner: Browser, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.privacy.PREVIEW_SECONDS", -1)
    seen = owner.client.post(page, {"texts": "own-error"})
    assert "more than can be counted while you wait" in said(seen)
    assert seen.context["previewed"]


def test_records_that_still_hold_it_are_linked(
    own: SimpleNamespace, owner: Browser, page: str
) -> None:
    html = owner.client.post(page, {"texts": "own-goods"}).content.decode()
    assert "Nothing would be changed" in html
    assert reverse("admin:orders_transportorder_change", args=[own.order.pk]) in html
    assert "Still in records" in html
    assert "Still in records" not in said(owner.client.post(page, {"texts": "Zebediah"}))


def test_a_sixth_erasure_is_told_to_wait(own: SimpleNamespace, owner: Browser, page: str) -> None:
    seen = owner.client.post(page, {"texts": "own-order"})
    for _ in range(6):
        answer = owner.client.post(page, {"previewed": seen.context["previewed"]}, follow=True)
    assert "Wait until one is" in said(answer)
    assert erasures(own).count() == 5


def test_a_word_that_is_everywhere_is_warned_of(
    own: SimpleNamespace, owner: Browser, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "a common word" not in said(owner.client.post(page, {"texts": "transportOrder"}))
    monkeypatch.setattr("integrations.privacy.rows.MUCH", 0)
    assert "a common word" in said(owner.client.post(page, {"texts": "own-error"}))


def test_a_text_that_is_too_short_is_refused_with_what_to_give(owner: Browser, page: str) -> None:
    assert "give 4 to 300" in said(owner.client.post(page, {"texts": "Ann"}))


def test_an_erasure_is_shown_to_owners_alone(
    own: SimpleNamespace, owner: Browser, page: str
) -> None:
    seen = owner.client.post(page, {"texts": "own-order"})
    owner.client.post(page, {"previewed": seen.context["previewed"]})
    task = reverse("admin:integrations_task_change", args=[erasures(own).get().pk])
    assert page in owner.html(reverse("admin:index"))
    helper = Browser(staff(own.platform, username="helper", role="integration manager"))
    assert page not in helper.html(reverse("admin:index"))
    assert helper.client.get(page).status_code == 403
    assert helper.client.get(task).status_code == 404
    assert task not in helper.html(reverse("admin:integrations_task_changelist"))
