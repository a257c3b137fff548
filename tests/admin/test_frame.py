"""What stands around every page: head, menu, style; and what is said instead of a page."""

import re
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import (
    Integration,
    IntegrationObject,
    Log,
)
from otms.accounts.models import User
from otms.orders.models import TransportOrder
from tests.admin.conftest import Browser, staff, without_tags
from tests.admin.records import where


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


def test_the_sidebar_shows_what_a_person_may_see(own: SimpleNamespace) -> None:
    helper = Browser(staff(own.platform, username="helper", role=""))
    html = helper.html(reverse("admin:index"))
    assert where(Integration, "changelist") not in html
    assert helper.client.get(where(IntegrationObject, "changelist")).status_code == 403


def test_no_page_brings_a_script_of_ours() -> None:
    from pathlib import Path

    for template in (Path(__file__).parents[2] / "templates").rglob("*.html"):
        assert "<script" not in template.read_text(encoding="utf-8"), template


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
