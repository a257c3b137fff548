"""The pages of mails."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from integrations.admin.links import page_of
from integrations.inbound.email import Attachment, Mail, receive
from integrations.models import Email
from otms.orders.models import OrderStatus
from tests import make
from tests.admin.conftest import Browser, without_tags

LIST = "admin:integrations_email_changelist"
BODY = "<b>20 pallets</b> & 12.400 kg from Gent to Lille"


def page(email: Email) -> str:
    return reverse("admin:integrations_email_change", args=[email.pk])


def brought(own: SimpleNamespace, body: str = BODY, **more: Any) -> Email:
    mail = Mail("Ann <ann@example.com>", "ann@example.com", "Order 4711", body, **more)
    return receive(own.platform, None, mail, "person").email


def test_the_list_leads_to_the_mail_and_its_order(own: SimpleNamespace, browser: Browser) -> None:
    email = brought(own)
    html = browser.html(f"{reverse(LIST)}?status__exact=draft")
    assert page(email) in html
    order = reverse("admin:orders_transportorder_change", args=[email.transport_order_id])
    assert order in html
    for words in ("ann@example.com", "Order 4711", "draft"):
        assert words in without_tags(html), words
    assert page(own.email) not in html  # that one is to be reviewed
    assert page(own.email) in browser.html(f"{reverse(LIST)}?q=own-mail")


def test_what_was_found_is_marked_where_it_stands(own: SimpleNamespace, browser: Browser) -> None:
    email = brought(own)
    html = browser.html(page(email))
    marks = dict(re.findall(r'<mark class="found found-(\w+)" title="[^"]*">([^<]*)</mark>', html))
    found = re.findall(r'<mark class="found [^>]*title="([^"]*)">([^<]*)</mark>', html)
    texts = {text: title for title, text in found}
    assert texts["20"] == "consignments[0].goods[0].quantity: 20"
    assert texts["4711"] == "externalAttributes.references[0]: 4711"
    assert {"pallets", "12.400 kg", "Gent", "Lille"} <= texts.keys()
    assert marks
    words = " ".join(without_tags(html).split())
    assert "Missing: date." in words
    assert "12.400 kg" in words
    # The rest is there, as text.
    assert "&lt;b&gt;" in html
    assert "<b>20" not in html


def test_what_was_not_used_is_marked_in_a_colour_of_its_own(
    own: SimpleNamespace, browser: Browser
) -> None:
    html = browser.html(page(brought(own, "20 pallets, 400 kg, 500 kg")))
    mark = '<mark class="found found-unread" title="seen and not used">500 kg</mark>'
    assert mark in html
    assert "sure fairly sure look at it seen and not used" in " ".join(without_tags(html).split())


def test_two_fields_of_one_place_are_one_mark(own: SimpleNamespace, browser: Browser) -> None:
    html = browser.html(page(brought(own, "Pickup: 3011 AA Rotterdam")))
    (title,) = re.findall(r'title="([^"]*)">3011 AA</mark>', html)
    assert title.count(";") == 1
    assert "postalCode: 3011 AA" in title
    assert "country: NL" in title


def test_a_reply_says_what_it_answers(own: SimpleNamespace, browser: Browser) -> None:
    first = brought(own, message_id="1@x")
    reply = brought(own, "22 pallets", in_reply_to="1@x")
    html = browser.html(page(reply))
    assert page(first) in html
    assert "a person has to look" in html


def test_attachments_and_html_are_shown_as_text(own: SimpleNamespace, browser: Browser) -> None:
    email = brought(own, "<p>20 pallets</p>", attachments=[Attachment("a.csv", b"a;b\n1;2\n")])
    html = browser.html(page(email))
    assert "a.csv</a> (csv, 8" in html
    assert "&lt;p&gt;20 pallets" in html


def test_the_order_leads_back_to_its_mail_and_the_answers(
    own: SimpleNamespace, browser: Browser
) -> None:
    email = brought(own, message_id="1@x")
    reply = brought(own, "22 pallets", in_reply_to="1@x")
    order = browser.html(page_of(email.transport_order))
    assert f'href="{page(email)}"' in order
    assert f'href="{page(reply)}"' in order
    words = " ".join(without_tags(order).split())
    assert "Made of the mail Order 4711 of ann@example.com" in words
    assert "Answered by the mail Order 4711 of ann@example.com" in words
    other = browser.html(page_of(make.OrderFactory(platform=own.platform)))
    assert "of the mail" not in without_tags(other)


def test_the_list_shows_and_filters_drafts_that_are_still_open(
    own: SimpleNamespace, browser: Browser
) -> None:
    done, still = brought(own), brought(own)
    order = done.transport_order
    assert order
    order.status = OrderStatus.REQUESTED
    order.save()
    html = browser.html(reverse(LIST))
    assert order.get_status_display() in without_tags(html.split('id="result_list"')[1])
    narrowed = browser.html(f"{reverse(LIST)}?draft=open")
    assert page(still) in narrowed
    assert page(done) not in narrowed
    assert page(own.email) not in narrowed
    assert "Still open" in without_tags(html)


def test_a_mail_of_a_deleted_order_still_opens(own: SimpleNamespace, browser: Browser) -> None:
    email = brought(own)
    assert email.transport_order
    email.transport_order.delete()
    gone = f"{str(email.transport_order_id)[:8]} (deleted)"
    assert gone in without_tags(browser.html(page(email)))
    assert gone in without_tags(browser.html(reverse(LIST)))


pytestmark = pytest.mark.django_db
