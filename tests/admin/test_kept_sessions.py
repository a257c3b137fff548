"""A copy of the database lets nobody into the admin."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from tests.admin.conftest import Browser, staff
from tests.make import PlatformFactory

pytestmark = pytest.mark.django_db
PAGE = reverse("admin:index")


@pytest.fixture
def browser() -> Browser:
    return Browser(staff(PlatformFactory()))


def cookie_of(browser: Browser) -> str:
    return str(browser.client.cookies["sessionid"].value)


def opens(key: str) -> bool:
    client = Client()
    client.cookies["sessionid"] = key
    return client.get(PAGE).status_code == 200


def test_what_is_kept_of_a_login_is_no_cookie(browser: Browser) -> None:
    assert opens(cookie_of(browser))
    (kept,) = Session.objects.values_list("session_key", flat=True)
    assert kept != cookie_of(browser)
    assert not opens(kept)


def test_a_login_lasts_until_logout(browser: Browser) -> None:
    key = cookie_of(browser)
    browser.client.session.save()
    assert browser.open(PAGE).status_code == 200
    assert Session.objects.count() == 1
    browser.client.post(reverse("admin:logout"))
    assert not opens(key)
    assert Session.objects.count() == 0


def test_a_login_that_expired_is_none(browser: Browser) -> None:
    Session.objects.update(expire_date=now())
    assert not opens(cookie_of(browser))
    assert not opens("")


def test_a_key_that_is_taken_is_given_to_nobody_else(browser: Browser) -> None:
    assert browser.client.session.exists(cookie_of(browser))
    assert not browser.client.session.exists("another")
